"""What it means for an incident about a user that others are its targets, or fewer."""

from dataclasses import asdict, replace
from typing import Any

from app.domain import events as e
from app.domain import steps
from app.domain.alert import Scope
from app.domain.incident import Incident, IncidentState, Target
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.domain.steps import Step

_BEGUN = frozenset({IncidentState.STOPPING, IncidentState.ESCALATED})
"""The states in which nobody else is named: what was begun is followed to its end first."""


def renamed(incident: Incident, event: e.TargetsChosen | e.TargetsLeft) -> Step | None:
    """Return the incident with the targets that the event names; None where it changes nothing."""
    if incident.identity.scope is not Scope.USER or incident.state is IncidentState.ESCALATED:
        return None
    match event:
        case e.TargetsLeft():
            after = without(incident, event)
            ids = sorted(event.reasons)
            detail = ", ".join(f"{each}: {event.reasons[each]}" for each in ids)
            changes = after.targets != incident.targets
            reason, evidence = Reason.TARGETS_LEFT, {}

        case e.TargetsChosen():
            after = taken(incident, event)
            detail = ", ".join(each.allocation_id for each in event.targets)
            changes = incident.state not in _BEGUN
            reason, evidence = Reason.TARGETS_CHOSEN, dict(event.evidence)

    return Step(after, reason, steps.status(after), detail, evidence) if changes else None


def without(incident: Incident, event: e.TargetsLeft) -> Incident:
    """Let targets be. One that we may have stopped, or are about to, stays until it has ended."""
    targets = tuple(
        replace(each, outcome=IncidentState.RESOLVED, warning=None, left=reason)
        if each.may_leave and (reason := event.reasons.get(each.allocation_id))
        else each
        for each in incident.targets
    )
    return replace(incident, targets=targets)


def taken(incident: Incident, event: e.TargetsChosen) -> Incident:
    """Name others. No warning that was given before is about them all, so none counts (S1)."""
    new = {each.allocation_id for each in event.targets}
    ours = {each.allocation_id: each for each in incident.targets if _is_ours(each)}
    followed = [replace(each, warning=None) for key, each in ours.items() if key not in new]
    named = [_named(each, ours.get(each.allocation_id)) for each in event.targets]
    return replace(incident, targets=(*followed, *named), demand=event.demand)


def _named(target: Target, before: Target | None) -> Target:
    """Return the target anew, with what is still to be followed of it."""
    return replace(target, was_called=True, gpus=before.gpus) if before else target


def _is_ours(target: Target) -> bool:
    """Tell whether it was stopped by us, or may be at any moment."""
    if target.outcome:
        return target.outcome is IncidentState.STOPPED
    return not target.may_leave


def begins_a_round(incident: Incident, event: e.TargetsChosen | e.TargetsLeft) -> bool:
    """Tell whether the owner has to be warned anew, with a full grace period.

    Where nothing is stopped anyway the message is rewritten: nobody has to hurry.
    """
    is_told = incident.state in {IncidentState.FIRING, IncidentState.NOTIFIED}
    under_way = is_told and incident.round > 0 and incident.mode is Mode.ENFORCE
    return under_way and isinstance(event, e.TargetsChosen)


def is_closed_by_its_targets(incident: Incident) -> bool:
    """Tell whether an incident is over with its targets.

    A user whose tasks have ended by themselves may hold others that are over the limit: then only
    the alert says when it is over, or that others are to be chosen.
    """
    if incident.open_targets:
        return False
    stopped = any(each.outcome is IncidentState.STOPPED for each in incident.targets)
    by_itself = incident.identity.scope is not Scope.USER
    return by_itself or stopped or incident.state is IncidentState.ESCALATED


def evidence_of(target: Target) -> dict[str, Any]:
    chosen = {"allocation_id", "slots", "idle", "since"}
    return {name: value for name, value in asdict(target).items() if name in chosen}
