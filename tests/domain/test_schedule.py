"""What is due, and when."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.actions import MessageKind
from app.domain.incident import Incident
from app.domain.policy import Mode, Policy, StopAction
from app.domain.schedule import deadlines, due_reminder, due_targets
from tests.domain.examples import (
    ALLOCATION,
    GRACE,
    POLICY,
    T0,
    escalated,
    firing,
    held,
    notified,
    stopping,
)

SECOND = timedelta(seconds=1)


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
    ("elapsed", "kind"),
    [
        (GRACE / 2 - SECOND, None),
        (GRACE / 2, MessageKind.REMINDER),
        (GRACE - timedelta(minutes=10) - SECOND, MessageKind.REMINDER),
        (GRACE - timedelta(minutes=10), MessageKind.LAST_CALL),
        (GRACE - SECOND, MessageKind.LAST_CALL),
        (GRACE, None),
    ],
    ids=["before half", "at half", "before the last call", "last call", "last second", "over"],
)
def test_when_the_owner_is_reminded(elapsed: timedelta, kind: MessageKind | None) -> None:
    assert due_reminder(notified(), POLICY, clock=elapsed, now=T0 + elapsed) is kind


@pytest.mark.parametrize("kind", [MessageKind.REMINDER, MessageKind.LAST_CALL])
def test_each_reminder_comes_once_a_round(kind: MessageKind) -> None:
    reminded = replace(notified(), reminders=(kind,))
    elapsed = GRACE / 2 if kind is MessageKind.REMINDER else GRACE - timedelta(minutes=5)

    assert due_reminder(reminded, POLICY, clock=elapsed, now=T0 + elapsed) is None


def test_a_short_grace_period_has_a_reminder_and_no_last_call() -> None:
    short = Policy("reclaim", action=StopAction.KILL, grace_default=timedelta(minutes=15))
    incident = notified()
    warning = incident.targets[0].warning
    assert warning is not None
    ends = replace(warning, deadline=T0 + timedelta(minutes=15))
    incident = incident.with_target(replace(incident.targets[0], warning=ends))

    kinds = {
        due_reminder(incident, short, clock=minutes, now=T0 + minutes)
        for minutes in (timedelta(minutes=n) for n in range(16))
    }

    assert kinds == {None, MessageKind.REMINDER}
