"""Determined's answers, as far as the watchdog reads them (REST API of 0.38).

Some bodies carry secrets (a notebook's address, a shell's key). The models leave them out, and no
error of theirs quotes its input.
"""

from dataclasses import dataclass

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.adapters.upstream import Instant

QUEUED = "STATE_QUEUED"
CPU_DEVICE = "TYPE_CPU"
GENERIC_JOB = "TYPE_GENERIC"
EXPERIMENT_JOB = "TYPE_EXPERIMENT"


class _Wire(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True
    )


class _Many:
    """What is read by the thousands at every tick: models take far more memory, and longer."""

    __slots__ = ()
    __pydantic_config__ = _Wire.model_config


@dataclass(frozen=True, slots=True, kw_only=True)
class Device(_Many):
    uuid: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices(_Many):
    devices: tuple[Device, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit(_Many):
    """What it says does not matter; that it is there does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources(_Many):
    """One container of an allocation."""

    resources_id: str
    container_id: str | None = None
    agent_devices: dict[str, Devices]
    exited: Exit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationSummary(_Many):
    """It knows neither owner nor type nor state."""

    task_id: str
    allocation_id: str
    name: str
    resource_pool: str
    slots_needed: int
    resources: tuple[Resources, ...]
    """Empty while the allocation is queued."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Interactive(_Many):
    """A notebook, shell, command or TensorBoard."""

    id: str
    username: str
    job_id: str
    workspace_id: int | None = None


class Interactives(_Wire):
    listed: tuple[Interactive, ...] = Field(
        validation_alias=AliasChoices("notebooks", "shells", "commands", "tensorboards")
    )


class InteractiveReply(_Wire):
    found: Interactive = Field(
        validation_alias=AliasChoices("notebook", "shell", "command", "tensorboard")
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary(_Many):
    state: str
    jobs_ahead: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FullJob(_Many):
    summary: JobSummary | None = None
    requested_slots: int
    allocated_slots: int
    type: str
    username: str
    entity_id: str
    job_id: str
    workspace_id: int | None = None
    priority: int | None = None
    submission_time: Instant = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitedJob(_Many):
    """A job that the account may not see: whose it is stays untold."""

    summary: JobSummary | None = None
    requested_slots: int | None = None
    allocated_slots: int = 0
    type: str = ""
    job_id: str = ""
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(_Many):
    """In one of the two forms."""

    full: FullJob | None = None
    limited: LimitedJob | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupant(_Many):
    """The container that holds a slot. That it is there matters; which it is, only to people."""

    id: str = ""


class Slot(_Wire):
    device: Device
    container: Occupant | None = None
    enabled: bool | None = None
    draining: bool | None = None

    @property
    def tells(self) -> bool:
        """Tell whether it says if new work may be given to it. None of the three may be left out:
        a slot that is free has the container null.
        """
        return {"container", "enabled", "draining"} <= self.model_fields_set


class Agent(_Wire):
    id: str
    resource_pools: tuple[str, ...] = ()
    slots: dict[str, Slot]
    enabled: bool | None = None
    draining: bool | None = None


class Agents(_Wire):
    agents: tuple[Agent, ...]


class Login(_Wire):
    token: str = Field(min_length=1)
