"""The answer clock counts only the time in which owners could have said no."""

from datetime import timedelta

import pytest

from app.domain.clock import APART, AnswerClock
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


@pytest.mark.parametrize(
    ("wall", "monotonic", "ran"),
    [(15, 15, 15), (7200, 15, 15), (-7200, 15, 0), (7200, 7200, 7200), (7200, 0, 0)],
    ids=[
        "an ordinary tick",
        "the wall clock jumped ahead",
        "the wall clock was set back",
        "the loop hung",
        "the receiver was down",
    ],
)
def test_s7_the_running_time_is_never_longer_than_what_has_gone_by(
    wall: int, monotonic: int, ran: int
) -> None:
    clock = CLOCK.tick(
        now=T0 + timedelta(seconds=wall),
        monotonic=timedelta(seconds=monotonic),
        gap=GAP,
        answerable=False,
    )

    assert clock.ran == timedelta(seconds=ran)


@pytest.mark.parametrize(
    ("later", "counted"),
    [(7, 7), (60, 60), (61, 60), (7200, 60), (-7200, 0)],
    ids=[
        "between two ticks",
        "after the longest gap",
        "a second later",
        "no tick for two hours, or the wall clock jumped ahead",
        "the wall clock was set back",
    ],
)
def test_s7_what_happens_between_two_ticks_is_dated_a_minute_ahead_at_most(
    later: int, counted: int
) -> None:
    """A reset that is dated hours ahead would let no stop count for as long."""
    ran = CLOCK.ran_at(T0 + timedelta(seconds=later))

    assert ran - CLOCK.ran == timedelta(seconds=counted)


@pytest.mark.parametrize(
    ("warned", "counted"),
    [(7, 7), (60, 60), (61, 60), (3600, 60), (-3600, 0)],
    ids=[
        "between two ticks",
        "after the longest gap",
        "a second later",
        "no tick for an hour",
        "the wall clock was set back",
    ],
)
def test_s13_a_grace_period_starts_at_the_most_that_the_next_tick_can_make_of_it(
    warned: int, counted: int
) -> None:
    start = CLOCK.latest(T0 + timedelta(seconds=warned), GAP)

    assert start - CLOCK.elapsed == timedelta(seconds=counted)


@pytest.mark.parametrize("behind", [0, 3, 5])
def test_s13_no_time_before_the_warning_counts_though_it_is_stamped_by_a_clock_behind(
    behind: int,
) -> None:
    stamped = T0 + timedelta(seconds=7 - behind)

    start = CLOCK.latest(stamped, GAP, apart=APART)

    assert start - CLOCK.elapsed >= timedelta(seconds=7)


@pytest.mark.parametrize("warned", [0, 7, 15], ids=["at the tick", "between", "at the next tick"])
def test_s13_no_time_before_the_warning_counts(warned: int) -> None:
    start = CLOCK.latest(T0 + timedelta(seconds=warned), GAP)

    after = CLOCK.tick(
        now=T0 + timedelta(seconds=15), monotonic=timedelta(seconds=15), gap=GAP, answerable=True
    )

    assert after.elapsed - start == timedelta(seconds=15 - warned)
