"""Rounds: what begins and ends them, and what becomes of their messages (S1, S9, S10)."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind
from app.domain.incident import Incident, IncidentState, Receipt, RecipientKind
from app.domain.lifecycle import advance
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.domain.steps import Transition
from tests.domain.examples import (
    ENDED,
    POLICY,
    RECEIPT,
    SILENCED,
    T0,
    WITHDRAWN,
    after,
    calling,
    escalated,
    firing,
    held,
    messages,
    notified,
    opened,
    proven,
    stopping,
    warning_delivered,
)

S = IncidentState
LATER = T0 + timedelta(hours=3)
ON_ITS_WAY = Receipt("D1", "1795489260.000200", RecipientKind.OWNER)
"""The confirmation of a message that no event has told of yet."""
REWRITTEN_THEN_WARNED = [MessageKind.STATUS, MessageKind.WARNING]


def step(incident: Incident, event: e.Event) -> Transition:
    return advance(incident, event, POLICY, at=LATER)


def silenced_before_it_was_told() -> Incident:
    return after(firing(), e.HoldsObserved((SILENCED,)))


def second_round() -> Incident:
    return after(held(), e.HoldsObserved(()))


def resolved() -> Incident:
    return after(firing(), e.RecoveryObserved({}))


def ended() -> Incident:
    return after(firing(), ENDED)


def stopped() -> Incident:
    return after(calling(), ENDED)


def test_s1_a_message_to_the_admins_is_no_warning() -> None:
    receipt = Receipt("C1", "1.0", RecipientKind.ADMINS)

    transition = step(firing(), warning_delivered(receipt=receipt))

    assert transition.incident.state is S.FIRING


def test_s1_the_grace_period_counts_from_the_first_of_two_copies() -> None:
    before = notified()

    assert step(before, warning_delivered()).incident == before


def test_s9_a_warning_of_an_earlier_round_starts_no_grace_period() -> None:
    assert step(second_round(), warning_delivered(1, ON_ITS_WAY)).incident.state is S.FIRING
    assert step(second_round(), warning_delivered(2, ON_ITS_WAY)).incident.state is S.NOTIFIED


@pytest.mark.parametrize(
    ("breach", "reason", "ordered"),
    [
        (e.HoldsObserved((SILENCED,)), Reason.HOLD_BEGAN, [MessageKind.STATUS]),
        (e.EpisodeBegan(), Reason.NEW_EPISODE, REWRITTEN_THEN_WARNED),
        (e.EpisodeBegan(reason=Reason.HOLD_ENDED), Reason.HOLD_ENDED, REWRITTEN_THEN_WARNED),
        (e.ModeChanged(Mode.WARN), Reason.MODE_CHANGED, REWRITTEN_THEN_WARNED),
        (e.ModeChanged(Mode.OBSERVE), Reason.MODE_CHANGED, [MessageKind.STATUS]),
    ],
    ids=["a hold", "a new episode", "a hold that nobody saw", "mode warn", "mode observe"],
)
def test_s9_whatever_breaks_a_round_takes_its_warning_and_its_deadline_away(
    breach: e.Event, reason: Reason, ordered: list[MessageKind]
) -> None:
    transition = step(after(notified(), e.ReminderDue(MessageKind.REMINDER)), breach)

    assert [target.warning for target in transition.incident.targets] == [None]
    assert transition.incident.reminders == ()
    assert transition.entries[0].reason is reason
    assert messages(transition) == ordered


def test_s12_what_ended_a_round_unseen_is_in_the_history() -> None:
    began = e.EpisodeBegan({"silence": "s1"}, Reason.HOLD_ENDED)

    assert step(notified(), began).entries[0].evidence == {"silence": "s1"}


def test_s9_the_end_of_a_hold_orders_a_new_first_warning() -> None:
    transition = step(held(), e.HoldsObserved(()))

    assert messages(transition) == REWRITTEN_THEN_WARNED
    assert transition.incident.round == 2


def test_a_round_without_a_message_has_none_to_rewrite() -> None:
    transition = step(silenced_before_it_was_told(), e.HoldsObserved(()))

    assert messages(transition) == [MessageKind.WARNING]


def test_s6_a_withdrawn_stop_needs_a_new_warning_and_a_full_grace_period() -> None:
    withdrawn = after(calling(), e.StopWithdrawn(proven().allocation_id, Reason.RECOVERED))

    transition = step(withdrawn, e.HoldsObserved(()))

    assert messages(transition) == REWRITTEN_THEN_WARNED
    assert [target.warning for target in transition.incident.targets] == [None]


LATE_IN = [silenced_before_it_was_told, held, second_round, resolved, ended, stopped]


@pytest.mark.parametrize("before", LATE_IN, ids=lambda make: make.__name__)
def test_s10_a_message_that_arrives_too_late_is_rewritten(before: Callable[[], Incident]) -> None:
    incident = before()

    transition = step(incident, warning_delivered(1, ON_ITS_WAY))

    assert transition.incident.message == ON_ITS_WAY
    assert messages(transition) == [MessageKind.STATUS]
    assert transition.entries[0].reason is Reason.WARNING_LATE
    assert transition.incident.state is incident.state
    assert transition.incident.targets == incident.targets, "it starts no grace period (S9)"


@pytest.mark.parametrize("before", [notified, stopping, escalated], ids=lambda make: make.__name__)
def test_s10_a_late_message_does_not_take_the_place_of_the_one_that_counts(
    before: Callable[[], Incident],
) -> None:
    incident = before()

    assert step(incident, warning_delivered(1, ON_ITS_WAY)) == Transition(incident)


@pytest.mark.parametrize("before", [*LATE_IN, notified], ids=lambda make: make.__name__)
def test_a_late_message_to_the_admins_is_nobodys(before: Callable[[], Incident]) -> None:
    incident, receipt = before(), Receipt("C1", "1.0", RecipientKind.ADMINS)

    assert step(incident, warning_delivered(1, receipt)) == Transition(incident)


@pytest.mark.parametrize("before", [held, second_round, stopped], ids=lambda make: make.__name__)
def test_a_copy_of_a_confirmation_is_no_news(before: Callable[[], Incident]) -> None:
    incident = before()

    assert step(incident, warning_delivered(1, RECEIPT)) == Transition(incident)


def test_a_round_that_nobody_was_told_of_goes_on_when_the_alert_began_anew() -> None:
    began = e.EpisodeBegan(reason=Reason.HOLD_ENDED)

    for incident in (opened(), firing(), held(), after(stopping(), WITHDRAWN)):
        assert step(incident, began) == Transition(incident)
