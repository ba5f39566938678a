"""The life of an incident, a row at a time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind
from app.domain.incident import Expressions, Hold, Incident, IncidentState
from app.domain.lifecycle import advance
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.domain.steps import Transition
from app.errors import InvalidTransitionError
from tests.domain.examples import (
    ACCEPTED,
    CALL,
    ENDED,
    NOT_SENT,
    POLICY,
    RECEIPT,
    SILENCED,
    STATES,
    T0,
    UNANSWERED,
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
    sent,
    stopping,
    warning_delivered,
)

S = IncidentState
LATER = T0 + timedelta(hours=3)
RECOVERED = e.RecoveryObserved({"verify": []})
BLIND = e.Blind(Reason.EVIDENCE_STALE)
SILENCE_ENDED = e.EpisodeBegan(reason=Reason.HOLD_ENDED)


def step(incident: Incident, event: e.Event) -> Transition:
    return advance(incident, event, POLICY, at=LATER)


def taken_back() -> Incident:
    """The call may have arrived, and is not repeated."""
    return after(calling(), UNANSWERED, WITHDRAWN)


@pytest.mark.parametrize(
    ("before", "event", "state"),
    [
        (opened, e.AlertActive(), S.FIRING),
        (firing, warning_delivered(), S.NOTIFIED),
        (firing, e.HoldsObserved((SILENCED,)), S.HELD),
        (firing, e.OwnerUnreachable(1, Hold(Reason.OWNER_UNREACHABLE)), S.HELD),
        (firing, e.EpisodeBegan(), S.FIRING),
        (firing, BLIND, S.FIRING),
        (notified, warning_delivered(), S.NOTIFIED),
        (notified, e.HoldsObserved((SILENCED,)), S.HELD),
        (notified, e.OwnerUnreachable(1, Hold(Reason.OWNER_UNREACHABLE)), S.HELD),
        (notified, e.OwnerUnreachable(0, Hold(Reason.OWNER_UNREACHABLE)), S.NOTIFIED),
        (notified, e.HoldsObserved(()), S.NOTIFIED),
        (notified, e.EpisodeBegan(), S.FIRING),
        (notified, SILENCE_ENDED, S.FIRING),
        (notified, e.ModeChanged(Mode.WARN), S.FIRING),
        (notified, proven(), S.STOPPING),
        (notified, e.StopBlocked(Reason.EVIDENCE_STALE), S.NOTIFIED),
        (notified, BLIND, S.NOTIFIED),
        (notified, RECOVERED, S.RESOLVED),
        (notified, ENDED, S.ENDED),
        (notified, e.RuleGone(), S.ENDED),
        (held, e.HoldsObserved((SILENCED,)), S.HELD),
        (held, e.HoldsObserved(()), S.FIRING),
        (held, warning_delivered(), S.HELD),
        (held, SILENCE_ENDED, S.HELD),
        (held, BLIND, S.HELD),
        (held, RECOVERED, S.RESOLVED),
        (held, ENDED, S.ENDED),
        (stopping, CALL, S.STOPPING),
        (stopping, e.HoldsObserved((SILENCED,)), S.HELD),
        (stopping, e.ModeChanged(Mode.WARN), S.HELD),
        (stopping, SILENCE_ENDED, S.STOPPING),
        (stopping, BLIND, S.STOPPING),
        (stopping, RECOVERED, S.STOPPING),
        (stopping, ENDED, S.ENDED),
        (calling, NOT_SENT, S.STOPPING),
        (calling, ACCEPTED, S.STOPPING),
        (sent, ENDED, S.STOPPED),
        (sent, e.HoldsObserved((SILENCED,)), S.STOPPING),
        (sent, RECOVERED, S.STOPPING),
        (sent, WITHDRAWN, S.HELD),
        (escalated, RECOVERED, S.RESOLVED),
        (escalated, ENDED, S.STOPPED),
        (escalated, BLIND, S.ESCALATED),
        (escalated, e.HoldsObserved((SILENCED,)), S.ESCALATED),
    ],
    ids=lambda value: getattr(value, "__name__", None) or type(value).__name__,
)
def test_what_an_event_makes_of_an_incident(
    before: Callable[[], Incident], event: e.Event, state: IncidentState
) -> None:
    assert step(before(), event).incident.state is state


@pytest.mark.parametrize(
    ("before", "event"),
    [
        *product([firing, notified, held], [CALL, ACCEPTED, NOT_SENT, WITHDRAWN]),
        *product([firing, held], [proven()]),
        # A person looks: whoever is about to call must hear of it.
        (escalated, CALL),
    ],
    ids=lambda value: getattr(value, "__name__", None) or type(value).__name__,
)
def test_s1_nothing_is_stopped_from_a_state_without_a_valid_warning(
    before: Callable[[], Incident], event: e.Event
) -> None:
    with pytest.raises(InvalidTransitionError, match="does not allow"):
        step(before(), event)


def test_a_warning_that_names_another_allocation_allows_no_stop() -> None:
    elsewhere = e.WarningDelivered(1, warning_delivered().receipt, {})
    incident = after(firing(), elsewhere)

    with pytest.raises(InvalidTransitionError, match="no valid warning"):
        step(incident, proven())


def test_in_mode_observe_nobody_is_told() -> None:
    transition = step(opened(Mode.OBSERVE), e.AlertActive())

    assert transition.actions == ()
    assert transition.incident.round == 1


def test_leaving_mode_observe_tells_the_owner() -> None:
    observed = after(opened(Mode.OBSERVE), e.AlertActive())

    assert messages(step(observed, e.ModeChanged(Mode.WARN))) == [MessageKind.WARNING]


def test_whoever_was_told_is_told_how_it_ended() -> None:
    assert messages(step(notified(), RECOVERED)) == [MessageKind.STATUS, MessageKind.CLOSING]
    assert messages(step(firing(), RECOVERED)) == []


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (Reason.RULE_GONE, [MessageKind.STATUS, MessageKind.CLOSING]),
        (Reason.RELABELLED, [MessageKind.STATUS]),
    ],
)
def test_what_goes_on_elsewhere_is_not_told_to_be_over(
    reason: Reason, told: list[MessageKind]
) -> None:
    transition = step(notified(), e.RuleGone("why", reason))

    assert transition.incident.relabelled is (reason is Reason.RELABELLED)
    assert messages(transition) == told
    assert transition.entries[0].evidence == {"detail": "why"}


@pytest.mark.parametrize("make", [sent, taken_back, escalated], ids=lambda make: make.__name__)
def test_the_end_after_a_call_is_dated_when_it_was_seen(make: Callable[[], Incident]) -> None:
    assert step(make(), ENDED).incident.targets[0].gone_at == LATER


def test_the_message_above_a_reply_lists_what_the_reply_has_named() -> None:
    root = replace(RECEIPT, ts="1.0")
    reply = replace(RECEIPT, ts="2.0", root_ts="1.0")

    below = step(firing(), warning_delivered(receipt=reply))
    alone = step(firing(), warning_delivered(receipt=root))

    assert (below.incident.message, messages(below)) == (root, [MessageKind.STATUS])
    assert (alone.incident.message, messages(alone)) == (root, [])


def test_a_reminder_is_ordered_once_a_round() -> None:
    reminded = step(notified(), e.ReminderDue(MessageKind.REMINDER))

    assert messages(reminded) == [MessageKind.REMINDER]
    assert step(reminded.incident, e.ReminderDue(MessageKind.REMINDER)).entries == ()


def test_admins_hear_once_of_an_owner_who_cannot_be_reached() -> None:
    hold = Hold(Reason.OWNER_UNREACHABLE, detail="users_not_found")
    first = step(firing(), e.OwnerUnreachable(1, hold))
    tried_again = after(first.incident, e.HoldsObserved(()))

    assert messages(first) == [MessageKind.ADMINS]
    assert messages(step(tried_again, e.OwnerUnreachable(2, hold))) == []


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

    for event in (e.AlertActive(), warning_delivered(), proven(), NOT_SENT, BLIND, ENDED):
        assert step(final, event) == Transition(final)


@pytest.mark.parametrize("state", STATES, ids=str)
def test_s12_every_transition_has_an_entry_that_says_from_where_to_where(
    state: IncidentState,
) -> None:
    transition = step(STATES[state](), ENDED)

    entry = transition.entries[0]
    assert (entry.before, entry.after) == (state, transition.incident.state)
    assert entry.at == transition.incident.changed_at == LATER
