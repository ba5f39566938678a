"""Who holds what now, user by user, as people ask for it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.domain.cluster import Allocation, Snapshot
from app.domain.incident import Incident, IncidentState
from app.domain.policy import SlotLimits
from app.domain.rows import Rows

USED = "username_resource_pool:watchdog_gpus_used:sum"
IDLE = "username_resource_pool:watchdog_gpus_idle:sum"


@dataclass(frozen=True, slots=True)
class Held:
    """What a user holds in one pool."""

    resource_pool: str
    tasks: int
    slots: int
    waiting: int
    """Slots that the user's own queued jobs lack there."""
    used: int | None = None
    """GPUs that worked in the last minute, by any signal. None: unknown."""
    idle: int | None = None
    """GPUs that did not."""


@dataclass(frozen=True, slots=True)
class Holder:
    username: str
    active: bool | None
    """Whether Determined lets the account in. None: it does not tell of it."""
    limit: int | None
    """Slots that the user may hold in a pool while others wait. None: no limit."""
    held: tuple[Held, ...] = ()
    """By pool; those alone in which the user holds something or waits."""
    incidents: Mapping[IncidentState, int] = field(default_factory=dict)
    """How many are open, by state."""

    @property
    def slots(self) -> int:
        return sum(each.slots for each in self.held)

    @property
    def tasks(self) -> int:
        return sum(each.tasks for each in self.held)


def holders(
    snapshot: Snapshot, limits: SlotLimits, known: Iterable[Incident], rows: Rows
) -> list[Holder]:
    """Return who holds something, waits, or has an open incident; who holds most comes first.

    What runs for nobody that Determined tells of is nobody's here.
    """
    running: defaultdict[str, defaultdict[str, list[Allocation]]] = defaultdict(_by_pool)
    for each in snapshot.running:
        if each.username is not None:
            running[each.username][each.resource_pool].append(each)
    for pool, waiting in snapshot.queued_slots.items():
        for username in waiting:
            # It is there, though it holds nothing.
            running[username][pool] = running[username][pool]
    incidents: defaultdict[str, Counter[IncidentState]] = defaultdict(Counter)
    for incident in known:
        incidents[incident.identity.username][incident.state] += 1
    found = [
        Holder(
            username=name,
            active=snapshot.users[name].active if name in snapshot.users else None,
            limit=limits.of(name),
            held=tuple(
                _held(name, pool, own, snapshot, rows)
                for pool, own in sorted(running.get(name, {}).items())
            ),
            incidents=dict(incidents.get(name, {})),
        )
        for name in running.keys() | incidents.keys()
    ]
    return sorted(found, key=lambda each: (-each.slots, each.username))


def _by_pool() -> defaultdict[str, list[Allocation]]:
    return defaultdict(list)


def _held(
    username: str, pool: str, own: Iterable[Allocation], snapshot: Snapshot, rows: Rows
) -> Held:
    own = list(own)
    used, idle = (rows.value(name, username=username, resource_pool=pool) for name in (USED, IDLE))
    return Held(
        resource_pool=pool,
        tasks=len({each.task_id for each in own}),
        slots=sum(each.slots for each in own),
        waiting=snapshot.queued_slots.get(pool, {}).get(username, 0),
        used=None if used is None else round(used),
        idle=None if idle is None else round(idle),
    )
