"""What runs, task by task, as people ask for it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain.cluster import Allocation, Snapshot, TaskType
from app.domain.incident import Incident
from app.domain.prospect import Prospect

_UNKNOWN_BEGIN = datetime.max.replace(tzinfo=UTC)
"""A task of which nobody knows since when it runs has just begun."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What the last minute was like. None: unknown, which is not idle (S5)."""

    average: float | None = None
    """Percent (0-100) of all its GPUs together."""
    busiest: float | None = None
    """Percent (0-100) of the busiest of them."""
    active: bool | None = None
    """Whether any signal of any of its GPUs said that it works."""


@dataclass(frozen=True, slots=True)
class RunningTask:
    """A task that holds resources. A restarted one has two allocations for a moment."""

    allocations: tuple[Allocation, ...]
    """At least one; the one that began last comes last."""
    started: Mapping[str, datetime]
    """When each was first seen running, by allocation id."""

    @property
    def latest(self) -> Allocation:
        return self.allocations[-1]

    @property
    def slots(self) -> int:
        return sum(each.slots for each in self.allocations)

    @property
    def started_at(self) -> datetime | None:
        return min(self.started.values(), default=None)

    def activity(self, of: Mapping[str, Activity]) -> Activity:
        """Join what is known of each allocation; of one that is unknown nothing is known of all."""
        found = [of.get(each.allocation_id, Activity()) for each in self.allocations]
        if len(found) == 1:
            return found[0]
        busiest = [each.busiest for each in found]
        actives = [each.active for each in found]
        return Activity(
            self._average([each.average for each in found]),
            None if None in busiest else max(each for each in busiest if each is not None),
            True if True in actives else None if None in actives else False,
        )

    def _average(self, averages: Sequence[float | None]) -> float | None:
        if None in averages or not self.slots:
            return None
        slots = [each.slots for each in self.allocations]
        known = [each for each in averages if each is not None]
        return sum(a * b for a, b in zip(known, slots, strict=True)) / self.slots


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """A filter over what runs; None means any."""

    username: str | None = None
    resource_pool: str | None = None
    task_type: TaskType | None = None
    idle: bool | None = None
    """True: no GPU of the task works at the moment. What is unknown is neither."""
    limit: int = 100
    offset: int = 0

    def takes(self, task: RunningTask) -> bool:
        """Tell whether Determined's part of the filter lets it through."""
        about = task.latest
        return (
            self.username in {None, about.username}
            and self.resource_pool in {None, about.resource_pool}
            and self.task_type in {None, about.task_type}
        )


@dataclass(frozen=True, slots=True)
class TaskStanding:
    """A running task, with all that is known of how it stands."""

    task: RunningTask
    activity: Activity
    prospect: Prospect
    incidents: tuple[Incident, ...] = ()
    """The open ones about it."""


@dataclass(frozen=True, slots=True)
class TaskPage:
    standings: tuple[TaskStanding, ...]
    total: int
    """How many the filter lets through, on this page and on all others."""
    snapshot_at: datetime
    """When Determined was read."""
    unknown: tuple[str, ...] = ()
    """What could not be read, a sentence each."""


def running_tasks(snapshot: Snapshot, started: Mapping[str, datetime]) -> list[RunningTask]:
    """Return what holds resources, the newest first."""
    by_task: defaultdict[str, list[Allocation]] = defaultdict(list)
    for each in snapshot.running:
        by_task[each.task_id].append(each)
    found = [_task(each, started) for each in by_task.values()]
    found.sort(key=lambda task: task.latest.task_id)
    found.sort(key=lambda task: task.started_at or _UNKNOWN_BEGIN, reverse=True)
    return found


def running_task(
    task_id: str, snapshot: Snapshot, started: Mapping[str, datetime]
) -> RunningTask | None:
    found = [each for each in snapshot.running if each.task_id == task_id]
    return _task(found, started) if found else None


def incidents_about(
    tasks: Iterable[RunningTask], known: Iterable[Incident]
) -> dict[str, list[Incident]]:
    """Return the open incidents of which an allocation is an open target, by task id."""
    wanted = {each.allocation_id for task in tasks for each in task.allocations}
    found: defaultdict[str, list[Incident]] = defaultdict(list)
    for incident in known:
        for target in incident.open_targets:
            if target.allocation_id in wanted:
                found[target.task_id].append(incident)
    return found


def _task(allocations: Sequence[Allocation], started: Mapping[str, datetime]) -> RunningTask:
    ids = [each.allocation_id for each in allocations]
    known = {key: started[key] for key in ids if key in started}
    if len(allocations) > 1:
        allocations = sorted(
            allocations, key=lambda each: known.get(each.allocation_id, _UNKNOWN_BEGIN)
        )
    return RunningTask(tuple(allocations), known)
