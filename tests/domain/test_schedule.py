"""What is due, and when."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.cluster import TaskType
from app.domain.incident import Incident, IntentState, StopRequest, Target
from app.domain.policy import Fallback, Limits, Mode, Policy, StopAction
from app.domain.reminders import due_reminder
from app.domain.schedule import deadlines, due_targets, is_unsettled, planned_stop, soonest
from tests.domain.examples import (
    ALLOCATION,
    GRACE,
    POLICY,
    RECEIPT,
    T0,
    TASK,
    after,
    escalated,
    firing,
    given_warning,
    held,
    notified,
    sent,
    stopping,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
PAUSE = StopAction.PAUSE


def due(incident: Incident, clock: timedelta, wall: timedelta | None = None) -> list[str]:
    now = T0 + (clock if wall is None else wall)
    return [t.allocation_id for t in due_targets(incident, POLICY, clock=clock, now=now)]


def test_a_target_is_due_when_its_whole_grace_period_is_over() -> None:
    assert due(notified(), GRACE) == [ALLOCATION]
    assert due(notified(), GRACE - SECOND) == []


def test_the_answer_clock_alone_makes_nothing_due() -> None:
    assert due(notified(), GRACE, wall=GRACE - SECOND) == []


def test_the_wall_alone_makes_nothing_due() -> None:
    assert due(notified(), GRACE - SECOND, wall=GRACE * 2) == []


@pytest.mark.parametrize(
    ("policy", "is_announced"),
    [
        pytest.param(POLICY, True, id="kills"),
        pytest.param(replace(POLICY, action=PAUSE, fallback=Fallback.KILL), True, id="or kills"),
        pytest.param(replace(POLICY, action=PAUSE, fallback=Fallback.NONE), False, id="spares"),
    ],
)
def test_s10_what_the_policy_spares_by_now_has_no_deadline(
    policy: Policy, *, is_announced: bool
) -> None:
    """A notebook cannot be paused. It stays a target of its user's where it was called before."""
    now = T0 + GRACE - MINUTE
    clock = now - T0

    assert bool(deadlines(notified(), policy, clock=clock, now=now)) is is_announced
    assert (soonest(notified(), policy, clock=clock, now=now) is not None) is is_announced
    assert (due_reminder(notified(), policy, clock=clock, now=now) is not None) is is_announced


def test_what_can_be_paused_is_not_spared_where_nothing_else_is_done() -> None:
    pauses = replace(POLICY, action=PAUSE, fallback=Fallback.NONE)
    trial = notified().with_target(replace(notified().targets[0], task_type=TaskType.TRIAL))

    assert deadlines(trial, pauses, clock=timedelta(), now=T0) == {ALLOCATION: T0 + GRACE}


def test_a_grace_period_begins_at_the_reading_of_the_answer_clock_when_it_was_told() -> None:
    began = timedelta(days=9)
    warned = after(
        firing(), e.WarningDelivered(1, RECEIPT, {ALLOCATION: given_warning(clock=began)})
    )

    assert due(warned, began + GRACE, wall=GRACE) == [ALLOCATION]
    assert due(warned, began + GRACE - SECOND, wall=GRACE) == []


def test_of_two_that_are_due_at_once_the_first_is_named() -> None:
    [target] = notified().targets
    twin = replace(target, allocation_id="another.1")
    both = replace(notified(), targets=(target, twin))

    assert soonest(both, POLICY, clock=timedelta(), now=T0) == (GRACE, target)


def test_s1_nothing_that_no_warning_has_named_is_due_beside_what_was_warned_about() -> None:
    unnamed = notified().with_target(replace(notified().targets[0], warning=None))

    assert due(unnamed, GRACE * 2) == []


@pytest.mark.parametrize("state", [firing, held, stopping, escalated], ids=lambda f: f.__name__)
def test_nothing_is_due_without_a_warning_or_with_an_intent(state: Callable[[], Incident]) -> None:
    assert due(state(), GRACE * 2) == []


def test_nothing_is_due_in_mode_warn() -> None:
    warned = replace(notified(), mode=Mode.WARN)

    assert due(warned, GRACE * 2) == []
    assert deadlines(warned, POLICY, clock=timedelta(), now=T0) == {}


def test_the_deadline_moves_with_the_time_that_did_not_count() -> None:
    down = timedelta(minutes=30)

    moved = deadlines(notified(), POLICY, clock=timedelta(), now=T0 + down)

    assert moved == {ALLOCATION: T0 + GRACE + down}


@pytest.mark.parametrize(
    ("attempts", "minutes"),
    [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 16), (19, 16)],
)
def test_each_attempt_is_given_twice_the_time_of_the_one_before_up_to_a_cap(
    attempts: int, minutes: int
) -> None:
    assert Limits().retry_after(attempts) == minutes * MINUTE


def tried(attempts: int, **changes: object) -> Target:
    """Return the target of an incident after its last attempt, which was made at T0."""
    incident = sent()
    [target] = incident.targets
    assert target.intent
    intent = replace(target.intent, attempts=attempts, attempted_at=T0, **changes)  # type: ignore[arg-type] # Changes are words of the test.
    return replace(target, intent=intent)


@pytest.mark.parametrize(
    "state", [IntentState.SENDING, IntentState.SENT, IntentState.UNCONFIRMED, IntentState.RECORDED]
)
def test_s6_an_attempt_is_followed_by_another_once_its_effect_had_the_time_to_show(
    state: IntentState,
) -> None:
    target = tried(3, state=state)

    assert not is_unsettled(target, Limits(), T0 + 4 * MINUTE - SECOND)
    assert is_unsettled(target, Limits(), T0 + 4 * MINUTE)


def test_an_intent_that_was_never_sent_waits_for_nothing() -> None:
    [target] = stopping().targets

    assert is_unsettled(target, Limits(), T0)


@pytest.mark.parametrize("state", [IntentState.DONE, IntentState.WITHDRAWN])
def test_what_has_come_to_its_end_is_not_tried_again(state: IntentState) -> None:
    assert not is_unsettled(tried(1, state=state), Limits(), T0 + GRACE)
    assert not is_unsettled(replace(tried(1), intent=None), Limits(), T0 + GRACE)


@pytest.mark.parametrize(
    ("state", "attempts", "minutes"),
    [
        (IntentState.SENT, 1, 65),
        (IntentState.SENDING, 5, 65),
        (IntentState.UNCONFIRMED, 1, 1),
        (IntentState.UNCONFIRMED, 3, 4),
    ],
)
def test_a_pause_that_may_have_been_taken_is_given_the_time_for_a_checkpoint(
    state: IntentState, attempts: int, minutes: int
) -> None:
    target = tried(attempts, state=state, action=StopAction.PAUSE)

    assert not is_unsettled(target, Limits(), T0 + minutes * MINUTE - SECOND)
    assert is_unsettled(target, Limits(), T0 + minutes * MINUTE)


def test_a_pause_is_not_repeated_sooner_than_a_kill_would_be() -> None:
    target = tried(5, action=StopAction.PAUSE)
    limits = Limits(pause_retry=2 * MINUTE)

    assert not is_unsettled(target, limits, T0 + 16 * MINUTE - SECOND)


def test_who_asks_for_a_stop_that_was_refused_waits_no_longer_than_after_the_first_attempt() -> (
    None
):
    target = replace(tried(5), request=StopRequest("carol", T0 + SECOND))
    before = replace(target, request=StopRequest("carol", T0))

    assert is_unsettled(target, Limits(), T0 + MINUTE)
    assert not is_unsettled(target, Limits(), T0 + MINUTE - SECOND)
    assert not is_unsettled(before, Limits(), T0 + MINUTE)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("lab", f"notebook {TASK} “lab” of bob"),
        ("", f"notebook {TASK} of bob"),
    ],
)
def test_what_is_planned_is_told_in_one_line(name: str, task: str) -> None:
    [target] = notified().targets

    assert planned_stop(notified(), replace(target, name=name)).task == task
