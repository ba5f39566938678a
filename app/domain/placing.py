"""Which of the jobs that wait would begin, if there were so much room: Determined's own rules.

A job goes to one agent with enough free slots. Only an experiment may be spread over several, and
then over agents that are wholly free and of the same size, all of whose slots it takes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.domain.cluster import QueuedJob, Room


@dataclass(frozen=True, slots=True)
class Line:
    """The jobs that wait in a pool, those in front first."""

    jobs: tuple[QueuedJob, ...]
    owners: frozenset[str | None]
    """Who is to make room: nothing is won by what would begin of their own. A job that nobody may
    see counts as theirs.
    """

    @classmethod
    def of(cls, jobs: Iterable[QueuedJob], *usernames: str | None) -> "Line":
        """Put them in order. Where it is not known who is in front, it is one of these users."""
        own = frozenset({*usernames, None})
        return cls(tuple(sorted(jobs, key=lambda job: (job.ahead, job.username not in own))), own)

    @property
    def others(self) -> list[QueuedJob]:
        """Return the jobs of others."""
        return [job for job in self.jobs if job.username not in self.owners and job.slots]

    def beginning(self, rooms: Mapping[str, Room]) -> frozenset[str]:
        """Return the jobs of others that would begin, by their ids."""
        free = {agent: room.free for agent, room in rooms.items()}
        begun: set[str] = set()
        failed: set[tuple[int, bool]] = set()
        stuck: int | None = None
        for job in self.jobs:
            if job.least is None or job.slots is None:
                # Nobody can tell what it leaves to those behind it.
                break
            if stuck is not None and job.priority != stuck:
                # Those of a lower priority wait until everybody of a higher one is served.
                break
            size = (job.least, job.spreads)
            if not job.least or size in failed:
                continue
            if not _placed(job.least, free, rooms, spreads=job.spreads):
                failed.add(size)
                stuck = job.priority
            elif job.username in self.owners:
                _place_more(job, free, rooms)
            else:
                begun.add(job.job_id)
        return frozenset(begun)


def freed(rooms: Mapping[str, Room], held: Iterable[Mapping[str, int]]) -> dict[str, Room]:
    """Return the room that there would be, if these slots by agent were given back."""
    more: Counter[str] = Counter()
    for each in held:
        more.update(each)
    return {
        agent: replace(room, free=min(room.free + more[agent], room.slots))
        for agent, room in rooms.items()
    }


def _place_more(job: QueuedJob, free: dict[str, int], rooms: Mapping[str, Room]) -> None:
    """Let the other parts of a job begin, too: its user would take that room first."""
    left = (job.slots or 0) - (job.least or 0)
    while job.least and left > 0 and _placed(job.least, free, rooms, spreads=job.spreads):
        left -= job.least


def _placed(slots: int, free: dict[str, int], rooms: Mapping[str, Room], *, spreads: bool) -> bool:
    """Take the slots where they are free. False: they are not."""
    enough = [agent for agent, number in free.items() if number >= slots]
    if enough:
        free[min(enough, key=lambda agent: (free[agent], agent))] -= slots
        return True
    several = _unused(slots, free, rooms) if spreads else ()
    for agent in several:
        free[agent] = 0
    return bool(several)


def _unused(slots: int, free: Mapping[str, int], rooms: Mapping[str, Room]) -> Sequence[str]:
    """Return agents of one size, wholly free, that have just so many slots together."""
    by_size: dict[int, list[str]] = {}
    for agent, room in sorted(rooms.items()):
        if room.slots and free[agent] == room.slots:
            by_size.setdefault(room.slots, []).append(agent)
    for size in sorted(by_size, reverse=True):
        wanted, rest = divmod(slots, size)
        if not rest and wanted <= len(by_size[size]):
            return by_size[size][:wanted]
    return ()
