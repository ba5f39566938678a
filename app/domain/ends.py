"""How a target ends: by our call, by itself, or with another owner."""

from dataclasses import replace

from app.domain.actions import Action, SaveIntent
from app.domain.events import AllocationEnded
from app.domain.incident import OPEN_INTENTS, Incident, IncidentState, IntentState, Target
from app.domain.reasons import Reason
from app.domain.steps import Step, may_have_arrived


def ended(incident: Incident, event: AllocationEnded) -> Step | None:
    """Note the end of one target. None: it is none, or its end is known."""
    target = incident.target(event.allocation_id)
    if target is None or target.outcome:
        return None
    ours = event.reason is Reason.ALLOCATION_ENDED and may_have_arrived(target)
    outcome = IncidentState.STOPPED if ours else IncidentState.ENDED
    after, saved = _with_outcome(incident, target, outcome)
    reason = Reason.STOP_VERIFIED if ours else event.reason
    return Step(after, reason, saved, evidence=event.evidence)


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
