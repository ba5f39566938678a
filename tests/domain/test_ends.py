"""S12: how an incident, or one target of several, ends: with its reason, evidence and orders."""

from dataclasses import replace

from app.domain import events as e
from app.domain.actions import MessageKind, SaveIntent
from app.domain.incident import Incident, IncidentState, IntentState
from app.domain.lifecycle import advance
from app.domain.reasons import Reason
from app.domain.steps import Transition
from tests.domain.examples import (
    ACCEPTED,
    ALLOCATION,
    CALL,
    ENDED,
    POLICY,
    T0,
    after,
    escalated,
    messages,
    notified,
    opened,
    proven,
    stopping,
)

S = IncidentState
K = MessageKind
EVIDENCE = {"snapshot_at": "now"}
GONE = e.AllocationEnded(ALLOCATION, evidence=EVIDENCE)


def with_neighbour(incident: Incident) -> Incident:
    """Return the incident with a second target, of which nothing is known to have ended."""
    [target] = incident.targets
    other = replace(target, allocation_id="other.1", intent=None)
    return replace(incident, targets=(target, other))


def happen(incident: Incident, event: e.Event) -> Transition:
    return advance(incident, event, POLICY, at=T0)


def test_the_end_of_the_only_target_is_told_with_its_evidence() -> None:
    ended = happen(notified(), GONE)

    [entry] = ended.entries
    assert (entry.reason, entry.evidence) == (Reason.ALLOCATION_ENDED, EVIDENCE)
    assert messages(ended) == [K.STATUS, K.CLOSING]


def test_the_end_of_a_stop_closes_its_intent_and_tells_both_sides() -> None:
    ended = happen(after(stopping(), CALL, ACCEPTED), ENDED)

    saved = [order.intent.state for order in ended.actions if isinstance(order, SaveIntent)]
    assert saved == [IntentState.DONE]
    assert messages(ended) == [K.STATUS, K.CLOSING, K.ADMINS]


def test_the_end_of_a_stop_says_what_was_seen() -> None:
    [entry] = happen(after(stopping(), CALL, ACCEPTED), GONE).entries

    assert (entry.reason, entry.evidence) == (Reason.STOP_VERIFIED, EVIDENCE)


def test_the_end_of_one_of_two_is_noted_and_the_other_goes_on() -> None:
    ended = happen(with_neighbour(notified()), GONE)

    [entry] = ended.entries
    assert (entry.reason, entry.evidence) == (Reason.ALLOCATION_ENDED, EVIDENCE)
    assert messages(ended) == [K.STATUS]
    assert ended.incident.state is S.NOTIFIED
    assert [target.outcome for target in ended.incident.targets] == [S.ENDED, None]
    assert ended.incident.targets[1].warning is not None


def test_an_allocation_that_is_no_target_changes_nothing() -> None:
    incident = notified()

    assert happen(incident, e.AllocationEnded("other.1")).incident == incident


def test_a_recovery_after_an_escalation_says_so_with_its_evidence() -> None:
    recovered = happen(escalated(), e.RecoveryObserved(EVIDENCE))

    [entry] = recovered.entries
    assert recovered.incident.state is S.RESOLVED
    assert (entry.reason, entry.evidence) == (Reason.RECOVERED, EVIDENCE)


def test_a_withdrawal_says_why_with_its_evidence() -> None:
    event = e.StopWithdrawn(ALLOCATION, Reason.SILENCED, "by carol", EVIDENCE)

    withdrawn = happen(stopping(), event)

    [entry] = withdrawn.entries
    assert (entry.reason, entry.evidence) == (Reason.STOP_WITHDRAWN, EVIDENCE)
    assert entry.detail == "silenced: by carol"


def test_the_admins_hear_the_last_answer_when_the_attempts_are_used_up() -> None:
    incident = stopping()
    for _ in range(POLICY.attempts - 1):
        incident = after(incident, CALL, ANSWER, proven())

    given_up = happen(after(incident, CALL), ANSWER)

    assert given_up.incident.state is S.ESCALATED
    assert any("HTTP 503" in getattr(order, "text", "") for order in given_up.actions)


ANSWER = e.StopAnswered(
    ALLOCATION, IntentState.UNCONFIRMED, Reason.STOP_UNCONFIRMED, detail="HTTP 503"
)


def test_what_follows_is_stored_behind_what_came_first() -> None:
    first = happen(opened(), e.AlertActive())

    both = first.followed_by(happen(first.incident, e.TargetSeen(ALLOCATION, "lab", 2)))

    assert [entry.reason for entry in both.entries] == [Reason.ALERT_ACTIVE, Reason.TARGET_SEEN]
    assert messages(both) == [K.WARNING]
    assert both.incident.targets[0].name == "lab"
    assert both.incident.changed_at == T0
