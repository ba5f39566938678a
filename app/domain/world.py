"""One reading of everything, and how a target looks in it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from app.domain.alert import Identity, Scope
from app.domain.beside import ALONE, Beside
from app.domain.breaker import BreakerState
from app.domain.cluster import Snapshot
from app.domain.incident import Incident, Keep, Target
from app.domain.policy import Mode, Rulebook
from app.domain.readings import PeerReading, RuleAlert
from app.domain.silences import Reach

Subject = tuple[str, ...]


@dataclass(frozen=True)
class World:
    """One reading of everything. What could not be read is None: unknown, never "nothing" (S5).

    Without slots: what is derived from it is asked for again and again, and remembered beside it.
    """

    now: datetime
    clock: timedelta
    """The answer clock's reading."""
    rulebook: Rulebook
    """The configuration in force when the rest was read."""
    snapshot: Snapshot | None
    firing: Mapping[str, RuleAlert] | None
    """Prometheus's firing alerts, by the key of their identity."""
    peers: Sequence[PeerReading]
    breaker: BreakerState
    keeps: Sequence[Keep] = field(default_factory=tuple)
    """Those that are in force, and those that were lately."""
    heartbeat_at: datetime | None = None
    started: Mapping[str, datetime] = field(default_factory=dict)
    """When each allocation was first seen running, by allocation id."""
    beside: Beside = ALONE
    """What else goes on while a stop is judged."""

    @property
    def mode(self) -> Mode:
        """The watchdog's own mode."""
        return self.rulebook.mode

    @cached_property
    def firing_about(self) -> Mapping[Subject, Sequence[RuleAlert]]:
        """What fires, by what it is about."""
        found: defaultdict[Subject, list[RuleAlert]] = defaultdict(list)
        for alert in (self.firing or {}).values():
            found[subject(alert.identity)].append(alert)
        return found

    @cached_property
    def silenced(self) -> Reach:
        """What silences on any peer may be near to."""
        return Reach(peer.index for peer in self.peers)


def subject(identity: Identity) -> Subject:
    """Return what an alert is about, whatever its other labels say: an allocation, or what a user
    holds in a pool.
    """
    if identity.scope is Scope.USER:
        return identity.scope, identity.alertname, identity.username, identity.resource_pool
    return identity.scope, identity.alertname, identity.allocation_id


def labels_on(peer: PeerReading, incident: Incident) -> Mapping[str, str]:
    """Return the labels that the peer has of the alert beside those of its identity."""
    alert = peer.alerts.get(incident.identity.key)
    return alert.labels if alert else {}


def target_labels(incident: Incident, target: Target) -> Mapping[str, str]:
    """Return the labels that silences are matched against: the target's own, in full (S4)."""
    identity = incident.identity
    own = (target.allocation_id, target.task_id, target.task_type)
    if own == (identity.allocation_id, identity.task_id, identity.task_type):
        # So it is with all alerts about one allocation, and a tick asks of each.
        return identity.fixed_labels
    names = ("allocation_id", "task_id", "task_type")
    return {**identity.fixed_labels, **dict(zip(names, own, strict=True))}
