"""S12: what the history says of a step: its reason, who caused it, and in which words."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind, SaveIntent
from app.domain.history import Entry
from app.domain.incident import (
    Block,
    Expressions,
    Hold,
    Incident,
    IncidentState,
    IntentState,
)
from app.domain.lifecycle import advance
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.domain.steps import is_under_way, words
from app.errors import InvalidTransitionError
from tests.domain.examples import (
    ACCEPTED,
    ALLOCATION,
    CALL,
    ENDED,
    POLICY,
    RECEIPT,
    SILENCED,
    T0,
    calling,
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
from tests.domain.examples import after as follows

S = IncidentState
R = Reason
LATER = T0 + timedelta(minutes=3)
KEPT = Hold(R.KEPT, by="carol")
NIGHT = Hold(R.OUTSIDE_HOURS)
EVIDENCE = {"samples": [12.0]}


def entry(incident: Incident, event: e.Event) -> Entry:
    [found] = advance(incident, event, POLICY, at=LATER).entries
    return found


def answered(state: IntentState, reason: Reason) -> e.StopAnswered:
    return e.StopAnswered(ALLOCATION, state, reason, "HTTP 5xx")


def tried_in_vain() -> Incident:
    """Every attempt was taken, and the allocation runs on."""
    again: tuple[e.Event, ...] = (proven(), CALL, ACCEPTED)
    return follows(notified(), *again * POLICY.attempts)


WARNED = {"channel": RECEIPT.channel, "ts": RECEIPT.ts, "to": "owner"}
LOWERED = e.ModeChanged(Mode.WARN)
GONE = e.OwnerUnreachable(1, Hold(R.OWNER_UNREACHABLE))
RECOVERED = e.RecoveryObserved(EVIDENCE)
REMINDED = e.ReminderDue(MessageKind.REMINDER)
STALE = e.StopBlocked(R.EVIDENCE_STALE, "31 s", EVIDENCE)
AGAIN = e.EpisodeBegan(EVIDENCE)
SILENT = e.EpisodeBegan(EVIDENCE, R.HOLD_ENDED)

HISTORY = [
    (opened, e.AlertActive(), S.FIRING, R.ALERT_ACTIVE, "", {}),
    (opened, LOWERED, S.FIRING, R.MODE_CHANGED, "warn", {}),
    (firing, LOWERED, S.FIRING, R.MODE_CHANGED, "", {"mode": "warn"}),
    (notified, LOWERED, S.FIRING, R.MODE_CHANGED, "", {"mode": "warn"}),
    (held, LOWERED, S.HELD, R.MODE_CHANGED, "warn", {}),
    (firing, warning_delivered(), S.NOTIFIED, R.WARNING_DELIVERED, "", WARNED),
    (firing, GONE, S.HELD, R.OWNER_UNREACHABLE, "owner_unreachable", {}),
    (notified, AGAIN, S.FIRING, R.NEW_EPISODE, "", EVIDENCE),
    (notified, SILENT, S.FIRING, R.HOLD_ENDED, "", EVIDENCE),
    (notified, REMINDED, S.NOTIFIED, R.REMINDER_QUEUED, "reminder", {}),
    (notified, proven(), S.STOPPING, R.PROVEN, "", {"verify": [0.0]}),
    (notified, RECOVERED, S.RESOLVED, R.RECOVERED, "", EVIDENCE),
    (notified, e.RuleGone("none"), S.ENDED, R.RULE_GONE, "", {"detail": "none"}),
    (notified, e.RuleGone("so", R.RELABELLED), S.ENDED, R.RELABELLED, "", {"detail": "so"}),
    (notified, STALE, S.NOTIFIED, R.EVIDENCE_STALE, "31 s", EVIDENCE),
    (stopping, STALE, S.STOPPING, R.EVIDENCE_STALE, "31 s", EVIDENCE),
    (stopping, proven(), S.STOPPING, R.PROVEN, "", {"verify": [0.0]}),
    (tried_in_vain, proven(), S.ESCALATED, R.ATTEMPTS_EXHAUSTED, "it runs on", {}),
]


@pytest.mark.parametrize(("before", "event", "state", "reason", "detail", "evidence"), HISTORY)
def test_what_the_watchdog_does_is_told_whole(
    before: Callable[[], Incident],
    event: e.Event,
    state: IncidentState,
    reason: Reason,
    detail: str,
    evidence: dict[str, object],
) -> None:
    incident = before()

    found = entry(incident, event)

    assert found == Entry(LATER, reason, incident.state, state, "watchdog", detail, evidence)


@pytest.mark.parametrize("before", [opened, held])
def test_a_change_of_mode_is_kept_where_nobody_is_warned(before: Callable[[], Incident]) -> None:
    changed = advance(before(), LOWERED, POLICY, at=LATER)

    assert (changed.incident.mode, changed.actions) == (Mode.WARN, ())


TOLD = [
    (notified, e.HoldsObserved((KEPT, NIGHT), "dave"), R.HOLD_BEGAN, "dave"),
    (held, e.HoldsObserved((KEPT, NIGHT), "dave"), R.HOLD_CHANGED, "dave"),
    (held, e.HoldsObserved(()), R.HOLD_ENDED, "watchdog"),
]


@pytest.mark.parametrize(("incident", "event", "reason", "actor"), TOLD)
def test_a_hold_is_told_with_who_caused_it(
    incident: Callable[[], Incident], event: e.HoldsObserved, reason: Reason, actor: str
) -> None:
    found = entry(incident(), event)

    assert (found.reason, found.actor) == (reason, actor)
    assert found.detail == ("kept by carol, outside_hours" if event.holds else "")


def test_holds_are_named_with_whom_they_come_from_where_that_is_known() -> None:
    assert words((KEPT, NIGHT)) == "kept by carol, outside_hours"


def test_a_recovery_ends_what_held_the_incident() -> None:
    assert follows(held(), e.RecoveryObserved({})).holds == ()


def test_a_new_round_is_held_by_nothing_that_held_the_last() -> None:
    assert follows(held(), e.HoldsObserved(())).holds == ()


def test_the_attempt_is_counted_and_dated_before_the_call() -> None:
    called = advance(stopping(), CALL, POLICY, at=LATER)

    [found] = called.entries
    intent = called.incident.targets[0].intent
    assert (found.reason, found.detail) == (R.STOP_SENT, "attempt 1")
    assert intent is not None
    assert intent.attempted_at == LATER


@pytest.mark.parametrize(
    ("state", "reason"),
    [(IntentState.SENT, R.STOP_ACCEPTED), (IntentState.UNCONFIRMED, R.STOP_REJECTED)],
)
def test_the_answer_to_a_call_is_told_in_determineds_words(
    state: IntentState, reason: Reason
) -> None:
    found = entry(calling(), answered(state, reason))

    assert (found.reason, found.detail) == (reason, "HTTP 5xx")


def test_what_is_seen_of_a_target_is_kept_and_told() -> None:
    event = e.TargetSeen(ALLOCATION, "lab", 4)

    [target] = follows(firing(), event).targets
    assert (target.name, target.slots) == ("lab", 4)
    assert entry(firing(), event).detail == "lab"


def test_what_prometheus_says_of_the_alert_is_kept_and_what_blocks_a_stop_goes_on() -> None:
    block = Block(R.EVIDENCE_STALE, since=T0)
    seen = e.AlertSeen(Expressions("idle{}", "age{}"), {"summary": "idle since noon"})

    after = follows(replace(notified(), block=block), seen)

    assert after.annotations == {"summary": "idle since noon"}
    assert after.block == block


def test_a_deadline_that_moves_says_by_how_much() -> None:
    found = entry(notified(), e.DeadlineMoved(ALLOCATION, timedelta(hours=2)))

    assert (found.reason, found.detail) == (R.NOBODY_WAITS, "looked at again 2:00:00 later")


def test_s5_of_what_nobody_can_see_there_is_no_evidence() -> None:
    found = entry(notified(), e.Blind(R.EVIDENCE_MISSING, "no samples"))

    assert (found.reason, found.detail) == (R.EVIDENCE_MISSING, "no samples")
    assert found.evidence == {}


def test_admins_hear_why_a_call_was_not_made() -> None:
    block = Block(R.PROOF_OLD, since=T0 - timedelta(days=1))
    event = e.StopNotSent(ALLOCATION, R.PROOF_OLD, "Determined was slow")

    told = advance(replace(calling(), block=block), event, POLICY, at=T0)

    assert any("Determined was slow" in getattr(each, "text", "") for each in told.actions)


def test_an_end_that_is_not_ours_withdraws_the_intent() -> None:
    ended = advance(stopping(), ENDED, POLICY, at=T0)

    saved = [each for each in ended.actions if isinstance(each, SaveIntent)]
    assert [(each.allocation_id, each.intent.state) for each in saved] == [
        (ALLOCATION, IntentState.WITHDRAWN)
    ]


def test_the_withdrawal_of_one_of_two_intents_says_so() -> None:
    incident = stopping()
    other = replace(incident.targets[0], allocation_id="other.1")
    incident = replace(incident, targets=(*incident.targets, other))

    found = entry(incident, e.StopWithdrawn(ALLOCATION, R.SILENCED))

    assert (found.reason, found.after) == (R.STOP_WITHDRAWN, S.STOPPING)


@pytest.mark.parametrize(
    ("incident", "is_so"), [(opened, False), (stopping, False), (calling, True), (sent, True)]
)
def test_when_a_stop_is_under_way(incident: Callable[[], Incident], is_so: bool) -> None:  # noqa: FBT001 -- of a table.
    [target] = incident().targets

    assert is_under_way(target) is is_so
    assert not is_under_way(replace(target, outcome=S.STOPPED))


@pytest.mark.parametrize(
    ("incident", "said"),
    [(calling, "intent sending does not allow"), (escalated, "escalated does not allow")],
)
def test_s6_a_call_that_may_not_be_made_says_why(
    incident: Callable[[], Incident], said: str
) -> None:
    with pytest.raises(InvalidTransitionError, match=said):
        follows(incident(), CALL)


def test_a_hold_that_is_known_is_no_news() -> None:
    assert advance(held(), e.HoldsObserved((SILENCED,)), POLICY, at=LATER).entries == ()
