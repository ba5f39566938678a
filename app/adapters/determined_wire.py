"""Determined's answers, as far as the watchdog reads them (REST API of 0.38).

Some bodies carry secrets (a notebook's address, a shell's key). What is read leaves them out, and
no error quotes its input.
"""

from typing import Annotated, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field, json

from app.adapters.upstream import WireInstant
from app.domain.cluster import Container

QUEUED = "STATE_QUEUED"
CPU_DEVICE = "TYPE_CPU"
GENERIC_JOB = "TYPE_GENERIC"
EXPERIMENT_JOB = "TYPE_EXPERIMENT"

Model = TypeVar("Model", bound=Struct)
Held = tuple[tuple[Container, ...], int]


class _Wire(Struct, rename="camel", gc=False):
    """Read by the ten thousand at every tick. None refers to itself, so nobody need look for it."""


def read(body: bytes | bytearray, model: type[Model]) -> Model:
    """Raises: msgspec.DecodeError, RecursionError: it is not what the model says."""
    # A number may be a text: so protobuf's JSON writes those of 64 bits.
    return json.decode(body, type=model, strict=False)


class Device(_Wire):
    uuid: str
    type: str


class Devices(_Wire):
    devices: tuple[Device, ...] = ()


class Exit(_Wire):
    """What it says does not matter; that it is there does."""


class Resources(_Wire):
    """One container of an allocation."""

    resources_id: str
    agent_devices: dict[str, Devices]
    container_id: str | None = None
    exited: Exit | None = None


class AllocationSummary(_Wire):
    """It knows neither owner nor type nor state."""

    task_id: str
    allocation_id: str
    name: str
    resource_pool: str
    slots_needed: int
    resources: tuple[Resources, ...]
    """Empty while the allocation is queued, and once it is read: `held` is made of it at once."""
    held: Held = field(default=((), 0), name="no key of Determined's")
    """The containers, and the number of slots that are no GPU: nobody can use these up, and no
    exporter shows them. As they come, the resources take many times the memory.
    """

    def __post_init__(self) -> None:
        self.held, self.resources = _held(self.resources), ()


def _held(resources: tuple[Resources, ...]) -> Held:
    containers, cpus = [], 0
    for each in resources:
        for agent_id, found in each.agent_devices.items():
            gpus = [one.uuid for one in found.devices if one.type != CPU_DEVICE]
            cpus += len(found.devices) - len(gpus)
            if each.exited is None:
                # Otherwise it holds nothing any more, though the allocation waits for its peers.
                name = each.container_id or each.resources_id
                containers.append(Container(name, agent_id, tuple(gpus)))
    return tuple(containers), cpus


class Tasks(_Wire):
    allocation_id_to_summary: dict[str, AllocationSummary]


class TaskAllocation(_Wire):
    allocation_id: str
    state: str
    end_time: str | None = None


class TaskDetail(_Wire):
    task_type: str
    allocations: tuple[TaskAllocation, ...]
    parent_id: str | None = None
    """Empty or left out: it has none."""


class TaskReply(_Wire):
    task: TaskDetail


class Interactive(_Wire):
    """A notebook, shell, command or TensorBoard."""

    id: str
    username: str
    job_id: str
    workspace_id: int | None = None


class Interactives(_Wire):
    """All of one kind, in a field of that name."""

    notebooks: tuple[Interactive, ...] | None = None
    shells: tuple[Interactive, ...] | None = None
    commands: tuple[Interactive, ...] | None = None
    tensorboards: tuple[Interactive, ...] | None = None

    def __post_init__(self) -> None:
        _demand_one(self.notebooks, self.shells, self.commands, self.tensorboards)

    @property
    def listed(self) -> tuple[Interactive, ...]:
        return self.notebooks or self.shells or self.commands or self.tensorboards or ()


class InteractiveReply(_Wire):
    notebook: Interactive | None = None
    shell: Interactive | None = None
    command: Interactive | None = None
    tensorboard: Interactive | None = None

    def __post_init__(self) -> None:
        _demand_one(self.notebook, self.shell, self.command, self.tensorboard)

    @property
    def found(self) -> Interactive:
        [only] = filter(None, (self.notebook, self.shell, self.command, self.tensorboard))
        return only


def _demand_one(*kinds: object) -> None:
    if sum(each is not None for each in kinds) != 1:
        raise ValueError("not one of the four kinds is there")


class Experiment(_Wire):
    id: int
    username: str
    job_id: str
    labels: tuple[str, ...] | None = None
    workspace_name: str | None = None


class ExperimentReply(_Wire):
    experiment: Experiment


class Pagination(_Wire):
    total: int


class Experiments(_Wire):
    experiments: tuple[Experiment, ...]
    pagination: Pagination


class Trial(_Wire):
    id: int
    task_ids: tuple[str, ...]


class TrialReply(_Wire):
    trial: Trial


class Pool(_Wire):
    name: str


class Pools(_Wire):
    resource_pools: tuple[Pool, ...]


class JobSummary(_Wire):
    state: str
    jobs_ahead: int = 0


class FullJob(_Wire):
    requested_slots: int
    allocated_slots: int
    type: str
    username: str
    entity_id: str
    job_id: str
    summary: JobSummary | None = None
    workspace_id: int | None = None
    priority: int | None = None
    submission_time: WireInstant | None = None


class LimitedJob(_Wire):
    """A job that the account may not see: whose it is stays untold."""

    summary: JobSummary | None = None
    requested_slots: int | None = None
    allocated_slots: int = 0
    type: str = ""
    job_id: str = ""
    priority: int | None = None


class Job(_Wire):
    """In one of the two forms."""

    full: FullJob | None = None
    limited: LimitedJob | None = None

    @property
    def is_told_here_alone(self) -> bool:
        """Tell whether it waits, or is of the kind that has no list."""
        job = self.full or self.limited
        if job is None or job.type == GENERIC_JOB:
            return job is not None
        return job.summary is not None and job.summary.state == QUEUED


class Jobs(_Wire):
    jobs: tuple[Job, ...]
    pagination: Pagination


class UserView(_Wire):
    username: str
    active: bool
    admin: bool


class Users(_Wire):
    users: tuple[UserView, ...]


class Workspace(_Wire):
    id: int
    name: str


class Workspaces(_Wire):
    workspaces: tuple[Workspace, ...]


class Occupant(_Wire):
    """The container that holds a slot. That it is there matters; which it is, only to people."""

    id: str = ""


class Slot(_Wire):
    device: Device
    container: Occupant | UnsetType | None = UNSET
    enabled: bool | UnsetType | None = UNSET
    draining: bool | UnsetType | None = UNSET

    @property
    def tells(self) -> bool:
        """Tell whether it says if new work may be given to it. None of the three may be left out:
        a slot that is free has the container null.
        """
        return UNSET not in (self.container, self.enabled, self.draining)

    @property
    def held_by(self) -> Occupant | None:
        return self.container or None


class Agent(_Wire):
    id: str
    slots: dict[str, Slot]
    resource_pools: tuple[str, ...] = ()
    enabled: bool | None = None
    draining: bool | None = None


class Agents(_Wire):
    agents: tuple[Agent, ...]


class Login(_Wire):
    token: Annotated[str, Meta(min_length=1)]
