"""What a user holds in a pool and who else waits there, as a look at the world shows it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.alert import IDLE, Identity, Scope
from app.domain.choice import Choice, Holding, Pool, choose
from app.domain.cluster import Allocation, Snapshot, TaskType
from app.domain.exemption import exemption_of
from app.domain.incident import Demand, Incident, Target
from app.domain.policy import SlotLimits
from app.domain.reasons import Reason
from app.domain.world import World, labels_on, target_labels


def held_by(identity: Identity, snapshot: Snapshot) -> dict[str, Allocation]:
    """Return what the user of the alert runs in its pool."""
    return {
        each.allocation_id: each
        for each in snapshot.running
        if each.username == identity.username and each.resource_pool == identity.resource_pool
    }


def is_over_limit(identity: Identity, snapshot: Snapshot, limits: SlotLimits) -> bool:
    """Tell whether Determined agrees with the alert: over the limit, and others wait."""
    limit = limits.of(identity.username)
    waiting = snapshot.queued_slots.get(identity.resource_pool, {})
    held = sum(each.slots for each in held_by(identity, snapshot).values())
    others = any(slots for name, slots in waiting.items() if name != identity.username)
    return limit is not None and held > limit and others


def is_true(identity: Identity, snapshot: Snapshot, limits: SlotLimits) -> bool:
    """Tell whether Determined agrees with an alert: that the allocation runs and whose it is, or
    that the user is over the limit while others wait.
    """
    if identity.scope is Scope.USER:
        return is_over_limit(identity, snapshot, limits)
    allocation = snapshot.allocations.get(identity.allocation_id)
    return allocation is not None and (
        allocation.holds_resources and allocation.username == identity.username
    )


@dataclass(frozen=True, slots=True)
class Situation:
    """What a user holds, and who waits; all of it known."""

    username: str
    allocations: Mapping[str, Allocation]
    holdings: tuple[Holding, ...]
    pool: Pool
    limit: int | None
    protected: Mapping[str, Reason]
    """Why an allocation is not chosen."""

    @property
    def held(self) -> int:
        return sum(each.slots for each in self.holdings)

    def choose(
        self, among: Iterable[str] | None = None, going: frozenset[str] = frozenset()
    ) -> Choice:
        """Choose among these alone, or from all."""
        wanted = self.allocations.keys() if among is None else set(among)
        holdings = [
            each if each.allocation_id in wanted else replace(each, protected=True)
            for each in self.holdings
        ]
        return choose(self.username, holdings, self.pool, limit=self.limit, going=going)

    def has_given(self, demand: Demand | None) -> bool:
        return demand is not None and self.held <= demand.held - demand.free


def look(incident: Incident, world: World) -> Situation | None:
    """Return what the choice hangs on; None where a part of it is unknown (S5)."""
    snapshot = world.snapshot
    if snapshot is None or world.firing is None or not world.peers:
        return None
    if not all(peer.readable for peer in world.peers):
        # A silence that nobody can see may protect any of them.
        return None
    identity = incident.identity
    allocations = held_by(identity, snapshot)
    idle = {
        alert.identity.allocation_id
        for alert in world.firing.values()
        if alert.identity.alertname == IDLE
    }
    found = {key: _protected(incident, each, world) for key, each in allocations.items()}
    protected = {key: reason for key, reason in found.items() if reason is not None}
    return Situation(
        username=identity.username,
        allocations=allocations,
        holdings=tuple(
            _holding(each, world, idle=key in idle, protected=key in protected)
            for key, each in allocations.items()
        ),
        pool=Pool(
            snapshot.queue.get(identity.resource_pool, ()),
            snapshot.room_in(identity.resource_pool),
        ),
        limit=world.rulebook.slot_limits.of(identity.username),
        protected=protected,
    )


def _holding(allocation: Allocation, world: World, *, idle: bool, protected: bool) -> Holding:
    return Holding(
        allocation.allocation_id,
        allocation.slots,
        started=world.started.get(allocation.allocation_id),
        idle=idle,
        on_agents=allocation.on_agents,
        protected=protected,
    )


def _protected(incident: Incident, allocation: Allocation, world: World) -> Reason | None:
    """Return what forbids to choose an allocation (S4, S10, S11, S13)."""
    if allocation.task_type in {None, TaskType.CHECKPOINT_GC}:
        return Reason.NOT_STOPPABLE
    policy = incident.identity.policy
    if world.rulebook.policy(policy).spares(allocation.task_type):
        return Reason.NOT_PAUSABLE
    if exemption_of(allocation, policy, world.rulebook.exempt, world.now) is not None:
        return Reason.EXEMPT
    for keep in world.keeps:
        mine = (keep.task_id, keep.policy) == (allocation.task_id, policy)
        if mine and world.now < keep.until:
            return Reason.KEPT
    own = target_labels(incident, target_of(allocation))
    for peer in world.peers:
        if peer.index.over(own, labels_on(peer, incident), world.now) is not None:
            return Reason.SILENCED
    return None


def target_of(
    allocation: Allocation, *, since: datetime | None = None, idle: bool = False
) -> Target:
    return Target(
        allocation_id=allocation.allocation_id,
        task_id=allocation.task_id,
        task_type=allocation.task_type or "",
        username=allocation.username or "",
        name=allocation.name,
        slots=allocation.slots,
        since=since,
        idle=idle,
    )
