"""The small moves that the rows of `lifecycle` are made of. None of them assigns a state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.domain.actions import Action, MessageKind, SaveIntent, SendMessage
from app.domain.events import AlertSeen, StopBlocked, StopProven, StopSending, TargetSeen
from app.domain.history import WATCHDOG, Entry
from app.domain.incident import (
    OPEN_INTENTS,
    Block,
    Hold,
    Incident,
    IncidentState,
    Intent,
    IntentState,
    Target,
)
from app.domain.policy import Mode, Policy
from app.domain.reasons import Reason
from app.errors import InvalidTransitionError


@dataclass(frozen=True, slots=True)
class Step:
    """What an event leads to, before the entry in the history is written."""

    incident: Incident
    reason: Reason
    actions: tuple[Action, ...] = ()
    detail: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    actor: str = WATCHDOG


@dataclass(frozen=True, slots=True)
class Transition:
    """An incident after an event, and the orders to store with it."""

    incident: Incident
    actions: tuple[Action, ...] = ()
    entries: tuple[Entry, ...] = ()
    """Empty when nothing happened that anybody has to know; then there is nothing to store."""


def without_warnings(incident: Incident) -> Incident:
    targets = tuple(replace(target, warning=None) for target in incident.targets)
    return replace(incident, targets=targets, reminders=(), block=None)


def status(incident: Incident) -> tuple[Action, ...]:
    """Rewrite the owner's message, where there is one."""
    return (SendMessage(MessageKind.STATUS),) if incident.message else ()


def closing(incident: Incident) -> tuple[Action, ...]:
    """Say in the thread how it ended, where there is one."""
    return (SendMessage(MessageKind.CLOSING),) if incident.message else ()


def words(holds: tuple[Hold, ...]) -> str:
    return ", ".join(f"{hold.reason} by {hold.by}" if hold.by else hold.reason for hold in holds)


def demand(incident: Incident, allocation_id: str) -> Target:
    """Return the target.

    Raises:
        InvalidTransitionError: the incident is not about this allocation.
    """
    target = incident.target(allocation_id)
    if target is None:
        raise InvalidTransitionError(f"{allocation_id} is no target of {incident.incident_id}")
    return target


def intent_of(target: Target) -> Intent:
    if target.intent is None:
        raise InvalidTransitionError(f"there is no intent to stop {target.allocation_id}")
    return target.intent


def is_sent(target: Target) -> bool:
    """Tell whether a call to stop the target was, or may have been, made."""
    intent = target.intent
    return intent is not None and intent.attempts > 0


def open_intents(incident: Incident) -> list[Target]:
    return [t for t in incident.targets if t.intent and t.intent.state in OPEN_INTENTS]


def over(incident: Incident) -> bool:
    return all(target.outcome for target in incident.targets)


def with_outcome(
    incident: Incident, target: Target, outcome: IncidentState
) -> tuple[Incident, tuple[Action, ...]]:
    """Note how a target ended, and close its intent with it."""
    intent = target.intent
    if intent is None or intent.state not in OPEN_INTENTS:
        return incident.with_target(replace(target, outcome=outcome)), ()
    ours = outcome is IncidentState.STOPPED
    closed = replace(intent, state=IntentState.DONE if ours else IntentState.WITHDRAWN)
    after = incident.with_target(replace(target, outcome=outcome, intent=closed))
    return after, (SaveIntent(target.allocation_id, closed),)


def with_intent(incident: Incident, target: Target, intent: Intent) -> Incident:
    return replace(incident.with_target(replace(target, intent=intent)), block=None)


def intent_step(
    incident: Incident, target: Target, intent: Intent, reason: Reason, detail: str = ""
) -> Step:
    after = with_intent(incident, target, intent)
    return Step(after, reason, (SaveIntent(target.allocation_id, intent),), detail)


def seen(incident: Incident, event: AlertSeen | TargetSeen) -> Step | None:
    """Note what Prometheus says of the alert, or Determined of a target, where it is new."""
    match event:
        case AlertSeen(expressions=expressions, annotations=annotations):
            if expressions == incident.expressions:
                return None
            after = replace(incident, expressions=expressions, annotations=annotations)
            return Step(after, Reason.ALERT_SEEN)

        case TargetSeen(allocation_id=allocation_id, name=name, slots=slots):
            target = demand(incident, allocation_id)
            if (target.name, target.slots) == (name, slots):
                return None
            after = incident.with_target(replace(target, name=name, slots=slots))
            return Step(after, Reason.TARGET_SEEN, detail=name)


def record(incident: Incident, event: StopProven, at: datetime) -> Step:
    """Put the intent on record before anything is sent, so that a crash in between leaves a stop
    that we look for rather than one that we forgot (S6).
    """
    target = demand(incident, event.allocation_id)
    if target.warning is None or incident.mode is not Mode.ENFORCE:
        raise InvalidTransitionError(f"{target.allocation_id} has no valid warning")
    new = Intent(event.intent_id, IntentState.RECORDED, recorded_at=at, proof=event.proof)
    again = replace(target.intent or new, state=IntentState.RECORDED, proof=event.proof)
    step = intent_step(incident, target, again, Reason.PROVEN)
    return replace(step, actions=(*step.actions, *status(incident)), evidence=event.proof)


def sending(incident: Incident, event: StopSending, at: datetime) -> Step:
    """Count the attempt before it is made: from here on the call may have arrived."""
    target = demand(incident, event.allocation_id)
    intent = intent_of(target)
    if intent.state is not IntentState.RECORDED:
        raise InvalidTransitionError(f"intent {intent.state} does not allow {event}")
    number = intent.attempts + 1
    sent = replace(intent, state=IntentState.SENDING, attempts=number, attempted_at=at)
    return intent_step(incident, target, sent, Reason.STOP_SENT, f"attempt {number}")


def blocked(incident: Incident, event: StopBlocked, policy: Policy, at: datetime) -> Step | None:
    """Note why a stop that is due is not made; the same reason is news only when it lasts."""
    before = incident.block or Block(event.reason, since=at)
    lasts = not before.admins_told and at - before.since >= policy.tell_admins_after
    if incident.block and event.reason is before.reason and not lasts:
        return None
    block = replace(before, reason=event.reason, admins_told=before.admins_told or lasts)
    text = (
        f"A stop for {incident.identity.username} has been due since "
        f"{before.since:%Y-%m-%d %H:%M} UTC and is not made: {event.reason}. {event.detail}"
    )
    told = (SendMessage(MessageKind.ADMINS, text.strip()),) if lasts else ()
    after = replace(incident, block=block)
    return Step(after, event.reason, told, event.detail, event.evidence)


def unreachable(incident: Incident, hold: Hold) -> tuple[Action, ...]:
    """Tell the admins, once an incident, that nobody could be told."""
    text = (
        f"{incident.identity.username} cannot be reached on Slack ({hold.detail}). "
        "Nothing of theirs is stopped."
    )
    return () if incident.unreachable else (SendMessage(MessageKind.ADMINS, text),)
