"""What an alert has to do with the recovery before it."""

from datetime import datetime, timedelta

import pytest

from app.domain.opening import Before
from app.domain.policy import Limits
from tests.domain.examples import T0

MINUTE = timedelta(minutes=1)
LIMITS = Limits(unconfirmed=15 * MINUTE, again_within=30 * MINUTE)


def before(ago: timedelta, limits: Limits = LIMITS) -> Before:
    return Before({"k": T0 - ago}, T0, limits)


@pytest.mark.parametrize(
    ("ago", "is_back"), [(30 * MINUTE, True), (30 * MINUTE + timedelta(seconds=1), False)]
)
def test_an_alert_comes_back_only_shortly_after_it_was_settled(
    ago: timedelta, *, is_back: bool
) -> None:
    assert (before(ago).settled_at("k") is not None) == is_back
    assert before(ago).settled_at("other") is None


@pytest.mark.parametrize(
    ("ago", "began", "is_left_over"),
    [
        (5 * MINUTE, T0 - 60 * MINUTE, True),
        (5 * MINUTE, None, True),
        (5 * MINUTE, T0 - MINUTE, False),
        (20 * MINUTE, T0 - 60 * MINUTE, False),
    ],
    ids=["it began before", "nobody says when it began", "it began after", "long ago"],
)
def test_what_began_before_a_recovery_that_was_just_seen_is_left_over_from_it(
    ago: timedelta, began: datetime | None, *, is_left_over: bool
) -> None:
    assert before(ago).is_left_over("k", began) == is_left_over
    assert not before(ago).is_left_over("other", began)


def test_both_are_looked_for_as_far_back_as_either_needs() -> None:
    other = Limits(unconfirmed=60 * MINUTE, again_within=30 * MINUTE)

    assert Before.since(T0, LIMITS) == T0 - 30 * MINUTE
    assert Before.since(T0, other) == T0 - 60 * MINUTE
    assert before(40 * MINUTE, other).settled_at("k") is None
