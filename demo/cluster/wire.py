"""What the control interface of the simulated cluster speaks: its requests and its state."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from demo.cluster.calls import FaultKind
from demo.cluster.model import (
    ACTIVITIES,
    QUIET_RECEIVE,
    QUIET_WRITE,
    AllocationState,
    GpuActivity,
    TaskType,
)
from demo.cluster.sensors import ExporterMode

ActivityName = Literal["idle", "busy", "empty"]
Activity = ActivityName | GpuActivity


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def activity_of(activity: Activity) -> GpuActivity:
    return ACTIVITIES[activity] if isinstance(activity, str) else activity


class StartTask(_Wire):
    """A task to begin. With `agents` it gets one container on each, with that many slots."""

    task_type: TaskType
    username: str
    slots: int = Field(default=1, ge=0)
    agents: dict[str, int] | None = None
    pool: str = "default"
    name: str = ""
    labels: list[str] = []
    notes: str = ""
    activity: Activity = "idle"
    cpu_cores: float = 0.05
    memory_bytes: int = 2 * 2**30
    receive_bytes_per_second: float = Field(default=QUIET_RECEIVE, ge=0)
    write_bytes_per_second: float = Field(default=QUIET_WRITE, ge=0)
    experiment_id: int | None = None
    hold_at: AllocationState | None = None
    fails_before_running: bool = False
    no_pause: bool = False
    parent_id: str = ""


class SetActivity(_Wire):
    """What the containers of an allocation do from now on; None leaves as it is."""

    activity: Activity | None = None
    cpu_cores: float | None = None
    memory_bytes: int | None = None
    receive_bytes_per_second: float | None = Field(default=None, ge=0)
    write_bytes_per_second: float | None = Field(default=None, ge=0)


class SetGpu(_Wire):
    activity: Activity | None = None
    xid: int | None = None
    lost: bool | None = None


class SetExporters(_Wire):
    """Settings of one agent's exporters; None leaves as it is."""

    dcgm: ExporterMode | None = None
    cadvisor: ExporterMode | None = None
    node: ExporterMode | None = None
    profiling: bool | None = None
    engine_stuck: bool | None = None
    hostname_label: Literal["Hostname", "hostname", ""] | None = None
    determined_labels: bool | None = None
    frozen: bool | None = None
    system_cores: float | None = None
    system_memory_bytes: int | None = None


class SetAgent(_Wire):
    """Disconnecting ends its containers after the reconnect wait; its exporters go on."""

    connected: bool


class SetUser(_Wire):
    active: bool | None = None
    password: str | None = None
    remote: bool | None = None
    jobs_hidden: bool | None = None


class AddFault(_Wire):
    """Calls whose path contains a match of `path` go wrong. Seconds are real ones."""

    path: str
    kind: FaultKind = FaultKind.ANSWER
    method: str | None = None
    status: int = 500
    message: str = "simulated failure"
    lasts_seconds: float | None = None
    times: int | None = None


class SetLatency(_Wire):
    """How long ends take, in seconds of a real cluster (the speed divides them)."""

    kill_seconds: float | None = None
    preemption_seconds: float | None = None


class RestartMaster(_Wire):
    down_seconds: float = 0


class CallRecord(_Wire):
    method: str
    path: str
    username: str | None
    status: int | None
    at: datetime


class ContainerState(_Wire):
    container_id: str
    runtime_id: str
    agent_id: str
    state: str
    gpu_uuids: list[str]
    cpu_cores: float
    memory_bytes: int
    receive_bytes_per_second: float
    write_bytes_per_second: float
    restored: bool


class AllocationDetail(_Wire):
    allocation_id: str
    state: str
    registered_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    exit_reason: str | None
    containers: list[ContainerState]


class TaskState(_Wire):
    task_id: str
    task_type: TaskType
    name: str
    username: str
    pool: str
    slots: int
    job_id: str
    experiment_id: int | None
    experiment_state: str | None
    trial_id: int | None
    generic_state: str | None
    allocations: list[AllocationDetail]

    @property
    def allocation(self) -> AllocationDetail:
        """The latest allocation."""
        return self.allocations[-1]

    @property
    def gpu_uuids(self) -> list[str]:
        return [uuid for part in self.allocation.containers for uuid in part.gpu_uuids]


class GpuState(_Wire):
    uuid: str
    index: int
    brand: str
    activity: GpuActivity
    xid: int | None
    lost: bool


class AgentDetail(_Wire):
    agent_id: str
    address: str
    dcgm: int
    cadvisor: int
    node: int
    gpus: list[GpuState]


class ClusterState(_Wire):
    now: datetime
    speed: float
    agents: list[AgentDetail]
    tasks: list[TaskState]

    def task(self, task_id: str) -> TaskState:
        return next(task for task in self.tasks if task.task_id == task_id)
