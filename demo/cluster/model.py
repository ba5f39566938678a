"""What the simulated cluster consists of. Plain state; `lifecycle` changes it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class TaskType(StrEnum):
    """The kinds of tasks, by the names of Determined's database."""

    TRIAL = "TRIAL"
    NOTEBOOK = "NOTEBOOK"
    SHELL = "SHELL"
    COMMAND = "COMMAND"
    TENSORBOARD = "TENSORBOARD"
    GENERIC = "GENERIC"
    CHECKPOINT_GC = "CHECKPOINT_GC"


NTSC = frozenset({TaskType.NOTEBOOK, TaskType.SHELL, TaskType.COMMAND, TaskType.TENSORBOARD})


class AllocationState(StrEnum):
    """The states of allocations and containers that the API shows as `STATE_<value>`."""

    QUEUED = "QUEUED"
    PULLING = "PULLING"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"


class ExperimentState(StrEnum):
    """The states that the database keeps; QUEUED to RUNNING are derived from allocations."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    STOPPING_COMPLETED = "STOPPING_COMPLETED"
    STOPPING_CANCELED = "STOPPING_CANCELED"
    STOPPING_KILLED = "STOPPING_KILLED"
    STOPPING_ERROR = "STOPPING_ERROR"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    ERROR = "ERROR"

    @property
    def final(self) -> bool:
        return self in {self.COMPLETED, self.CANCELED, self.ERROR}

    @property
    def stopping(self) -> bool:
        return self.name.startswith("STOPPING")


@dataclass(frozen=True, slots=True)
class GpuActivity:
    """What the device sensors would say."""

    utilization: float = 0.0
    """Percent, 0-100."""
    engine: float = 0.0
    """Ratio 0-1: graphics engine active."""
    tensor: float = 0.0
    dram: float = 0.0
    """Ratio 0-1: device memory interface active."""
    power_watts: float = 68.0
    fb_used_mib: int = 4


IDLE = GpuActivity(power_watts=71.8, fb_used_mib=42_025)
"""A process holds memory and computes nothing, as a forgotten notebook does."""
EMPTY = GpuActivity()
"""No process at all."""
BUSY = GpuActivity(
    utilization=97, engine=0.96, tensor=0.44, dram=0.37, power_watts=612, fb_used_mib=71_900
)
ACTIVITIES = {"idle": IDLE, "empty": EMPTY, "busy": BUSY}


@dataclass(frozen=True, slots=True)
class MigInstance:
    profile: str
    instance_id: int
    uuid: str


@dataclass(slots=True)
class Gpu:
    uuid: str
    index: int
    brand: str
    pci_bus_id: str
    activity: GpuActivity = EMPTY
    energy_millijoules: float = 0.0
    xid: int | None = None
    """The last XID. It stays after recovery, until the exporter restarts."""
    lost: bool = False
    """Off the bus: its series vanish."""
    mig: tuple[MigInstance, ...] = ()

    @property
    def device_uuids(self) -> tuple[str, ...]:
        """The uuids that Determined sees: those of the instances where MIG is on."""
        return tuple(instance.uuid for instance in self.mig) or (self.uuid,)


@dataclass(slots=True)
class Agent:
    agent_id: str
    gpus: list[Gpu]
    pools: tuple[str, ...]
    address: str
    registered_at: datetime
    systemd_cgroups: bool
    """cgroup v2 with the systemd driver; else cgroup v1 with cgroupfs."""
    dcgm_port: int = 9400
    cadvisor_port: int = 8080
    node_port: int = 9100
    connected: bool = True
    """A lost agent leaves the master's lists after a while, and its containers end then."""
    cpu_count: int = 32
    memory_bytes: int = 256 * 2**30


@dataclass(slots=True)
class User:
    user_id: int
    username: str
    display_name: str
    password: str
    admin: bool = False
    active: bool = True
    remote: bool = False
    modified_at: datetime | None = None


@dataclass(slots=True)
class Device:
    """One slot of an allocation: a GPU, or an instance of one under MIG."""

    index: int
    uuid: str
    brand: str
    gpu: Gpu


QUIET_RECEIVE = 2_000.0
"""Bytes per second that a container gets over the network while nothing is downloaded."""
QUIET_WRITE = 4_096.0
"""Bytes per second that a container writes to disk while nothing is saved."""


@dataclass(slots=True)
class Container:
    container_id: str
    runtime_id: str
    docker_name: str
    agent: Agent
    devices: list[Device]
    state: AllocationState
    cpu_cores: float
    memory_bytes: int
    started_at: datetime | None = None
    receive_bytes_per_second: float = QUIET_RECEIVE
    write_bytes_per_second: float = QUIET_WRITE
    restored: bool = False
    """Reattached after a restart of the master: never registered with det-state-metrics."""
    cpu_seconds: float = 0.0
    received_bytes: float = 0.0
    written_bytes: float = 0.0
    accrued_at: datetime | None = None


@dataclass(slots=True)
class Allocation:
    allocation_id: str
    task: "Task"
    registered_at: datetime
    state: AllocationState = AllocationState.QUEUED
    containers: list[Container] = field(default_factory=list)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_reason: str | None = None

    @property
    def ended(self) -> bool:
        return self.state is AllocationState.TERMINATED


@dataclass(frozen=True, slots=True)
class Workload:
    """Where the containers of a task run and what they do there."""

    placement: dict[str, int] | None
    """Slots by agent id; None lets the scheduler choose."""
    activity: GpuActivity
    cpu_cores: float
    memory_bytes: int
    receive_bytes_per_second: float
    write_bytes_per_second: float


@dataclass(slots=True)
class Task:
    task_id: str
    task_type: TaskType
    name: str
    owner: User
    pool: str
    slots: int
    job_id: str
    created_at: datetime
    workload: Workload
    trial: "Trial | None" = None
    allocations: list[Allocation] = field(default_factory=list)
    ended_at: datetime | None = None
    hold_at: AllocationState | None = None
    """Gets no further than this state until the control interface lets it go."""
    no_pause: bool = False
    parent_id: str = ""
    """Of a generic task that another one has begun."""
    generic_state: str = "ACTIVE"
    secret: str = ""

    @property
    def current(self) -> Allocation | None:
        """The allocation that has not ended."""
        last = self.allocations[-1] if self.allocations else None
        return None if last is None or last.ended else last


@dataclass(slots=True)
class Trial:
    trial_id: int
    experiment: "Experiment"
    task: Task
    state: ExperimentState = ExperimentState.ACTIVE
    restarts: int = 0
    ended_at: datetime | None = None


@dataclass(slots=True)
class Experiment:
    experiment_id: int
    name: str
    owner: User
    pool: str
    job_id: str
    started_at: datetime
    labels: list[str]
    notes: str = ""
    state: ExperimentState = ExperimentState.ACTIVE
    trials: list[Trial] = field(default_factory=list)
    ended_at: datetime | None = None
