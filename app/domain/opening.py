"""How an incident begins."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.alert import BY_HAND, Identity, Scope
from app.domain.cluster import Allocation
from app.domain.history import Entry
from app.domain.incident import Incident, IncidentState, Target
from app.domain.policy import Limits, Mode
from app.domain.reasons import Reason
from app.domain.steps import Transition

NO_POLICY = "by-hand"
"""What an incident without an alert has for a policy: none that a configuration can have."""
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


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of the incidents before, by the key of their alerts."""

    resolved: Mapping[str, datetime]
    """When each was last seen to be over."""
    now: datetime
    limits: Limits
    dismissed: frozenset[str] = frozenset()
    """Those that an admin has called false, and that were not seen to be over since."""

    @staticmethod
    def since(now: datetime, limits: Limits) -> datetime:
        return now - max(limits.unconfirmed, limits.again_within)

    def is_left_over(self, key: str, began: datetime | None) -> bool:
        """Tell whether an alert is what is left of a recovery that was seen a moment ago, or of
        what an admin has called false.

        Prometheus keeps it firing for a while, and Alertmanager repeats it.
        """
        if key in self.dismissed:
            return True
        at = self.resolved.get(key)
        lately = at is not None and at >= self.now - self.limits.unconfirmed
        return lately and at is not None and (began is None or began <= at)

    def settled_at(self, key: str) -> datetime | None:
        """Return when an alert that comes back now was settled; None if that is long ago."""
        at = self.resolved.get(key)
        return at if at is not None and at >= self.now - self.limits.again_within else None


def open_incident(
    incident_id: str,
    identity: Identity,
    *,
    mode: Mode,
    annotations: Mapping[str, str],
    at: datetime,
    settled_at: datetime | None = None,
) -> Transition:
    """Begin an incident. Nobody is told yet: that needs an `AlertActive`.

    It is a new one with a whole grace period, however lately the same alert was settled.
    """
    incident = Incident(
        incident_id=incident_id,
        identity=identity,
        state=IncidentState.FIRING,
        opened_at=at,
        changed_at=at,
        mode=mode,
        targets=targets_of(identity),
        annotations=texts(annotations),
        settled_at=settled_at,
    )
    entry = Entry(at=at, reason=Reason.ALERT_FIRED, before=None, after=IncidentState.FIRING)
    return Transition(incident, (), (entry,))


def open_by_hand(
    incident_id: str, allocation: Allocation, *, by: str, why: str, at: datetime
) -> Transition:
    """Begin an incident about a stop that a person asks for, where no alert is about the task.

    Nobody asks for anything in it yet: that needs a `StopRequested`. `allocation`: with its owner
    and type known.
    """
    identity = Identity(
        alertname=BY_HAND,
        severity="info",
        policy=NO_POLICY,
        scope=Scope.ALLOCATION,
        username=allocation.username or "",
        resource_pool=allocation.resource_pool,
        allocation_id=allocation.allocation_id,
        task_id=allocation.task_id,
        task_type=allocation.task_type or "",
    )
    texts_ = {"summary": f"{by} asked for it, without an alert.", "description": why}
    opening = open_incident(incident_id, identity, mode=Mode.OBSERVE, annotations=texts_, at=at)
    [target] = opening.incident.targets
    named = replace(target, name=allocation.name, slots=allocation.slots)
    entry = Entry(at, Reason.OPENED_BY_HAND, before=None, after=IncidentState.FIRING, actor=by)
    return Transition(opening.incident.with_target(named), (), (entry,))
