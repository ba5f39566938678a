"""How an incident begins."""

from collections.abc import Mapping
from datetime import datetime

from app.domain.alert import Identity, Scope
from app.domain.history import Entry
from app.domain.incident import Incident, IncidentState, Target
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.domain.steps import Transition

FOR_PEOPLE = ("summary", "description", "runbook_url", "dashboard_url")
"""The annotations that messages show; the others are for the watchdog itself."""


def texts(annotations: Mapping[str, str]) -> dict[str, str]:
    return {name: annotations[name] for name in FOR_PEOPLE if name in annotations}


def targets_of(identity: Identity) -> tuple[Target, ...]:
    """Return the target of an alert about one allocation.

    An alert about a user has none of its own: they are chosen from what the user holds.
    """
    if identity.scope is not Scope.ALLOCATION:
        return ()
    return (
        Target(
            allocation_id=identity.allocation_id,
            task_id=identity.task_id,
            task_type=identity.task_type,
            username=identity.username,
        ),
    )


def open_incident(
    incident_id: str,
    identity: Identity,
    *,
    mode: Mode,
    annotations: Mapping[str, str],
    at: datetime,
) -> Transition:
    """Begin an incident. Nobody is told yet: that needs an `AlertActive`."""
    incident = Incident(
        incident_id=incident_id,
        identity=identity,
        state=IncidentState.FIRING,
        opened_at=at,
        changed_at=at,
        mode=mode,
        targets=targets_of(identity),
        annotations=texts(annotations),
    )
    entry = Entry(at=at, reason=Reason.ALERT_FIRED, before=None, after=IncidentState.FIRING)
    return Transition(incident, (), (entry,))
