"""Stops that are given up before Determined has taken them."""

from dataclasses import replace

from app.domain import steps
from app.domain.actions import Action, SaveIntent
from app.domain.events import HoldsObserved, ModeChanged, RecoveryObserved, StopWithdrawn
from app.domain.history import WATCHDOG
from app.domain.incident import Hold, Incident, IntentState, Target
from app.domain.reasons import Reason
from app.domain.steps import Step

Withdrawing = StopWithdrawn | HoldsObserved | ModeChanged | RecoveryObserved


def given_up(incident: Incident, event: Withdrawing) -> Step | None:
    """Take intents away, and the warnings that led to them. None: there is nothing to take."""
    targets = _targets(incident, event)
    after = _marked(incident, event)
    if not any(each.intent or each.warning for each in targets):
        return None if after == incident else _noted(after, event)
    saved: list[Action] = []
    for each in targets:
        called = steps.may_have_arrived(each)
        left = replace(each, intent=None, warning=None, was_called=called, request=None)
        after = after.with_target(left)
        if each.intent:
            closed = replace(each.intent, state=IntentState.WITHDRAWN)
            saved.append(SaveIntent(each.allocation_id, closed))
    step = Step(after, Reason.STOP_WITHDRAWN, (*saved, *steps.status(after)))
    match event:
        case StopWithdrawn(words=words, evidence=evidence):
            return replace(step, detail=words, evidence=evidence)
        case HoldsObserved(holds=holds, actor=actor):
            return replace(step, detail=steps.words(holds), actor=actor)
        case ModeChanged(mode=mode):
            return replace(step, detail=f"{Reason.MODE}: {mode}")
        case RecoveryObserved(evidence=evidence):
            return replace(step, reason=Reason.RECOVERED, evidence=evidence)


def holds_of(event: Withdrawing) -> tuple[Hold, ...]:
    """Return what holds the incident after it, until the next look at the world."""
    match event:
        case StopWithdrawn(reason=reason):
            return (Hold(reason),)
        case HoldsObserved(holds=holds):
            return holds
        case ModeChanged():
            return (Hold(Reason.MODE),)
        case RecoveryObserved():
            return (Hold(Reason.RECOVERED),)


def _marked(incident: Incident, event: Withdrawing) -> Incident:
    """Remember what holds a stop that Determined has taken: nobody takes that back, but it must not
    be repeated as if nothing had been, should it have no effect (S9).
    """
    holds = isinstance(event, ModeChanged) or (isinstance(event, HoldsObserved) and event.holds)
    for each in incident.open_targets if holds else ():
        if each.intent is not None and _was_taken(each) and each.request is None:
            incident = incident.with_target(replace(each, intent=replace(each.intent, held=True)))
    return incident


def _noted(incident: Incident, event: Withdrawing) -> Step | None:
    match event:
        case HoldsObserved(holds=holds, actor=actor):
            return Step(incident, Reason.HOLD_BEGAN, detail=steps.words(holds), actor=actor)
        case ModeChanged(mode=mode):
            return Step(incident, Reason.MODE_CHANGED, detail=mode)
    return None


def _targets(incident: Incident, event: Withdrawing) -> list[Target]:
    """Return the target whose proof says no; or all whose stop Determined has not taken: what holds
    them now may be over before the next attempt, and nobody would know of it then (S9).

    Of a recovery only those that nothing was begun about: our own call empties the GPU, too.
    """
    if isinstance(event, HoldsObserved) and not event.holds:
        return []
    if isinstance(event, StopWithdrawn):
        target = steps.demand(incident, event.allocation_id)
        steps.intent_of(target)
        return [target]
    left = [each for each in incident.open_targets if not _was_taken(each)]
    if not isinstance(event, HoldsObserved) or event.actor == WATCHDOG:
        # What a person asks for, a person takes back.
        left = [each for each in left if each.request is None]
    return [t for t in left if t.may_leave] if isinstance(event, RecoveryObserved) else left


def _was_taken(target: Target) -> bool:
    return target.intent is not None and target.intent.state is IntentState.SENT
