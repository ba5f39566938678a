"""Why a task was warned about, or was not."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.dependencies import ExplanationsDep
from app.api.problems import PROBLEMS
from app.api.tasks import Reader, TaskView
from app.domain.alert import Scope
from app.domain.explanation import Explanation, Look, LookState
from app.domain.facts import Condition
from app.domain.forecast import Milestone, Stage
from app.domain.idleness import Measure

router = APIRouter(
    prefix="/api/v1/tasks",
    tags=["tasks"],
    responses=PROBLEMS,
    # Bodies are read before it is known who sends them.
    max_body_size=64 * 2**10,
)


class ConditionView(BaseModel):
    words: str = Field(
        description="What has to be so before the alert fires.",
        examples=["no signal of any GPU said that it works, in the last 30m"],
    )
    met: bool | None = Field(
        description="Null: not known, which keeps the alert from firing as `false` does."
    )
    value: float | None = Field(description="What it is now.", examples=[12.0])
    limit: float | None = Field(description="What it is held against.", examples=[40.0])
    unit: str = Field(description="Of both. Empty: there is no number.", examples=["minutes"])

    @classmethod
    def of(cls, one: Condition) -> "ConditionView":
        return cls(words=one.words, met=one.met, value=one.value, limit=one.limit, unit=one.unit)


class LookView(BaseModel):
    """How one alerting rule of Prometheus stands with the task."""

    alertname: str = Field(examples=["GPUAllocationIdle"])
    scope: str = Field(
        description=(
            "`allocation`: the task is judged; `user`: what its owner holds; another: only the "
            "admins hear of it."
        ),
        examples=[str(Scope.ALLOCATION)],
    )
    policy: str = Field(examples=["reclaim"])
    state: LookState
    since: datetime | None = Field(description="Since when its condition has held.")
    fires_at: datetime | None = Field(
        description="Of a pending one: when it fires, if its condition goes on to hold."
    )
    conditions: list[ConditionView] = Field(
        description=(
            "What it looks at, as far as it can be seen from outside of the rule; all of it has to "
            "be so. Empty for a rule that did not come with the watchdog."
        )
    )
    error: str = Field(description="Why the rule could not be evaluated. Empty: it was.")

    @classmethod
    def of(cls, look: Look) -> "LookView":
        return cls(
            alertname=look.rule.name,
            scope=look.rule.labels.get("scope", ""),
            policy=look.rule.labels.get("policy", ""),
            state=look.state,
            since=look.since,
            fires_at=look.fires_at,
            conditions=[ConditionView.of(each) for each in look.conditions],
            error=look.rule.error,
        )


class MeasureView(BaseModel):
    """A number that the rules have recorded last."""

    name: str = Field(examples=["cpu"])
    words: str = Field(examples=["CPU"])
    value: float = Field(examples=[0.2])
    unit: str = Field(examples=["cores"])

    @classmethod
    def of(cls, one: Measure) -> "MeasureView":
        return cls(name=one.name, words=one.words, value=one.value, unit=one.unit)


class MilestoneView(BaseModel):
    """What would come if the task idled from now on."""

    stage: Stage
    at: datetime | None = Field(
        description=(
            "When it was, or will be at the earliest. Null: never as things stand, or nobody can "
            "say; the words tell."
        )
    )
    words: str = Field(
        description="Partly written by users: escape it wherever it is shown.",
        examples=["Its owner is told, at the earliest then."],
    )

    @classmethod
    def of(cls, one: Milestone) -> "MilestoneView":
        return cls(stage=one.stage, at=one.at, words=one.words)


class ExplanationView(BaseModel):
    task: TaskView
    window: str | None = Field(
        description="The window of idleness that counts for it. Null: none does, or not known.",
        examples=["30m"],
    )
    measures: list[MeasureView] = Field(
        description="What is known of it now; what is missing is not known, and is no zero."
    )
    alerts: list[LookView] = Field(
        description="The alerting rules that look at it, the one on idle GPUs first."
    )
    next: list[MilestoneView] = Field(
        description="The alert on idle GPUs, the warning and the stop, in this order."
    )
    snapshot_at: datetime = Field(description="When Determined was read.")
    unknown: list[str] = Field(description="What could not be read, a sentence each.")

    @classmethod
    def of(
        cls, found: Explanation, snapshot_at: datetime, unknown: tuple[str, ...]
    ) -> "ExplanationView":
        return cls(
            task=TaskView.of(found.standing),
            window=found.window,
            measures=[MeasureView.of(each) for each in found.measures],
            alerts=[LookView.of(each) for each in found.looks],
            next=[MilestoneView.of(each) for each in found.milestones],
            snapshot_at=snapshot_at,
            unknown=list(unknown),
        )


@router.get("/{task_id}/explanation", summary="Why a task is warned about, or is not")
async def explain_task(
    task_id: str, explanations: ExplanationsDep, _caller: Reader
) -> ExplanationView:
    """What each alert sees of it now, what keeps it from firing, and what would come when."""
    found = await explanations.read(task_id)
    return ExplanationView.of(found.explanation, found.snapshot_at, found.unknown)
