"""What Determined says of the cluster: tasks, allocations, owners, agents."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class TaskType(StrEnum):
    """Determined's kinds of task, and how each is spelt in labels."""

    NOTEBOOK = "notebook"
    SHELL = "shell"
    COMMAND = "command"
    TENSORBOARD = "tensorboard"
    TRIAL = "trial"
    GENERIC = "generic"
    CHECKPOINT_GC = "checkpoint_gc"  # cannot be stopped: Determined has no call for it


UNSAVED = frozenset({TaskType.NOTEBOOK, TaskType.SHELL})
"""The types in whose memory a person keeps what is saved nowhere else."""


PAUSABLE = frozenset({TaskType.TRIAL, TaskType.GENERIC})
"""The types that Determined can pause: a trial with its whole experiment, never by itself."""


@dataclass(frozen=True, slots=True)
class Container:
    container_id: str
    """Determined's id, not Docker's."""
    agent_id: str
    gpu_uuids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allocation:
    """One run of a task on its resources. A restarted trial gets a new one."""

    allocation_id: str
    task_id: str
    task_type: TaskType | None
    """None when Determined's answers do not tell."""
    name: str
    """Untrusted: written by the user."""
    username: str | None
    """The owner. None when Determined's answers do not tell, which means: hands off."""
    resource_pool: str
    slots: int
    containers: tuple[Container, ...] = ()
    """Empty while the allocation is queued."""
    job_id: str = ""
    experiment_id: str = ""
    trial_id: str = ""
    labels: tuple[str, ...] | None = None
    """The experiment's, written by users; none for what is no experiment. None: unknown."""
    workspace: str | None = None
    """Its name. None: unknown, or not asked for."""
    descendants: tuple[str, ...] = ()
    """The tasks that Determined would stop with it. Known of a generic task that is read by itself
    alone; a snapshot does not tell."""

    @property
    def holds_resources(self) -> bool:
        return bool(self.containers)

    @property
    def on_agents(self) -> Mapping[str, int]:
        """Return the slots that it holds, by agent."""
        held: Counter[str] = Counter()
        for each in self.containers:
            held[each.agent_id] += len(each.gpu_uuids)
        return held


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job of which nothing runs yet."""

    job_id: str
    username: str | None
    """Whose it is. None: the account may not see it."""
    slots: int | None
    """What it lacks in all. None: unknown."""
    least: int | None
    """The fewest slots with which a part of it, such as one of its trials, begins."""
    ahead: int = 0
    """How many jobs are in front of it; 0 or less where the scheduler keeps no order."""
    priority: int | None = None
    """The lower, the earlier. None: the scheduler knows none."""
    spreads: bool = False
    """Whether it may be put on several agents."""
    since: datetime | None = None
    """When it was queued, where Determined tells."""


@dataclass(frozen=True, slots=True)
class Room:
    """The slots of an agent that new work may be given: neither disabled nor draining."""

    slots: int
    free: int


@dataclass(frozen=True, slots=True)
class User:
    username: str
    active: bool
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One reading of Determined, complete or not made at all."""

    at: datetime
    allocations: Mapping[str, Allocation]
    """By allocation id: running and queued ones, never ended ones."""
    users: Mapping[str, User] = field(default_factory=dict)
    agent_slots: Mapping[str, int] = field(default_factory=dict)
    agent_pools: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The resource pools that an agent belongs to; empty where Determined does not tell."""
    queued_slots: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Slots that queued jobs wait for, by resource pool, then by whose jobs they are. Every pool
    is here; users for whom nothing waits are not.
    """
    queue: Mapping[str, tuple[QueuedJob, ...]] = field(default_factory=dict)
    """The jobs that wait, one by one, by resource pool."""
    rooms: Mapping[str, Room] = field(default_factory=dict)
    """By agent. One of which Determined does not tell it is not here."""
    occupants: Mapping[str, str] = field(default_factory=dict)
    """By the uuid of each GPU the container that holds its slot; empty while it is free. One of
    which Determined does not tell it is not here.
    """

    @property
    def running(self) -> list[Allocation]:
        """Return the allocations that hold resources."""
        return [each for each in self.allocations.values() if each.holds_resources]

    def room_in(self, pool: str) -> dict[str, Room] | None:
        """Return the room on the agents of a pool; None where one of them does not tell (S5)."""
        if not self.agent_slots or not all(self.agent_pools.get(a) for a in self.agent_slots):
            return None
        agents = [agent for agent, pools in self.agent_pools.items() if pool in pools]
        if not all(agent in self.rooms for agent in agents):
            return None
        return {agent: self.rooms[agent] for agent in agents}


def is_deactivated(username: str, snapshot: Snapshot | None) -> bool:
    """Tell whether Determined says that the account is not active: nobody answers for it (S1)."""
    user = snapshot.users.get(username) if snapshot else None
    return user is not None and not user.active
