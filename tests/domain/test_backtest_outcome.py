"""Warnings and stops that would have followed from what a backtest judged."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from app.domain.backtest_course import Grid
from app.domain.backtest_outcome import Enforcement, Outcome, Use, UsedAgain, firing
from app.domain.backtest_verdict import IdleRule, Verdict
from app.domain.cluster import TaskType
from app.domain.marks import Marks, marked
from app.domain.policy import Fallback, Policy, StopAction
from app.domain.waking import WakingHours
from tests.domain.courses import MINUTE, after, course, holder, stretches, tracks

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
GRID = Grid(NOON)
RULE = IdleRule()
HOUR = timedelta(hours=1)
LENGTH = after(30 * 60)
DAY = WakingHours(time(9), time(21))
POLICY = Policy(
    "reclaim", action=StopAction.KILL, grace={TaskType.NOTEBOOK: 2 * HOUR}, waking_hours=DAY
)
ENFORCED = Enforcement(RULE, POLICY, since=NOON, until=NOON + 30 * HOUR)


def idle(*stretches_: tuple[float, int]) -> Marks:
    """Return the steps that were idle, from minutes."""
    return marked(bool(each) for value, long in stretches_ for each in [value] * after(long))


def spans(marks: Marks, rule: IdleRule = RULE) -> list[tuple[int, int]]:
    return list(firing(marks, rule, GRID))


def outcome(
    marks: Marks,
    *,
    enforced: Enforcement = ENFORCED,
    task_type: str = "trial",
    by_window: bool = True,
    **happened: list[float],
) -> Outcome:
    one = course(tracks(LENGTH, **happened), of=holder(task_type))
    verdict = Verdict(marks, marks if by_window else 0, {})
    return enforced.outcome(one, verdict, GRID, UTC)


def at(minutes: float) -> datetime:
    return NOON + minutes * MINUTE


# --- The alert -----------------------------------------------------------------------------------


def test_alert_fires_after_five_minutes_and_ends_ten_after_the_condition() -> None:
    assert spans(idle((0, 1), (1, 30), (0, 60))) == [(after(6), after(41))]


@pytest.mark.parametrize(("steps", "fires"), [(10, False), (11, True)])
def test_condition_must_hold_through_all_of_the_five_minutes(steps: int, *, fires: bool) -> None:
    assert bool(spans((1 << steps) - 1)) == fires


def test_pause_before_it_fires_begins_the_five_minutes_anew() -> None:
    assert spans(idle((1, 4), (0, 1), (1, 30))) == [(after(10), after(45))]


@pytest.mark.parametrize(("minutes", "alerts"), [(10, 1), (10.5, 2)])
def test_what_hides_it_for_ten_minutes_does_not_end_it(minutes: float, alerts: int) -> None:
    hidden = [False] * after(minutes)
    both = [True] * after(30)

    assert len(spans(marked([*both, *hidden, *both]))) == alerts


def test_what_holds_to_the_end_fires_to_the_end() -> None:
    assert spans(idle((1, 30))) == [(after(5), after(40))]


# --- Warnings and stops --------------------------------------------------------------------------


def test_stop_follows_a_whole_grace_period_after_the_warning() -> None:
    found = outcome(idle((0, 10), (1, 600)))

    assert found.warned == (at(15),)
    assert found.stop
    assert (found.stop.warned_at, found.stop.at) == (at(15), at(75))


def test_what_fires_already_is_warned_when_the_time_begins() -> None:
    later = replace(ENFORCED, since=at(120))

    found = outcome(idle((1, 600)), enforced=later)

    assert found.stop
    assert (found.warned, found.stop.at) == ((at(120),), at(180))


def test_activity_within_the_grace_period_makes_it_begin_anew() -> None:
    found = outcome(idle((1, 50), (0, 40), (1, 600)))

    assert found.warned == (at(5), at(95))
    assert found.stop
    assert found.stop.at == at(155)


def test_stop_that_cannot_be_proven_waits_until_it_can() -> None:
    found = outcome(idle((1, 60), (0, 9), (1, 600)))

    assert found.stop
    assert (found.warned, found.stop.at) == ((at(5),), at(69))


def test_alert_that_ends_before_it_can_be_proven_stops_nothing() -> None:
    assert outcome(idle((1, 64), (0, 60))) == Outcome((at(5),), None)


def test_condition_that_holds_again_after_its_alert_has_ended_is_warned_again_first() -> None:
    """Due at 125 min, when the condition was gone; it is back when the alert is not."""
    found = outcome(idle((1, 120), (0, 20), (1, 300)), task_type="notebook")

    assert found.warned == (at(5), at(145))
    assert found.stop
    assert found.stop.at == at(265)


def test_nothing_is_stopped_at_or_after_the_end_of_the_time() -> None:
    found = [
        outcome(idle((1, 600)), enforced=replace(ENFORCED, until=at(minutes))).stop
        for minutes in (65, 65.5)
    ]

    assert [each is not None for each in found] == [False, True]


def test_policy_that_stops_nothing_warns() -> None:
    advises = replace(ENFORCED, policy=Policy("advise"))

    assert outcome(idle((1, 600)), enforced=advises) == Outcome((at(5),), None)


def test_what_cannot_be_paused_is_stopped_only_where_the_policy_falls_back() -> None:
    pauses = replace(POLICY, action=StopAction.PAUSE)
    policies = (pauses, replace(pauses, fallback=Fallback.KILL))

    found = [
        outcome(idle((1, 600)), enforced=replace(ENFORCED, policy=each), task_type="command").stop
        for each in policies
    ]

    assert [each is not None for each in found] == [False, True]


# --- Waking hours --------------------------------------------------------------------------------


def test_notebook_is_warned_in_the_morning_of_what_was_found_at_night() -> None:
    found = outcome(idle((0, 10 * 60), (1, 18 * 60)), task_type="notebook")

    assert found.stop
    assert (found.warned, found.stop.at) == ((at(21 * 60),), at(23 * 60))


def test_grace_period_that_the_evening_breaks_begins_anew_in_the_morning() -> None:
    found = outcome(idle((0, 7 * 60), (1, 21 * 60)), task_type="notebook")

    assert found.warned == (at(7 * 60 + 5), at(21 * 60))
    assert found.stop
    assert found.stop.at == at(23 * 60)


def test_grace_period_has_to_end_before_the_evening() -> None:
    ends_before, ends_with_it = (
        outcome(idle((0, minutes), (1, 150)), task_type="notebook").stop
        for minutes in (7 * 60 - 6, 7 * 60 - 5)
    )

    assert ends_before
    assert ends_before.at == at(9 * 60 - 1)
    assert ends_with_it is None


def test_proof_that_comes_at_night_stops_nothing() -> None:
    """Due five minutes before nine in the evening, hidden until three minutes after it."""
    found = outcome(idle((0, 410), (1, 124), (0, 9), (1, 60)), task_type="notebook")

    assert found == Outcome((at(415),), None)


def test_trial_has_no_night() -> None:
    found = outcome(idle((0, 10 * 60), (1, 600)))

    assert found.stop
    assert found.stop.at == at(11 * 60 + 5)


def test_type_that_nobody_knows_waits_as_a_notebook_does() -> None:
    found = [outcome(idle((1, 600)), task_type=each) for each in ("notebook", "", "quantum")]

    assert found[0].stop
    assert found[0] == found[1] == found[2]


# --- Whether it was right ------------------------------------------------------------------------


def test_use_of_a_gpu_after_the_stop_makes_it_wrong() -> None:
    used = stretches((0, after(100)), (1, 1), (0, LENGTH))

    found = outcome(idle((1, 90)), gpu_active=used)

    assert found.stop
    assert found.stop.used_again == UsedAgain(at(100), Use.GPU)
    assert found.stop.freed == 35 * MINUTE


def test_work_beside_the_gpus_makes_it_wrong_where_it_would_have_been_a_veto() -> None:
    works = stretches((0, after(100)), (1, 1), (0, LENGTH))

    found = [
        outcome(idle((1, 90)), by_window=each, host_active=works).stop for each in (True, False)
    ]

    assert [each.used_again if each else None for each in found] == [
        UsedAgain(at(100), Use.HOST),
        None,
    ]


def test_first_use_counts_and_use_before_the_stop_does_not() -> None:
    works = stretches((1, after(10)), (0, after(110)), (1, 1), (0, LENGTH))
    used = stretches((1, after(10)), (0, after(140)), (1, 1), (0, LENGTH))

    found = outcome(idle((1, 90)), host_active=works, gpu_active=used)

    assert found.stop
    assert found.stop.used_again == UsedAgain(at(120), Use.HOST)


def test_what_is_never_used_again_was_held_to_its_end() -> None:
    found = outcome(idle((1, 90)), held=stretches((1, after(300))))

    assert found.stop
    assert (found.stop.used_again, found.stop.ended_at) == (None, at(300))
    assert found.stop.freed == 235 * MINUTE


def test_nothing_is_counted_beyond_the_end_of_the_time() -> None:
    short = replace(ENFORCED, until=at(120))
    used = stretches((0, after(130)), (1, 1), (0, LENGTH))

    found = outcome(idle((1, 90)), enforced=short, gpu_active=used)

    assert found.stop
    assert (found.stop.used_again, found.stop.ended_at) == (None, at(120))
