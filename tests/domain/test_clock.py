"""The answer clock counts only the time in which owners could have said no."""

from datetime import timedelta

import pytest

from app.domain.clock import AnswerClock
from tests.domain.examples import T0

CLOCK = AnswerClock(timedelta(minutes=10), T0)
GAP = timedelta(seconds=60)


@pytest.mark.parametrize(
    ("wall", "monotonic", "answerable", "counted"),
    [
        (15, 15, True, 15),
        (20, 15, True, 15),
        (15, 20, True, 15),
        (60, 60, True, 60),
        (61, 15, True, 0),
        (15, 61, True, 0),
        (3600, 0, True, 0),
        (-3600, 15, True, 0),
        (15, 15, False, 0),
    ],
    ids=[
        "an ordinary tick",
        "the wall clock jumped ahead a little",
        "the wall clock was set back a little",
        "the longest gap",
        "a gap on the wall",
        "a gap in the process",
        "the first tick after a restart",
        "the wall clock was set back",
        "Slack is out of reach",
    ],
)
def test_what_a_tick_counts(wall: int, monotonic: int, *, answerable: bool, counted: int) -> None:
    clock = CLOCK.tick(
        now=T0 + timedelta(seconds=wall),
        monotonic=timedelta(seconds=monotonic),
        gap=GAP,
        answerable=answerable,
    )

    assert clock.elapsed - CLOCK.elapsed == timedelta(seconds=counted)
    assert clock.advanced_at == T0 + timedelta(seconds=wall)


def test_a_grace_period_starts_at_the_most_that_the_next_tick_can_make_of_it() -> None:
    warned_at = T0 + timedelta(seconds=7)

    start = CLOCK.latest(warned_at)

    after = CLOCK.tick(
        now=T0 + timedelta(seconds=15), monotonic=timedelta(seconds=15), gap=GAP, answerable=True
    )
    assert after.elapsed - start <= timedelta(seconds=8)
