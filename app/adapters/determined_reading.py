"""Determined's answers put together: what each allocation is, and whose."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

from app.adapters import determined_wire as wire
from app.adapters.upstream import no_year_one
from app.domain.cluster import Allocation, QueuedJob, Room, TaskType
from app.errors import UpstreamMalformedError

INTERACTIVE = {
    TaskType.NOTEBOOK: "notebooks",
    TaskType.SHELL: "shells",
    TaskType.COMMAND: "commands",
    TaskType.TENSORBOARD: "tensorboards",
}
"""The kinds that have a list of their own, and its name in paths."""

# The master writes these names itself, and only for tasks whose id begins with an experiment's.
_TRIAL_NAME = re.compile(r"Trial (\d+) \(Experiment (\d+)\)")
_GC_NAME = "Checkpoint GC"
_NAMELESS = "unknown"
"""What a container is called that Determined shows without an id."""
_EXPERIMENT_TASK = re.compile(r"(\d+)\..+")


@dataclass(frozen=True, slots=True)
class Owners:
    """What tells the type and the owner of tasks. What is in none of these is unknown."""

    interactive: Mapping[TaskType, Sequence[wire.Interactive]] = field(default_factory=dict)
    experiments: Sequence[wire.Experiment] = ()
    jobs: Sequence[wire.Job] = ()
    workspaces: Mapping[int, str] = field(default_factory=dict)
    """Names by id; empty where they were not asked for."""

    def generic(self) -> dict[str, wire.FullJob]:
        full = (job.full for job in self.jobs if job.full is not None)
        return {job.entity_id: job for job in full if job.type == wire.GENERIC_JOB}


def segment(text: str) -> str:
    """Return an id as one segment of a path."""
    if text in {"", ".", ".."}:
        raise UpstreamMalformedError(f"{text!r} is no id of Determined's")
    return quote(text, safe="")


def experiment_of(task_id: str) -> int | None:
    """Return the experiment that a task belongs to; None for tasks of their own."""
    found = _EXPERIMENT_TASK.fullmatch(task_id)
    return int(found[1]) if found else None


def allocations(
    summaries: Iterable[wire.AllocationSummary],
    owners: Owners,
    before: Mapping[str, Allocation] = MappingProxyType({}),
) -> dict[str, Allocation]:
    """Return the allocations by id, with the objects of before where nothing has changed.

    Nearly nothing changes between two readings. Those of before stay where they are in memory, and
    the new ones leave it at once.
    """
    experiments = {each.id: each for each in owners.experiments}
    generic = owners.generic()
    interactive = {
        each.id: (task_type, each)
        for task_type, found in owners.interactive.items()
        for each in found
    }
    result = {}
    for summary in summaries:
        task_id, experiment_id = summary.task_id, experiment_of(summary.task_id)
        if experiment_id is not None:
            told = _of_experiment(summary.name, experiment_id, experiments.get(experiment_id))
        elif task_id in interactive:
            task_type, view = interactive[task_id]
            told = _of_its_own(task_type, view, owners.workspaces)
        elif task_id in generic:
            told = _of_its_own(TaskType.GENERIC, generic[task_id], owners.workspaces)
        else:
            told = _UNKNOWN
        known = before.get(summary.allocation_id)
        result[summary.allocation_id] = _allocation(summary, told, known)
    return result


def running_trials(summaries: Iterable[wire.AllocationSummary], experiment_id: int) -> set[str]:
    """Return what holds resources for an experiment, but for the checkpoint clean-up."""
    return {
        summary.allocation_id
        for summary in summaries
        if experiment_of(summary.task_id) == experiment_id
        and not summary.name.startswith(_GC_NAME)
        and _allocation(summary, _UNKNOWN).holds_resources
    }


def queued_slots(jobs: Iterable[wire.Job]) -> dict[str, int]:
    """Return how many slots the jobs that wait in the queue lack, by user.

    A job that does not say whose it is counts for nobody: it may be that of the very user who is
    to give something up because others wait (S5).
    """
    lacking: Counter[str] = Counter()
    for job in (each.full for each in jobs if each.full is not None):
        if job.username and job.summary and job.summary.state == wire.QUEUED:
            lacking[job.username] += max(job.requested_slots - job.allocated_slots, 0)
    return dict(+lacking)


def parts(known: Iterable[Allocation]) -> dict[str, int]:
    """Return the slots of the smallest part of each job that waits in part, by the job's id."""
    found: dict[str, int] = {}
    for each in known:
        if each.job_id and not each.containers:
            found[each.job_id] = min(each.slots, found.get(each.job_id, each.slots))
    return found


def queue(jobs: Iterable[wire.Job], parts: Mapping[str, int]) -> tuple[QueuedJob, ...]:
    """Return the jobs that wait, those that the account may not see among them.

    `parts`: of what parts they are made, as far as the allocations tell it.
    """
    found = (job.full or job.limited for job in jobs)
    return tuple(
        _queued(job, parts.get(job.job_id))
        for job in found
        if job is not None and job.summary is not None and job.summary.state == wire.QUEUED
    )


def _queued(job: wire.FullJob | wire.LimitedJob, part: int | None) -> QueuedJob:
    requested = job.requested_slots
    lacking = None if requested is None else max(requested - job.allocated_slots, 0)
    seen = job if isinstance(job, wire.FullJob) else None
    return QueuedJob(
        job_id=job.job_id,
        username=(seen.username or None) if seen else None,
        slots=lacking,
        least=lacking if part is None else part,
        ahead=job.summary.jobs_ahead if job.summary else 0,
        priority=job.priority,
        spreads=job.type == wire.EXPERIMENT_JOB,
        since=no_year_one(seen.submission_time) if seen else None,
    )


def rooms(agents: Iterable[wire.Agent]) -> dict[str, Room]:
    """Return what room for new work each agent has; those that do not tell it are left out."""
    return {
        agent.id: _room(agent)
        for agent in agents
        if None not in {agent.enabled, agent.draining}
        and all(slot.tells for slot in agent.slots.values())
    }


def _room(agent: wire.Agent) -> Room:
    usable = [
        slot
        for slot in agent.slots.values()
        if slot.enabled and not slot.draining and slot.device.type != wire.CPU_DEVICE
    ]
    if agent.draining or not agent.enabled:
        usable = []
    return Room(slots=len(usable), free=sum(slot.held_by is None for slot in usable))


def occupants(agents: Iterable[wire.Agent]) -> dict[str, str]:
    """Return which container holds each GPU, by uuid: an empty text where none does.

    GPUs whose slots do not tell it are left out. One that is disabled may be free all the same.
    """
    return {
        slot.device.uuid: (slot.held_by.id or _NAMELESS) if slot.held_by else ""
        for agent in agents
        for slot in agent.slots.values()
        if slot.tells and slot.device.type != wire.CPU_DEVICE
    }


def agent_slots(agents: Iterable[wire.Agent]) -> dict[str, int]:
    """Return how many GPUs each agent offers. One without any offers its CPU as a slot instead."""
    return {
        agent.id: sum(slot.device.type != wire.CPU_DEVICE for slot in agent.slots.values())
        for agent in agents
    }


def agent_pools(agents: Iterable[wire.Agent]) -> dict[str, frozenset[str]]:
    return {agent.id: frozenset(agent.resource_pools) for agent in agents}


@dataclass(frozen=True, slots=True)
class Machines:
    """What is known of the agents: the fields of a snapshot of the same names."""

    agent_slots: Mapping[str, int]
    agent_pools: Mapping[str, frozenset[str]]
    rooms: Mapping[str, Room]
    occupants: Mapping[str, str]


def machines(agents: Sequence[wire.Agent]) -> Machines:
    return Machines(agent_slots(agents), agent_pools(agents), rooms(agents), occupants(agents))


class _Told(NamedTuple):
    """What is not in the summary: the fields of an allocation of the same names."""

    task_type: TaskType | None = None
    username: str | None = None
    job_id: str = ""
    experiment_id: str = ""
    trial_id: str = ""
    labels: tuple[str, ...] | None = None
    workspace: str | None = None


_UNKNOWN = _Told()


def _allocation(
    summary: wire.AllocationSummary, told: _Told, before: Allocation | None = None
) -> Allocation:
    """Return what it was before where nothing has changed. Thousands are read at every tick: those
    are compared, and not made.
    """
    containers, cpus = summary.held
    found = (
        summary.allocation_id,
        summary.task_id,
        told.task_type,
        summary.name,
        told.username,
        summary.resource_pool,
        max(summary.slots_needed - cpus, 0),
        containers,
        told.job_id,
        told.experiment_id,
        told.trial_id,
        told.labels,
        told.workspace,
        _NO_DESCENDANTS,
    )
    if before is not None and _values_of(before) == found:
        return before
    return Allocation(*found)


_values_of = attrgetter(*(each.name for each in fields(Allocation)))
_NO_DESCENDANTS: tuple[str, ...] = ()
"""They are asked for where a task is read by itself."""


def _of_experiment(name: str, experiment_id: int, experiment: wire.Experiment | None) -> _Told:
    named = _TRIAL_NAME.fullmatch(name)
    task_type, trial_id = None, ""
    if named and int(named[2]) == experiment_id:
        task_type, trial_id = TaskType.TRIAL, named[1]
    elif name.startswith(_GC_NAME):
        task_type = TaskType.CHECKPOINT_GC
    return _Told(
        task_type=task_type,
        username=(experiment.username or None) if experiment else None,
        job_id=experiment.job_id if experiment else "",
        experiment_id=str(experiment_id),
        trial_id=trial_id,
        labels=experiment.labels if experiment else None,
        workspace=(experiment.workspace_name or None) if experiment else None,
    )


def _of_its_own(
    task_type: TaskType, owner: wire.Interactive | wire.FullJob, workspaces: Mapping[int, str]
) -> _Told:
    """Tell of a task that belongs to no experiment, and so has no labels."""
    named = workspaces.get(owner.workspace_id) if owner.workspace_id is not None else None
    return _Told(
        task_type=task_type,
        username=owner.username or None,
        job_id=owner.job_id,
        labels=(),
        workspace=named,
    )
