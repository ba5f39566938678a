"""Each condition of the idle rule at its edge, as a backtest judges a course."""

from datetime import timedelta

import pytest

from app.domain.backtest_course import Grid
from app.domain.backtest_verdict import IdleRule, Unjudged, Verdict, judge
from app.domain.marks import first
from tests.domain.courses import MINUTE, NONE, Happened, after, course, stretches, tracks
from tests.domain.examples import T0

GRID = Grid(T0)
LENGTH = after(360)
RULE = IdleRule()
HALF_HOUR = after(30)
START_UP = after(10)


def verdict(parts: Happened, rule: IdleRule = RULE, *, window: timedelta = 30 * MINUTE) -> Verdict:
    return judge(course(parts, window=window), rule, GRID)


def first_idle(parts: Happened, rule: IdleRule = RULE) -> int | None:
    return first(verdict(parts, rule).idle, 0)


def test_window_begins_after_the_start_up() -> None:
    assert first_idle(tracks(LENGTH)) == HALF_HOUR + START_UP


def test_window_is_that_of_the_allocation_its_type_or_of_all_in_rising_order() -> None:
    rules = (RULE, IdleRule(window=50 * MINUTE), IdleRule(50 * MINUTE, {"notebook": 45 * MINUTE}))

    assert [first_idle(tracks(LENGTH), rule) for rule in rules] == [
        after(30) + START_UP,
        after(50) + START_UP,
        after(45) + START_UP,
    ]


@pytest.mark.parametrize("name", ["gpu_active", "host_active"])
def test_activity_counts_until_the_window_has_forgotten_it(name: str) -> None:
    works = stretches((0, 60), (1, 1), (0, LENGTH))

    assert first_idle(tracks(LENGTH, **{name: works})) == 60 + HALF_HOUR + 1


def test_work_beside_the_gpus_is_a_reason_for_four_hours_and_no_longer() -> None:
    works = tracks(LENGTH, host_active=[1] * LENGTH)

    found = verdict(works)

    assert first(found.idle, 0) == after(4 * 60) + START_UP
    assert found.by_window == 0


def test_gpu_at_work_is_a_reason_for_as_long_as_the_summaries_of_four_hours_have_it() -> None:
    parts = tracks(
        LENGTH, host_active=[1] * LENGTH, gpu_active=stretches((0, 60), (1, 1), (0, LENGTH))
    )

    assert first_idle(parts) == 60 + after(4 * 60 + 5) + 1


def test_host_that_is_not_seen_leaves_the_four_hours() -> None:
    found = verdict(tracks(LENGTH, host_active=[]))

    assert first(found.idle, 0) == after(4 * 60) + START_UP
    assert first(found.unjudged[Unjudged.HOST_UNSEEN], 0) == HALF_HOUR + START_UP
    assert not found.unjudged[Unjudged.HOST_UNSEEN] & found.idle


def test_host_is_seen_well_with_nine_tenths_of_a_window() -> None:
    """Of its 61 steps, 55 must be there."""
    for hidden, expected in ((6, HALF_HOUR + START_UP), (7, HALF_HOUR + START_UP + 1)):
        parts = tracks(LENGTH, host_active=stretches((0, START_UP), (NONE, hidden), (0, LENGTH)))

        assert first_idle(parts) == expected


def test_host_at_rest_counts_only_while_it_was_seen_within_ten_minutes() -> None:
    rule = IdleRule(window=200 * MINUTE)
    parts = tracks(LENGTH, host_active=stretches((0, after(215)), (NONE, LENGTH)))

    assert verdict(parts, rule).by_window.bit_length() == after(215) + after(10)


@pytest.mark.parametrize(("share", "is_enough"), [(0.9, True), (0.89, False)])
def test_nine_tenths_of_the_samples_are_enough(share: float, *, is_enough: bool) -> None:
    found = verdict(tracks(LENGTH, coverage=[share] * LENGTH))

    assert bool(found.idle) == is_enough
    assert bool(found.unjudged[Unjudged.GPUS_UNSEEN]) != is_enough


def test_less_may_be_asked_of_the_samples() -> None:
    parts = tracks(LENGTH, coverage=[0.7] * LENGTH)

    assert first_idle(parts, IdleRule(coverage=0.7)) == HALF_HOUR + START_UP


def test_gpus_that_were_never_seen_are_told_apart() -> None:
    found = verdict(tracks(LENGTH, coverage=[], gpu_active=[], signals=[]))

    assert found.idle == 0
    assert found.unjudged[Unjudged.NEVER_SEEN]
    assert not found.unjudged[Unjudged.GPUS_UNSEEN]


def test_signal_that_has_fallen_silent_is_awaited_until_the_window_has_forgotten_it() -> None:
    parts = tracks(LENGTH, signals=stretches((4, 100), (3, LENGTH)))

    found = verdict(parts)

    assert first(found.idle, 100) == 100 + HALF_HOUR
    assert first(found.unjudged[Unjudged.SIGNALS_LOST], 0) == 100


def test_last_ten_minutes_are_looked_at_however_short_the_window_is() -> None:
    rule = IdleRule(window=5 * MINUTE)
    works = stretches((0, 100), (1, 1), (0, LENGTH))
    falls_silent = stretches((4, 100), (3, LENGTH))

    found = [
        first(verdict(parts, rule).idle, 100)
        for parts in (
            tracks(LENGTH, gpu_active=works),
            tracks(LENGTH, host_active=works),
            tracks(LENGTH, signals=falls_silent),
        )
    ]

    assert found == [100 + after(10) + 1, 100 + after(10) + 1, 100 + after(10)]


def test_signal_that_was_silent_before_hinders_nothing() -> None:
    parts = tracks(LENGTH, signals=stretches((3, 100), (4, LENGTH)))

    assert first(verdict(parts).idle, 100) == 100


def test_nothing_is_idle_without_a_signal_now() -> None:
    parts = tracks(LENGTH, signals=stretches((4, 100)))

    assert verdict(parts).idle.bit_length() == 100


def test_nothing_is_idle_of_which_no_gpu_was_judged_within_ten_minutes() -> None:
    parts = tracks(LENGTH, gpu_active=stretches((0, 100)))

    assert verdict(parts).idle.bit_length() == 100 + after(10)


def test_nothing_is_idle_that_is_held_no_more() -> None:
    parts = tracks(LENGTH, held=stretches((1, 100)))

    assert verdict(parts).idle.bit_length() == 100


def test_gap_before_the_window_leaves_the_verdict_open() -> None:
    """Neither the rows of before it nor those after it prove that it held the GPUs there."""
    gap = stretches((1, 120), (0, after(15)), (1, LENGTH))
    parts = tracks(LENGTH, coverage=gap)

    found = verdict(parts)

    hidden = 120 + HALF_HOUR + START_UP + after(10)
    assert first(found.unjudged[Unjudged.GAP], 0) == hidden
    assert first(found.idle, hidden) == 120 + after(15) + HALF_HOUR + START_UP


def test_what_is_too_young_is_not_called_unjudged() -> None:
    away = [NONE] * 100
    parts = tracks(
        LENGTH,
        **{
            name: [*away, *[value] * LENGTH]
            for name, value in (("held", 1), ("coverage", 1), ("gpu_active", 0), ("signals", 4))
        },
        host_active=[*away, *[0] * LENGTH],
    )

    found = verdict(parts)

    assert first(found.idle, 0) == 100 + HALF_HOUR + START_UP
    assert not any(found.unjudged.values())


@pytest.mark.parametrize("name", ["gpu_active", "host_active"])
def test_what_works_is_judged_however_little_was_seen(name: str) -> None:
    parts = tracks(LENGTH, coverage=[0.5] * LENGTH, **{name: [1] * LENGTH})

    assert not any(verdict(parts).unjudged.values())


def test_parts_of_a_course_are_one() -> None:
    whole = course(tracks(LENGTH, gpu_active=stretches((0, 60), (1, 30), (0, LENGTH))))
    parts = course(tracks(75, gpu_active=stretches((0, 60), (1, 15))))

    parts.extend(
        75, LENGTH - 75, tracks(LENGTH - 75, gpu_active=stretches((1, 15), (0, LENGTH))).tracks
    )

    assert judge(parts, RULE, GRID) == judge(whole, RULE, GRID)


def test_part_in_which_there_were_no_rows_is_a_gap() -> None:
    parts = course(tracks(60))

    parts.extend(120, 60, tracks(60).tracks)

    found = [parts.held, parts.gpu_seen, parts.host_seen]
    assert found == [((1 << 60) - 1) | ((1 << 60) - 1) << 120] * 3
    assert parts.coverage == {3_600: found[0]}


def test_step_of_a_moment_is_the_first_that_is_not_before_it() -> None:
    moments = [T0 + timedelta(seconds=seconds) for seconds in (0, 1, 30, 31)]

    assert [GRID.index(each) for each in moments] == [0, 1, 1, 2]


def test_looking_back_is_as_long_as_the_first_verdict_needs() -> None:
    assert RULE.looks_back == timedelta(hours=4, minutes=35)
    assert IdleRule(window=5 * 60 * MINUTE).looks_back == timedelta(hours=5, minutes=35)
