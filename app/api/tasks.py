"""What runs, and how it stands with each task."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator, Field

from app.api.dependencies import READERS, Caller, TasksDep, allow
from app.api.incidents import HoldView, TargetView
from app.api.parameters import true_or_false
from app.api.problems import PROBLEMS
from app.domain.cluster import Allocation, TaskType
from app.domain.incident import Incident, IncidentState
from app.domain.policy import Mode, StopAction
from app.domain.prospect import Ceiling, NeverJudged, Prospect
from app.domain.tasks import Activity, RunningTask, TaskPage, TaskQuery, TaskStanding
from app.durations import format_duration

router = APIRouter(
    prefix="/api/v1/tasks",
    tags=["tasks"],
    responses=PROBLEMS,
    # Bodies are read before it is known who sends them.
    max_body_size=64 * 2**10,
)
_TASK = "c7a2ea20-b2f1-4c94-ae05-319acb5c7427"


class GpuView(BaseModel):
    gpu_uuid: str = Field(examples=["GPU-8f2b1c3e-0000-4a6e-9d1f-000000000000"])
    agent_id: str = Field(examples=["agent-a"])


class AllocationView(BaseModel):
    allocation_id: str = Field(examples=[f"{_TASK}.1"])
    slots: int = Field(description="The GPUs that it asked for.")
    started_at: datetime | None = Field(description="When it was first seen running.")
    agents: list[str] = Field(examples=[["agent-a"]])
    gpus: list[GpuView] = Field(description="Those that it holds.")

    @classmethod
    def of(cls, allocation: Allocation, started_at: datetime | None) -> "AllocationView":
        return cls(
            allocation_id=allocation.allocation_id,
            slots=allocation.slots,
            started_at=started_at,
            agents=sorted({each.agent_id for each in allocation.containers}),
            gpus=[
                GpuView(gpu_uuid=gpu, agent_id=each.agent_id)
                for each in allocation.containers
                for gpu in each.gpu_uuids
            ],
        )


class ActivityView(BaseModel):
    """What the rules have recorded last, of about a minute. Null: not known, which is not idle."""

    average: float | None = Field(
        description="Utilization in percent (0 to 100), of all its GPUs together."
    )
    busiest: float | None = Field(description="Likewise, of the busiest of them.")
    active: bool | None = Field(
        description=(
            "Whether any signal of any of its GPUs says that it works. To be called idle takes a "
            "whole window in which none does."
        )
    )

    @classmethod
    def of(cls, activity: Activity) -> "ActivityView":
        return cls(average=activity.average, busiest=activity.busiest, active=activity.active)


class ProspectView(BaseModel):
    """What would apply if the task idled."""

    policy: str = Field(
        description="The policy that the alert on idle GPUs names.", examples=["reclaim"]
    )
    action: StopAction = Field(description="What the policy does with this type of task.")
    mode: Mode = Field(description="The mode that holds: the lowest of all that set a ceiling.")
    lowered_by: list[Ceiling] = Field(
        description=(
            "What keeps the mode below `enforce`: the watchdog's own mode, the policy's, that it "
            "has no action, or that there is no such policy. Empty in mode `enforce`."
        )
    )
    grace: str = Field(description="The grace period of this type of task.", examples=["2h"])
    holds: list[HoldView] = Field(
        description=(
            "What would forbid a stop at the moment, with its end where one is known: exempt, "
            "kept, silenced, outside hours, the breaker."
        )
    )
    never: NeverJudged | None = Field(
        description="Why no alert on idle GPUs can be about it, whatever it does."
    )

    @classmethod
    def of(cls, found: Prospect) -> "ProspectView":
        return cls(
            policy=found.policy,
            action=found.action,
            mode=found.mode,
            lowered_by=list(found.lowered_by),
            grace=format_duration(found.grace),
            holds=[HoldView.of(each) for each in found.holds],
            never=found.never,
        )


class OpenIncidentView(BaseModel):
    incident_id: str
    alertname: str = Field(examples=["GPUAllocationIdle"])
    policy: str = Field(examples=["reclaim"])
    state: IncidentState
    deadline: datetime | None = Field(
        description="As the warning named it; none where it named none. It may be later."
    )

    @classmethod
    def of(cls, incident: Incident, task: RunningTask) -> "OpenIncidentView":
        ids = {each.allocation_id for each in task.allocations}
        views = [
            TargetView.of(each, incident.mode)
            for each in incident.open_targets
            if each.allocation_id in ids
        ]
        return cls(
            incident_id=incident.incident_id,
            alertname=incident.identity.alertname,
            policy=incident.identity.policy,
            state=incident.state,
            deadline=min((each.deadline for each in views if each.deadline), default=None),
        )


class TaskView(BaseModel):
    task_id: str = Field(examples=[_TASK])
    task_type: TaskType | None = Field(description="Null: Determined does not tell.")
    name: str = Field(
        description="Written by the user: escape it wherever it is shown.",
        examples=["JupyterLab (brave-otter)"],
    )
    username: str | None = Field(
        description="The owner. Null: Determined does not tell.", examples=["bob"]
    )
    resource_pool: str = Field(examples=["default"])
    slots: int = Field(description="The GPUs that it asked for.", examples=[1])
    started_at: datetime | None = Field(
        description="When it was first seen running; Determined itself tells when it was queued."
    )
    allocations: list[AllocationView] = Field(
        description="Its runs: one, but for the moment in which a restart overlaps."
    )
    activity: ActivityView
    if_idle: ProspectView
    incidents: list[OpenIncidentView] = Field(
        description="The open ones about it, the nearest deadline first."
    )

    @classmethod
    def of(cls, standing: TaskStanding) -> "TaskView":
        task = standing.task
        incidents = [OpenIncidentView.of(each, task) for each in standing.incidents]
        return cls(
            task_id=task.latest.task_id,
            task_type=task.latest.task_type,
            name=task.latest.name,
            username=task.latest.username,
            resource_pool=task.latest.resource_pool,
            slots=task.slots,
            started_at=task.started_at,
            allocations=[
                AllocationView.of(each, task.started.get(each.allocation_id))
                for each in task.allocations
            ],
            activity=ActivityView.of(standing.activity),
            if_idle=ProspectView.of(standing.prospect),
            incidents=sorted(incidents, key=_nearest_deadline),
        )


def _nearest_deadline(incident: OpenIncidentView) -> tuple[bool, float, str]:
    at = incident.deadline
    return at is None, at.timestamp() if at else 0.0, incident.incident_id


_SNAPSHOT = Field(description="When Determined was read; the tasks are those of then.")
_UNKNOWN = Field(
    description="What could not be read, a sentence each; what hangs on it is null, or missing.",
    examples=[["Prometheus could not be read: Prometheus answered 503."]],
)


class TaskListView(BaseModel):
    tasks: list[TaskView]
    total: int = Field(description="How many the filter lets through, on all pages.")
    snapshot_at: datetime = _SNAPSHOT
    unknown: list[str] = _UNKNOWN

    @classmethod
    def of(cls, page: TaskPage) -> "TaskListView":
        return cls(
            tasks=[TaskView.of(each) for each in page.standings],
            total=page.total,
            snapshot_at=page.snapshot_at,
            unknown=list(page.unknown),
        )


class OneTaskView(TaskView):
    snapshot_at: datetime = _SNAPSHOT
    unknown: list[str] = _UNKNOWN

    @classmethod
    def of_page(cls, page: TaskPage) -> "OneTaskView":
        [standing] = page.standings
        shown = TaskView.of(standing).model_dump()
        return cls(**shown, snapshot_at=page.snapshot_at, unknown=list(page.unknown))


class TaskFilter(BaseModel):
    """A filter; what is left out may be anything."""

    username: str | None = None
    resource_pool: str | None = None
    task_type: TaskType | None = None
    idle: Annotated[bool | None, BeforeValidator(true_or_false)] = Field(
        default=None,
        description=(
            "`true`: no GPU of the task works at the moment; `false`: one does. A task of which "
            "that is not known is in neither."
        ),
    )
    limit: int = Field(default=100, ge=1, le=1000)
    offset: int = Field(default=0, ge=0, le=1_000_000, description="How many to pass over.")


Reader = Annotated[Caller, Depends(allow(*READERS))]


@router.get("", summary="List what runs, the newest first")
async def list_tasks(
    tasks: TasksDep, _caller: Reader, query: Annotated[TaskFilter, Query()]
) -> TaskListView:
    """Tasks that hold resources; queued ones and those that have ended are not among them."""
    return TaskListView.of(await tasks.page(TaskQuery(**query.model_dump())))


@router.get("/{task_id}", summary="One task that runs")
async def read_task(task_id: str, tasks: TasksDep, _caller: Reader) -> OneTaskView:
    return OneTaskView.of_page(await tasks.one(task_id))
