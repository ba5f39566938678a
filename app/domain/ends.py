"""How a target ends: by our call, by itself, or with another owner; and what of its GPUs then."""

from dataclasses import replace
from datetime import datetime

from app.domain.actions import Action, SaveIntent
from app.domain.events import AllocationEnded, GpusSeen
from app.domain.incident import OPEN_INTENTS, Incident, IncidentState, IntentState, Target
from app.domain.reasons import Reason
from app.domain.reclaimed import lingering
from app.domain.release import Release
from app.domain.steps import Step, may_have_arrived

_FOUND = {
    Release.FREED: Reason.STOP_VERIFIED,
    Release.IN_USE: Reason.GPUS_IN_USE,
    Release.UNSEEN: Reason.GPUS_UNSEEN,
}


def ended(incident: Incident, event: AllocationEnded, at: datetime) -> Step | None:
    """Note the end of one target. None: it is none, or its end is known."""
    target = incident.target(event.allocation_id)
    if target is None or target.outcome:
        return None
    ours = event.reason is Reason.ALLOCATION_ENDED and may_have_arrived(target)
    if not ours:
        after, saved = _with_outcome(incident, target, IncidentState.ENDED)
        return Step(after, event.reason, saved, evidence=event.evidence)
    # Where it held none, there is nothing to wait for.
    held = bool(target.slots or target.gpus)
    gone = replace(target, gone_at=at, release=Release.AWAITED if held else None)
    after, saved = _with_outcome(incident, gone, IncidentState.STOPPED)
    reason = Reason.STOP_TOOK_EFFECT if held else Reason.STOP_VERIFIED
    return Step(after, reason, saved, evidence=event.evidence)


def gpus_seen(incident: Incident, event: GpusSeen) -> Step | None:
    """Note what became of the GPUs of a stopped target. None: nobody waits for that."""
    target = incident.target(event.allocation_id)
    if target is None or target.release is not Release.AWAITED:
        return None
    seen = replace(target, release=event.release, lingering=event.lingering)
    after, detail = incident.with_target(seen), ", ".join(event.lingering)
    is_free = event.release is Release.FREED
    told = () if is_free else (lingering(after, seen, event.sights),)
    evidence = {"gpus": dict(event.sights)}
    return Step(after, _FOUND[event.release], told, detail, evidence)


def unawaited(incident: Incident) -> tuple[Incident, tuple[Action, ...]]:
    """Wait no more for any GPUs, for the incident ends; tell the admins of them."""
    told: list[Action] = []
    for each in incident.targets:
        if each.release is Release.AWAITED:
            uuids = tuple(gpu.uuid for gpu in each.gpus)
            unseen = replace(each, release=Release.UNSEEN, lingering=uuids)
            incident = incident.with_target(unseen)
            told.append(lingering(incident, unseen, {}))
    return incident, tuple(told)


def _with_outcome(
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
