"""The life of an incident, a row at a time."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind, SaveIntent, SendMessage
from app.domain.incident import (
    Expressions,
    Hold,
    Incident,
    IncidentState,
    IntentState,
    Receipt,
    RecipientKind,
)
from app.domain.lifecycle import advance
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.domain.steps import Transition
from app.errors import InvalidTransitionError
from tests.domain.examples import (
    ALLOCATION,
    POLICY,
    SILENCED,
    STATES,
    T0,
    after,
    escalated,
    firing,
    held,
    notified,
    opened,
    proven,
    sent,
    stopping,
    warning_delivered,
)

S = IncidentState
LATER = T0 + timedelta(hours=3)
RECOVERED = e.RecoveryObserved({"verify": []})
ENDED = e.AllocationEnded(ALLOCATION)
FAILED = e.StopAnswered(ALLOCATION, IntentState.UNCONFIRMED, Reason.STOP_REJECTED, "500")


def step(incident: Incident, event: e.Event) -> Transition:
    return advance(incident, event, POLICY, at=LATER)


def kinds(transition: Transition) -> list[MessageKind]:
    return [order.kind for order in transition.actions if isinstance(order, SendMessage)]


@pytest.mark.parametrize(
    ("before", "event", "state"),
    [
        (opened, e.AlertActive(), S.FIRING),
        (firing, warning_delivered(), S.NOTIFIED),
        (firing, e.HoldsObserved((SILENCED,)), S.HELD),
        (firing, e.OwnerUnreachable(1, Hold(Reason.OWNER_UNREACHABLE)), S.HELD),
        (notified, warning_delivered(), S.NOTIFIED),
        (notified, e.HoldsObserved((SILENCED,)), S.HELD),
        (notified, e.HoldsObserved(()), S.NOTIFIED),
        (notified, e.EpisodeBegan(), S.FIRING),
        (notified, e.ModeChanged(Mode.WARN), S.FIRING),
        (notified, proven(), S.STOPPING),
        (notified, e.StopBlocked(Reason.EVIDENCE_STALE), S.NOTIFIED),
        (notified, RECOVERED, S.RESOLVED),
        (notified, ENDED, S.ENDED),
        (notified, e.RuleGone(), S.ENDED),
        (held, e.HoldsObserved((SILENCED,)), S.HELD),
        (held, e.HoldsObserved(()), S.FIRING),
        (held, warning_delivered(), S.HELD),
        (held, RECOVERED, S.RESOLVED),
        (held, ENDED, S.ENDED),
        (stopping, e.StopSending(ALLOCATION), S.STOPPING),
        (stopping, e.HoldsObserved((SILENCED,)), S.STOPPING),
        (stopping, RECOVERED, S.STOPPING),
        (stopping, ENDED, S.ENDED),
        (sent, ENDED, S.STOPPED),
        (sent, RECOVERED, S.STOPPING),
        (sent, e.StopWithdrawn(ALLOCATION, Reason.SILENCED), S.HELD),
        (escalated, RECOVERED, S.RESOLVED),
        (escalated, ENDED, S.STOPPED),
        (escalated, e.HoldsObserved((SILENCED,)), S.ESCALATED),
    ],
    ids=lambda value: getattr(value, "__name__", None) or type(value).__name__,
)
def test_what_an_event_makes_of_an_incident(
    before: Callable[[], Incident], event: e.Event, state: IncidentState
) -> None:
    assert step(before(), event).incident.state is state


@pytest.mark.parametrize("state", STATES, ids=str)
@pytest.mark.parametrize(
    "event",
    [proven(), e.StopSending(ALLOCATION), e.StopWithdrawn(ALLOCATION, Reason.SILENCED)],
    ids=lambda event: type(event).__name__,
)
def test_nothing_is_stopped_from_a_state_without_a_valid_warning(
    state: IncidentState, event: e.Event
) -> None:
    if state in {S.STOPPING, S.ESCALATED} or (state is S.NOTIFIED and event == proven()):
        return

    with pytest.raises(InvalidTransitionError):
        step(STATES[state](), event)


def test_a_message_to_the_admins_is_no_warning() -> None:
    receipt = Receipt("C1", "1.0", RecipientKind.ADMINS)

    transition = step(firing(), warning_delivered(receipt=receipt))

    assert transition.incident.state is S.FIRING


def test_a_warning_that_names_another_allocation_allows_no_stop() -> None:
    elsewhere = e.WarningDelivered(1, notified().message or warning_delivered().receipt, {})
    incident = after(firing(), elsewhere)

    with pytest.raises(InvalidTransitionError, match="no valid warning"):
        step(incident, proven())


def test_the_grace_period_counts_from_the_first_of_two_copies() -> None:
    before = notified()

    assert step(before, warning_delivered()).incident == before


def test_a_warning_of_an_earlier_round_starts_no_grace_period() -> None:
    second_round = after(held(), e.HoldsObserved(()))

    assert step(second_round, warning_delivered(1)).incident.state is S.FIRING
    assert step(second_round, warning_delivered(2)).incident.state is S.NOTIFIED


@pytest.mark.parametrize(
    "breach",
    [e.HoldsObserved((SILENCED,)), e.EpisodeBegan(), e.ModeChanged(Mode.WARN)],
    ids=["a hold", "a new episode", "a change of mode"],
)
def test_whatever_breaks_a_round_takes_its_warning_away(breach: e.Event) -> None:
    incident = step(notified(), breach).incident

    assert [target.warning for target in incident.targets] == [None]
    assert incident.reminders == ()


def test_the_end_of_a_hold_orders_a_new_first_warning() -> None:
    transition = step(held(), e.HoldsObserved(()))

    assert kinds(transition) == [MessageKind.WARNING]
    assert transition.incident.round == 2


def test_in_mode_observe_nobody_is_told() -> None:
    transition = step(opened(Mode.OBSERVE), e.AlertActive())

    assert transition.actions == ()
    assert transition.incident.round == 1


def test_leaving_mode_observe_tells_the_owner() -> None:
    observed = after(opened(Mode.OBSERVE), e.AlertActive())

    assert kinds(step(observed, e.ModeChanged(Mode.WARN))) == [MessageKind.WARNING]


def test_the_intent_is_an_order_of_the_same_transition() -> None:
    transition = step(notified(), proven())

    saved = [order for order in transition.actions if isinstance(order, SaveIntent)]
    assert [(order.allocation_id, order.intent.state) for order in saved] == [
        (ALLOCATION, IntentState.RECORDED)
    ]


def test_the_proof_is_kept_whole() -> None:
    transition = step(notified(), proven())

    assert transition.entries[0].evidence == {"verify": [0.0]}


def test_a_call_is_sent_once_for_each_proof() -> None:
    sending = after(stopping(), e.StopSending(ALLOCATION))

    with pytest.raises(InvalidTransitionError):
        step(sending, e.StopSending(ALLOCATION))


def test_an_intent_of_unknown_fate_keeps_its_number_when_proven_again() -> None:
    unknown = after(stopping(), e.StopSending(ALLOCATION))

    target = step(unknown, proven("n2")).incident.target(ALLOCATION)

    assert target is not None
    assert target.intent is not None
    assert (target.intent.intent_id, target.intent.attempts) == ("n1", 1)


def test_a_withdrawn_stop_needs_a_new_warning_and_a_full_grace_period() -> None:
    unknown = after(stopping(), e.StopSending(ALLOCATION))
    withdrawn = after(unknown, e.StopWithdrawn(ALLOCATION, Reason.RECOVERED))

    transition = step(withdrawn, e.HoldsObserved(()))

    assert kinds(transition) == [MessageKind.WARNING]
    assert [target.warning for target in transition.incident.targets] == [None]


def test_a_person_must_look_when_the_attempts_are_used_up() -> None:
    incident = escalated()

    assert incident.state is S.ESCALATED
    assert step(incident, proven()).entries == ()


def test_the_last_failed_attempt_tells_the_admins() -> None:
    incident = stopping()
    for _ in range(POLICY.attempts - 1):
        incident = after(incident, proven(), e.StopSending(ALLOCATION), FAILED)
    incident = after(incident, proven(), e.StopSending(ALLOCATION))

    assert MessageKind.ADMINS in kinds(step(incident, FAILED))


def test_an_allocation_that_ends_before_anything_was_sent_ended_by_itself() -> None:
    assert step(stopping(), ENDED).entries[0].reason is Reason.ALLOCATION_ENDED


def test_another_owner_is_never_counted_as_our_stop() -> None:
    changed = e.AllocationEnded(ALLOCATION, Reason.OWNER_CHANGED)

    assert step(sent(), changed).incident.state is S.ENDED


def test_whoever_was_told_is_told_how_it_ended() -> None:
    assert kinds(step(notified(), RECOVERED)) == [MessageKind.STATUS, MessageKind.CLOSING]
    assert kinds(step(firing(), RECOVERED)) == []


def test_a_reminder_is_ordered_once_a_round() -> None:
    reminded = step(notified(), e.ReminderDue(MessageKind.REMINDER))

    assert kinds(reminded) == [MessageKind.REMINDER]
    assert step(reminded.incident, e.ReminderDue(MessageKind.REMINDER)).entries == ()


def test_the_same_reason_against_a_stop_is_no_news() -> None:
    blocked = after(notified(), e.StopBlocked(Reason.EVIDENCE_STALE))

    assert advance(blocked, e.StopBlocked(Reason.EVIDENCE_STALE), POLICY, at=T0).entries == ()
    assert step(blocked, e.StopBlocked(Reason.HEARTBEAT_MISSING)).entries


def test_admins_hear_once_of_a_stop_that_stays_prevented() -> None:
    blocked = after(notified(), e.StopBlocked(Reason.EVIDENCE_STALE))
    lasting = step(blocked, e.StopBlocked(Reason.EVIDENCE_STALE))

    assert kinds(lasting) == [MessageKind.ADMINS]
    assert step(lasting.incident, e.StopBlocked(Reason.EVIDENCE_STALE)).entries == ()


def test_admins_hear_once_of_an_owner_who_cannot_be_reached() -> None:
    hold = Hold(Reason.OWNER_UNREACHABLE, detail="users_not_found")
    first = step(firing(), e.OwnerUnreachable(1, hold))
    tried_again = after(first.incident, e.HoldsObserved(()))

    assert kinds(first) == [MessageKind.ADMINS]
    assert kinds(step(tried_again, e.OwnerUnreachable(2, hold))) == []


def test_expressions_come_from_prometheus_and_are_replaced_when_they_change() -> None:
    seen = e.AlertSeen(Expressions("v", "e"), {"summary": "idle"})

    incident = step(notified(), seen).incident

    assert incident.expressions == Expressions("v", "e")
    assert step(incident, seen).entries == ()


@pytest.mark.parametrize(
    "closing", [RECOVERED, ENDED, e.RuleGone()], ids=lambda x: type(x).__name__
)
def test_a_final_incident_absorbs_everything(closing: e.Event) -> None:
    final = step(notified(), closing).incident

    for event in (e.AlertActive(), warning_delivered(), proven(), RECOVERED, ENDED):
        assert step(final, event) == Transition(final)


@pytest.mark.parametrize("state", STATES, ids=str)
def test_every_transition_has_an_entry_that_says_from_where_to_where(
    state: IncidentState,
) -> None:
    transition = step(STATES[state](), ENDED)

    entry = transition.entries[0]
    assert (entry.before, entry.after) == (state, transition.incident.state)
