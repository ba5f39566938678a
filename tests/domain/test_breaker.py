"""S7: how many stops within an hour are too many, and what a person has allowed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.breaker import (
    BreakerLimits,
    BreakerState,
    PlannedStop,
    Quota,
    alarm,
    count,
    excess,
    trip,
)
from app.domain.schedule import planned_stop
from tests.domain.examples import ALLOCATION, T0, TASK, notified

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
CLOSED = BreakerState()
RAN = timedelta(days=3)
"""The running time."""
SHIPPED = BreakerLimits()
MANY = BreakerLimits(max_stops_per_hour=1000)


def stop(number: int, incident: str = "i") -> PlannedStop:
    return PlannedStop(f"{incident}{number}", f"t{number}.1", f"notebook t{number} of bob")


def stops(*numbers: int) -> tuple[PlannedStop, ...]:
    return tuple(stop(number) for number in numbers)


@pytest.mark.parametrize(
    ("number", "running", "limits", "trips"),
    [
        pytest.param(10, 1000, SHIPPED, False, id="as many as an hour may have"),
        pytest.param(11, 1000, SHIPPED, True, id="one more than an hour may have"),
        pytest.param(5, 20, SHIPPED, False, id="a quarter of what runs"),
        pytest.param(6, 20, SHIPPED, True, id="one more than a quarter"),
        pytest.param(5, 23, SHIPPED, False, id="a quarter, rounded down"),
        pytest.param(6, 23, SHIPPED, True, id="a quarter is not rounded up"),
        pytest.param(3, 4, SHIPPED, False, id="the floor of a small cluster"),
        pytest.param(4, 4, SHIPPED, True, id="one more than the floor"),
        pytest.param(3, 12, SHIPPED, False, id="where floor and share are the same"),
        pytest.param(3, 0, SHIPPED, False, id="the floor where nothing runs any more"),
        pytest.param(29, 100, replace(MANY, max_share=0.29), False, id="a share no float hits"),
        pytest.param(30, 100, replace(MANY, max_share=0.29), True, id="one more than that"),
        pytest.param(100, 100, replace(MANY, max_share=1), False, id="all, where that is allowed"),
        pytest.param(1, 100, replace(SHIPPED, max_stops_per_hour=0), True, id="none in an hour"),
        pytest.param(1, 100, replace(SHIPPED, max_share=0, floor=0), True, id="none of any size"),
        pytest.param(4, 100, replace(SHIPPED, max_share=0), True, id="no share but the floor"),
    ],
)
def test_one_stop_too_many_trips_the_breaker(
    number: int, running: int, limits: BreakerLimits, *, trips: bool
) -> None:
    assert bool(excess(number, Quota(limits, running))) == trips


@pytest.mark.parametrize(
    ("number", "running", "named"),
    [
        (11, 1000, {"max_stops_per_hour"}),
        (6, 20, {"max_share"}),
        (40, 100, {"max_stops_per_hour", "max_share"}),
    ],
)
def test_the_limits_that_are_exceeded_are_named(number: int, running: int, named: set[str]) -> None:
    words = excess(number, Quota(SHIPPED, running))

    assert words.startswith(f"{number} allocations ")
    assert {name for name in ("max_stops_per_hour", "max_share") if name in words} == named


def test_both_limits_are_told_in_one_sentence() -> None:
    assert excess(40, Quota(SHIPPED, 100)) == (
        "40 allocations were stopped within the last hour or are due now; allowed are at most "
        "10 in an hour (breaker.max_stops_per_hour) and "
        "25 of the 100 that run (breaker.max_share, breaker.floor)"
    )


def test_what_is_due_counts_beside_what_was_stopped_each_allocation_once() -> None:
    quota = Quota(due=stops(2, 3, 4))
    other_alert = stop(1, incident="other")

    assert count(CLOSED, quota, stop(3), [*stops(1, 2), other_alert]) == 4


def test_a_stop_counts_by_itself_though_nobody_says_that_it_is_due() -> None:
    assert count(CLOSED, Quota(), stop(1), []) == 1


def test_without_knowing_what_runs_no_more_than_the_floor_is_allowed() -> None:
    assert not excess(SHIPPED.floor, Quota())
    assert excess(SHIPPED.floor + 1, Quota())


def test_what_a_reset_has_allowed_does_not_count_and_everything_else_does() -> None:
    tripped = trip(Quota(due=stops(1, 2, 3)), stop(1), by="watchdog", reason="3", at=T0)
    reset = tripped.switched(tripped=False, by="carol", reason="all idle", at=T0 + MINUTE)

    assert count(reset, Quota(due=stops(1, 2, 3)), stop(1), []) == 0
    assert count(reset, Quota(due=stops(1, 2, 3, 4)), stop(1), stops(5)) == 2


def test_what_was_allowed_in_one_episode_is_not_in_the_next() -> None:
    """The owner worked in between: nobody has said yes to that."""
    reset = BreakerState(tripped=False, at=T0, by="carol", stops=(stop(1),))

    assert count(reset, Quota(), stop(1, incident="next"), []) == 1


def test_a_trip_lists_all_that_was_due() -> None:
    tripped = trip(Quota(due=stops(1, 2)), stop(1), by="watchdog", reason="2", at=T0)
    undue = trip(Quota(), stop(1), by="watchdog", reason="1", at=T0)

    assert tripped == BreakerState(True, T0, "watchdog", "2", stops(1, 2))  # noqa: FBT003
    assert undue.stops == stops(1)


def test_tripped_by_hand_it_allows_nothing_in_particular_afterwards() -> None:
    allowed = BreakerState(tripped=False, at=T0, by="carol", stops=stops(1))

    panic = allowed.switched(tripped=True, by="dave", reason="wait", at=T0 + MINUTE, ran=RAN)

    assert panic == BreakerState(True, T0 + MINUTE, "dave", "wait", (), RAN)  # noqa: FBT003
    assert panic.switched(tripped=False, by="dave", reason="go on", at=T0 + HOUR).stops == ()


@pytest.mark.parametrize("tripped", [True, False], ids=["tripped", "closed"])
def test_what_it_is_already_it_stays_with_who_made_it_so(*, tripped: bool) -> None:
    state = BreakerState(tripped, T0, "carol", "why", stops(1))

    assert state.switched(tripped=tripped, by="dave", reason="again", at=T0 + HOUR) is state


@pytest.mark.parametrize(
    ("state", "since"),
    [
        pytest.param(CLOSED, -HOUR, id="never touched"),
        pytest.param(replace(CLOSED, ran=RAN - MINUTE), -MINUTE, id="reset within the window"),
        pytest.param(replace(CLOSED, ran=RAN - 2 * HOUR), -HOUR, id="reset before the window"),
        pytest.param(BreakerState(tripped=True, ran=RAN - MINUTE), -HOUR, id="tripped"),
    ],
)
def test_stops_count_for_an_hour_or_from_the_reset(state: BreakerState, since: timedelta) -> None:
    assert state.counts_since(RAN, HOUR) == RAN + since


def test_the_alarm_says_why_what_was_about_to_happen_and_how_to_allow_it() -> None:
    text = alarm(trip(Quota(due=stops(1, 2)), stop(1), by="watchdog", reason="2 are due", at=T0))

    assert "Why: 2 are due." in text
    assert text.splitlines()[-2:] == [
        "• i1 · notebook t1 of bob",
        "• i2 · notebook t2 of bob",
    ]
    for way in ('{"action": "reset"', "mode: warn"):
        assert way in text


def test_s12_the_alarm_allows_single_stops_in_a_way_that_the_history_has_as_stops() -> None:
    """What is killed in Determined itself is, to the watchdog, a task that ended by itself."""
    text = alarm(trip(Quota(due=stops(1)), stop(1), by="watchdog", reason="1 is due", at=T0))

    assert '`gpu-watchdog kill INCIDENT --reason "…"`' in text
    assert 'POST /api/v1/incidents/INCIDENT/kill {"reason": "…"}' in text
    assert "`--allocation` or `allocation_ids`" in text
    assert "det " not in text


@pytest.mark.parametrize(
    ("number", "last"), [(9, "• i9 · notebook t9 of bob"), (40, "… and 31 more")]
)
def test_the_alarm_lists_at_most_ten_lines(number: int, last: str) -> None:
    due = stops(*range(1, number + 1))

    text = alarm(trip(Quota(due=due), due[0], by="watchdog", reason="many", at=T0))

    head, _, listed = text.partition("lists them):\n")
    assert f"{number} in all" in head
    assert len(listed.splitlines()) <= 10
    assert listed.splitlines()[-1] == last


def test_a_planned_stop_is_one_short_line_whatever_its_owner_calls_it() -> None:
    incident = notified()
    target = replace(incident.targets[0], name="`rm`\n• notebook of carol\u2028" + "x" * 1000)

    planned = planned_stop(incident, target)

    assert planned == PlannedStop("i1", ALLOCATION)
    assert planned.task.startswith(f"notebook {TASK} “rm • notebook of carol xx")
    assert planned.task.endswith("x” of bob")
    assert len(planned.task.splitlines()) == 1
    assert len(planned.task) < 120


def test_an_intent_is_measured_strictly_unless_somebody_says_by_what() -> None:
    assert e.StopProven(ALLOCATION, "n1", {}).quota == Quota(SHIPPED, running=0, due=())
