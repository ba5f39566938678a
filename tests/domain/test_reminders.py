"""When an owner is reminded: the moments of a policy, within one grace period."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.actions import MessageKind
from app.domain.events import ReminderDue
from app.domain.incident import Incident, IncidentState
from app.domain.policy import Policy, Reminder, StopAction
from app.domain.reasons import Reason
from app.domain.reminders import due_reminder, reminded
from tests.domain.examples import GRACE, POLICY, T0, given_warning, notified

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
K = MessageKind


def kind(elapsed: timedelta, incident: Incident | None = None) -> str | None:
    due = due_reminder(incident or notified(), POLICY, clock=elapsed, now=T0 + elapsed)
    return due.kind if due else None


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [
        (GRACE / 2 - SECOND, None),
        (GRACE / 2, K.REMINDER),
        (GRACE - 10 * MINUTE - SECOND, K.REMINDER),
        (GRACE - 10 * MINUTE, K.LAST_CALL),
        (GRACE - SECOND, K.LAST_CALL),
        (GRACE, None),
    ],
    ids=["before half", "at half", "before the last call", "last call", "last second", "over"],
)
def test_when_the_owner_is_reminded_as_shipped(
    elapsed: timedelta, expected: MessageKind | None
) -> None:
    assert kind(elapsed) == expected


@pytest.mark.parametrize("elapsed", [GRACE / 2, GRACE - 5 * MINUTE])
def test_each_reminder_comes_once_a_round(elapsed: timedelta) -> None:
    due = due_reminder(notified(), POLICY, clock=elapsed, now=T0 + elapsed)
    assert due is not None

    assert kind(elapsed, replace(notified(), reminders=(due.moment,))) is None


def sent(grace: timedelta, *reminders: Reminder, every: timedelta = MINUTE) -> list[tuple[int, K]]:
    """Return the minutes after the warning at which reminders were sent, and their kinds."""
    policy = Policy("p", action=StopAction.KILL, grace_default=grace, reminders=reminders)
    warning = replace(given_warning(), deadline=T0 + grace)
    incident = notified()
    incident = incident.with_target(replace(incident.targets[0], warning=warning))
    found = []
    elapsed = timedelta()
    while elapsed <= grace:
        due = due_reminder(incident, policy, clock=elapsed, now=T0 + elapsed)
        if due:
            incident = replace(incident, reminders=(*incident.reminders, due.moment))
            found.append((elapsed // MINUTE, MessageKind(due.kind)))
        elapsed += every
    return found


def test_reminders_are_shares_of_the_grace_period_and_times_before_its_end() -> None:
    assert sent(100 * MINUTE, 0.25, 0.75, 20 * MINUTE, 5 * MINUTE) == [
        (25, K.REMINDER),
        (75, K.REMINDER),
        (80, K.REMINDER),
        (95, K.LAST_CALL),
    ]


@pytest.mark.parametrize(
    ("reminders", "expected"),
    [
        ((0.5, 10 * MINUTE), [(8, K.REMINDER)]),
        ((0.5, 7.5 * MINUTE), [(8, K.REMINDER)]),
        ((15 * MINUTE, 5 * MINUTE), [(10, K.REMINDER)]),
        ((), []),
    ],
    ids=["it would come before the one before it", "with it", "with the warning", "none"],
)
def test_a_reminder_that_would_come_no_later_than_what_precedes_it_is_left_out(
    reminders: tuple[Reminder, ...], expected: list[tuple[int, K]]
) -> None:
    assert sent(15 * MINUTE, *reminders) == expected


def test_reminders_that_were_missed_are_not_made_up_for() -> None:
    assert sent(100 * MINUTE, 0.1, 0.2, 0.3, 0.9, every=35 * MINUTE) == [(35, K.REMINDER)]


def test_nobody_is_reminded_of_what_has_ended() -> None:
    incident = notified()
    ended = replace(incident.targets[0], outcome=IncidentState.ENDED)

    assert kind(GRACE / 2, incident.with_target(ended)) is None


def with_another(deadline: timedelta | None) -> Incident:
    """A second target, whose name is the first in the alphabet; None: it was not warned about."""
    incident = notified()
    [target] = incident.targets
    warning = replace(given_warning(), deadline=T0 + deadline) if deadline else None
    another = replace(target, allocation_id="a.1", warning=warning)
    return replace(incident, targets=(target, another))


def test_of_several_targets_the_first_deadline_counts() -> None:
    assert kind(GRACE / 2, with_another(2 * GRACE)) is K.REMINDER


@pytest.mark.parametrize(
    ("grace", "promised"), [(2 * GRACE, 2 * GRACE), (GRACE / 2, GRACE)], ids=["longer", "shorter"]
)
def test_s1_the_later_deadline_holds_of_those_that_a_warning_and_a_reminder_name(
    grace: timedelta, promised: timedelta
) -> None:
    policy = replace(POLICY, grace={}, grace_default=grace)
    due = ReminderDue(K.REMINDER, "0.5")

    step = reminded(with_another(None), due, policy)

    assert step is not None
    first, second = step.incident.targets
    assert first.warning is not None
    assert first.warning.deadline == T0 + promised
    assert second.warning is None


def test_s1_what_a_reminder_names_as_it_goes_out_holds_though_it_was_queued_with_less() -> None:
    longer = replace(POLICY, grace={}, grace_default=2 * GRACE)
    going = ReminderDue(K.REMINDER, "0.5", goes_out=True)

    step = reminded(notified(), going, longer)

    assert step is not None
    [target] = step.incident.targets
    assert target.warning
    assert target.warning.deadline == T0 + 2 * GRACE
    assert (step.reason, step.detail, step.actions) == (
        Reason.REMINDER_QUEUED,
        "it names a later deadline than when it was queued",
        (),
    )
    assert reminded(step.incident, going, longer) is None
    assert reminded(notified(), going, POLICY) is None
