"""The small moves that the rows of `lifecycle` are made of. None of them assigns a state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from app.domain.actions import Action, MessageKind, SaveIntent, SendMessage
from app.domain.events import (
    AlertSeen,
    Blind,
    DeadlineMoved,
    StopAnswered,
    StopBlocked,
    StopNotSent,
    StopProven,
    StopSending,
    TargetSeen,
    WarningDelivered,
)
from app.domain.history import WATCHDOG, Entry
from app.domain.incident import (
    OPEN_INTENTS,
    Block,
    Hold,
    Incident,
    IncidentState,
    Intent,
    IntentState,
    RecipientKind,
    Target,
)
from app.domain.policy import Mode, Policy
from app.domain.reasons import Reason
from app.domain.release import gpus_of
from app.errors import InvalidTransitionError

_TOLD = frozenset({IncidentState.NOTIFIED, IncidentState.STOPPING, IncidentState.ESCALATED})
"""The states in which another message than a late one is the one to be rewritten."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an event leads to, before the entry in the history is written."""

    incident: Incident
    reason: Reason
    actions: tuple[Action, ...] = ()
    detail: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    actor: str = WATCHDOG

    def entry(self, before: IncidentState, at: datetime) -> Entry:
        """Return what the history says of it (S12)."""
        return Entry(
            at=at,
            reason=self.reason,
            before=before,
            after=self.incident.state,
            actor=self.actor,
            detail=self.detail,
            evidence=self.evidence,
        )


@dataclass(frozen=True, slots=True)
class Transition:
    """An incident after an event, and the orders to store with it."""

    incident: Incident
    actions: tuple[Action, ...] = ()
    entries: tuple[Entry, ...] = ()
    """Empty when nothing happened that anybody has to know; then there is nothing to store."""

    def followed_by(self, later: "Transition") -> "Transition":
        """Return both as one, to be stored as one."""
        return Transition(
            later.incident, self.actions + later.actions, self.entries + later.entries
        )


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


def may_have_arrived(target: Target) -> bool:
    """Tell whether a call to stop the target was taken by Determined, or nobody knows."""
    intent = target.intent
    return target.was_called or (intent is not None and intent.state is IntentState.SENDING)


def in_flight(target: Target) -> Intent:
    """Return the intent whose call is being made.

    Raises:
        InvalidTransitionError: no call is.
    """
    intent = intent_of(target)
    if intent.state is not IntentState.SENDING:
        raise InvalidTransitionError(f"{target.allocation_id} is not being called: {intent.state}")
    return intent


def is_under_way(target: Target) -> bool:
    """Tell whether a call to stop the target may be having its effect now."""
    called = {IntentState.SENDING, IntentState.SENT}
    return not target.outcome and target.intent is not None and target.intent.state in called


def open_intents(incident: Incident) -> list[Target]:
    return [t for t in incident.targets if t.intent and t.intent.state in OPEN_INTENTS]


def intent_step(
    incident: Incident, target: Target, intent: Intent, reason: Reason, detail: str
) -> Step:
    after = incident.with_target(replace(target, intent=intent))
    return Step(after, reason, (SaveIntent(target.allocation_id, intent),), detail)


def seen(incident: Incident, event: AlertSeen | TargetSeen | DeadlineMoved) -> Step | None:
    """Note what is new of the alert, a target or a deadline."""
    match event:
        case AlertSeen(expressions=expressions, annotations=annotations):
            was_blind = incident.block is not None and not incident.block.due
            if expressions == incident.expressions and not was_blind:
                return None
            after = replace(incident, expressions=expressions, annotations=annotations)
            return Step(replace(after, block=None) if was_blind else after, Reason.ALERT_SEEN)

        case TargetSeen(allocation_id=allocation_id, name=name, slots=slots):
            target = demand(incident, allocation_id)
            if (target.name, target.slots) == (name, slots):
                return None
            after = incident.with_target(replace(target, name=name, slots=slots))
            return Step(after, Reason.TARGET_SEEN, detail=name)

        case DeadlineMoved(allocation_id=allocation_id, by=by):
            return moved(incident, demand(incident, allocation_id), by)


def moved(incident: Incident, target: Target, by: timedelta) -> Step | None:
    """Move the deadline of a stop that is due: it is reminded of anew (S1)."""
    warning = target.warning
    if warning is None or incident.state is not IncidentState.NOTIFIED:
        return None
    later = replace(warning, moved=warning.moved + by)
    after = incident.with_target(replace(target, warning=later))
    after = replace(after, reminders=(), block=None)
    return Step(after, Reason.NOBODY_WAITS, status(after), f"looked at again {by} later")


def record(incident: Incident, event: StopProven, at: datetime) -> Step:
    """Put the intent on record before anything is sent, so that a crash in between leaves a stop
    that we look for rather than one that we forgot (S6).
    """
    target = demand(incident, event.allocation_id)
    request = target.request
    is_warned = target.warning is not None and incident.mode is Mode.ENFORCE
    if target.outcome or not (request or is_warned):
        raise InvalidTransitionError(f"{target.allocation_id} has no valid warning")
    new = Intent(event.intent_id, IntentState.RECORDED, recorded_at=at, proof=event.proof)
    known = target.intent or new
    again = replace(known, state=IntentState.RECORDED, proof=event.proof, action=event.action)
    held = gpus_of(event.proof) or target.gpus
    target = replace(target, was_called=may_have_arrived(target), gpus=held)
    # What spoke against the stop so far is over when the call is made, not before (S5).
    block = incident.block if incident.block and incident.block.due else None
    after = replace(incident, block=block).with_target(replace(target, intent=again))
    # The breaker counts what the watchdog does by itself (S7).
    saved = SaveIntent(target.allocation_id, again, None if request else event.quota)
    actor = request.by if request else WATCHDOG
    return Step(after, Reason.PROVEN, (saved, *status(incident)), "", event.proof, actor)


def sending(incident: Incident, event: StopSending, at: datetime) -> Step:
    """Count the attempt before it is made: from here on the call may have arrived."""
    target = demand(incident, event.allocation_id)
    intent = intent_of(target)
    if intent.state is not IntentState.RECORDED:
        raise InvalidTransitionError(f"intent {intent.state} does not allow {event}")
    number = intent.attempts + 1
    sent = replace(intent, state=IntentState.SENDING, attempts=number, attempted_at=at)
    return intent_step(incident, target, sent, Reason.STOP_SENT, f"attempt {number}")


def answered(incident: Incident, event: StopAnswered) -> Step:
    """Note what became of the call. Only a refusal is known not to have had an effect."""
    target = demand(incident, event.allocation_id)
    intent = replace(in_flight(target), state=event.state)
    called = target.was_called or event.reason is not Reason.STOP_REJECTED
    unblocked = replace(incident, block=None)
    target = replace(target, was_called=called)
    return intent_step(unblocked, target, intent, event.reason, event.detail)


def spent(incident: Incident, event: StopAnswered, policy: Policy) -> Target | None:
    """Return the target whose attempts are used up, none of them with success."""
    target = demand(incident, event.allocation_id)
    failed = event.state is IntentState.UNCONFIRMED
    return target if failed and intent_of(target).attempts >= policy.attempts else None


def not_sent(incident: Incident, event: StopNotSent, policy: Policy, at: datetime) -> Step:
    """Take the attempt back: nothing was sent. Why not is told like any other obstacle."""
    target = demand(incident, event.allocation_id)
    intent = in_flight(target)
    waiting = replace(intent, state=IntentState.RECORDED, attempts=intent.attempts - 1)
    step = intent_step(incident, target, waiting, Reason.STOP_NOT_SENT, event.words)
    told = blocked(step.incident, StopBlocked(event.reason, event.detail), policy, at)
    if told is None:
        return step
    return replace(step, incident=told.incident, actions=(*step.actions, *told.actions))


def blocked(
    incident: Incident, event: StopBlocked | Blind, policy: Policy, at: datetime
) -> Step | None:
    """Note what prevents a stop that is due, or hides whether the condition is over."""
    due = isinstance(event, StopBlocked)
    same = incident.block if incident.block and incident.block.due == due else None
    before = same or Block(event.reason, since=at, due=due)
    # Admins are told once of what lasts; what hides in mode `observe` the digest counts (S10).
    quiet = incident.mode is Mode.OBSERVE and not due
    lasts = not quiet and not before.admins_told and at - before.since >= policy.tell_admins_after
    if same and event.reason is same.reason and not lasts:
        return None
    block = replace(before, reason=event.reason, admins_told=before.admins_told or lasts)
    what = "is due and not made" if due else "may be over, which cannot be seen"
    text = (
        f"{'A stop' if due else incident.identity.alertname} for {incident.identity.username} "
        f"{what}, since {before.since:%Y-%m-%d %H:%M} UTC: {event.reason}. {event.detail}"
    )
    told = (SendMessage(MessageKind.ADMINS, text.strip()),) if lasts else ()
    evidence = event.evidence if isinstance(event, StopBlocked) else {}
    return Step(replace(incident, block=block), event.reason, told, event.detail, evidence)


def counts(incident: Incident, event: WarningDelivered) -> bool:
    """Tell whether it was not on its way when its round ended, and told the owner (S1)."""
    return event.round == incident.round and event.receipt.recipient is not RecipientKind.ADMINS


def warned(incident: Incident, event: WarningDelivered) -> Step:
    """Note the round's warning, on each target that it has named."""
    receipt, warnings = event.receipt, event.warnings
    targets = tuple(
        replace(each, warning=warnings.get(each.allocation_id)) for each in incident.targets
    )
    after = replace(incident, targets=targets, message=receipt.root)
    evidence = {"channel": receipt.channel, "ts": receipt.ts, "to": receipt.recipient}
    # The message above a reply is to list what the reply has named.
    told = status(after) if receipt.root_ts else ()
    return Step(after, Reason.WARNING_DELIVERED, told, evidence=evidence)


def warned_late(incident: Incident, event: WarningDelivered) -> Step | None:
    """Keep a message whose round was over when it arrived, so that it is rewritten: it names a
    deadline that no longer is one (S10). A copy of a message that is known is no news.
    """
    if event.receipt.recipient is RecipientKind.ADMINS or incident.state in _TOLD:
        return None
    if event.receipt == incident.message:
        return None
    after = replace(incident, message=event.receipt.root)
    return Step(after, Reason.WARNING_LATE, status(after))
