"""Does anybody wait for what a stop would free? For policies that stop only then.

What is being stopped already counts as free: a job takes one stop, not one of every task that would
do. And what is due at once counts together, in order, as far as a job takes all of it.
"""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.cluster import QueuedJob, Room, Snapshot
from app.domain.incident import Incident, Target
from app.domain.placing import Line, freed
from app.domain.policy import Policy
from app.domain.reasons import Reason
from app.domain.world import World

No = tuple[Reason, str]
_WHO_WAITS_UNKNOWN = "who waits for these GPUs is not known"
_ROOM_UNKNOWN = "Determined does not tell which slots of the pool's agents are free"
_NOBODY = "nobody waits for these GPUs"
_IN_VAIN = "nobody waited when the owner was to be reminded"


@dataclass(frozen=True, slots=True)
class Use:
    """What comes of a stop for those who wait."""

    no: No | None = None
    """Why nobody has anything of it. None: somebody has, or the policy does not ask."""
    others: tuple[frozenset[str], ...] = ()
    """The calls without which it serves nobody either."""


def unwanted(target: Target, policy: Policy, world: World) -> No | None:
    """Return why nobody has anything of the stop; None where somebody has, or need not."""
    return use_of(target, policy, world).no


def use_of(target: Target, policy: Policy, world: World) -> Use:
    """Return whether somebody has anything of the stop, and of which others with it.

    Somebody has while a job of another user, that has waited long enough, would begin on what the
    call gives back, or on that together with others that are due, but not without it. What is not
    known serves nobody (S5), and is no knowledge that nobody waits either.
    """
    if not policy.only_when_queued:
        return Use()
    snapshot = world.snapshot
    allocation = snapshot.allocations.get(target.allocation_id) if snapshot else None
    if snapshot is None or allocation is None:
        return Use((Reason.DETERMINED_UNAVAILABLE, _WHO_WAITS_UNKNOWN))
    own = world.beside.call_of(target.allocation_id)
    owners = {target.username, *_owners(own, snapshot)}
    queue = snapshot.queue.get(allocation.resource_pool, ())
    waiting = [
        job
        for job in queue
        if job.username not in owners and _has_waited(job, policy.queued_for, world.now)
    ]
    if not waiting:
        return Use((Reason.NOBODY_WAITS, _NOBODY))
    rooms = snapshot.room_in(allocation.resource_pool)
    if rooms is None:
        return Use((Reason.ROOM_UNKNOWN, _ROOM_UNKNOWN))
    given = _held(world.beside.going - own, snapshot)
    pool = _Pool(queue, freed(rooms, given), snapshot)
    if any(pool.serves(job, [own]) for job in waiting):
        return Use()
    taken = (pool.taken(job, own, _others(job, own, world, snapshot)) for job in waiting)
    found = next((each for each in taken if each), None)
    return Use(others=found) if found else Use((Reason.NOBODY_WAITS, _NOBODY))


def is_untold(incident: Incident, target: Target) -> bool:
    """Tell whether the deadline was moved, and no new post has named it since.

    To move one rewrites a message, which notifies nobody.
    """
    return bool(target.warning and target.warning.moved and not incident.reminders)


def why_unwanted(incident: Incident, target: Target, policy: Policy, world: World) -> No | None:
    """Return why the stop is not to be made; or that its owner was told in vain."""
    if no := unwanted(target, policy, world):
        return no
    if policy.only_when_queued and is_untold(incident, target):
        return Reason.NOBODY_WAITS, _IN_VAIN
    return None


@dataclass
class _Pool:
    queue: Sequence[QueuedJob]
    rooms: Mapping[str, Room]
    snapshot: Snapshot
    _gains: dict[frozenset[str], frozenset[str]] = field(default_factory=dict)

    def serves(self, job: QueuedJob, calls: Collection[frozenset[str]]) -> bool:
        """Tell whether the job would begin on what these give back, and not without it."""
        given = frozenset[str]().union(*calls)
        if given not in self._gains:
            line = Line.of(self.queue, *_owners(given, self.snapshot))
            then = freed(self.rooms, _held(given, self.snapshot))
            self._gains[given] = line.beginning(then) - line.beginning(self.rooms)
        return job.job_id in self._gains[given]

    def taken(
        self, job: QueuedJob, own: frozenset[str], others: Sequence[frozenset[str]]
    ) -> tuple[frozenset[str], ...]:
        """Return the others that the job takes beside `own`: as few as it needs, the first ones.

        None of them where it does not begin with all, or begins on the others alone. Of those that
        would do as well it is `own` that is taken: whoever is asked about after it meets it among
        what is being stopped.
        """
        if not others or not self.serves(job, [own, *others]):
            return ()
        needed, rest = [own], list(others)
        while not self.serves(job, needed):
            # With all of the rest it begins: the last that it takes is the end of the shortest row.
            last = bisect_left(
                range(len(rest)), 1, key=lambda n: int(self.serves(job, [*needed, *rest[:n]]))
            )
            needed.append(rest[last - 1])
            del rest[last - 1 :]
        return () if self.serves(job, needed[1:]) else tuple(needed[1:])


def _others(
    job: QueuedJob, own: frozenset[str], world: World, snapshot: Snapshot
) -> list[frozenset[str]]:
    """Return what may be given back for this job as well: by others, and not by its owner."""
    return [
        each.allocation_ids
        for each in world.beside.others
        if not each.allocation_ids & own
        and job.username not in _owners(each.allocation_ids, snapshot)
        and _has_waited(job, each.queued_for, world.now)
    ]


def _has_waited(job: QueuedJob, span: timedelta, now: datetime) -> bool:
    return job.since is not None and now - job.since >= span


def _owners(allocation_ids: Collection[str], snapshot: Snapshot) -> set[str | None]:
    """Return whose they are. None is among them: of a job that nobody may see, it may be theirs."""
    found = (snapshot.allocations.get(each) for each in allocation_ids)
    return {None, *(each.username for each in found if each)}


def _held(allocation_ids: Collection[str], snapshot: Snapshot) -> list[Mapping[str, int]]:
    found = (snapshot.allocations.get(each) for each in allocation_ids)
    return [each.on_agents for each in found if each]
