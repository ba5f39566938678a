"""What the HTTP API answers, as far as commands show it."""

from typing import Any, TypedDict


class TargetShape(TypedDict):
    allocation_id: str
    task_id: str
    task_type: str
    name: str
    slots: int
    warned_at: str | None
    deadline: str | None
    intent: str | None
    outcome: str | None


class HoldShape(TypedDict):
    reason: str
    by: str
    until: str | None
    detail: str


class IncidentShape(TypedDict):
    incident_id: str
    state: str
    alertname: str
    policy: str
    username: str
    resource_pool: str
    mode: str
    round: int
    opened_at: str
    changed_at: str
    blocked: str | None
    holds: list[HoldShape]
    targets: list[TargetShape]


class EntryShape(TypedDict):
    at: str
    reason: str
    before: str | None
    after: str
    actor: str
    detail: str
    evidence: dict[str, Any]


class HistoryShape(IncidentShape):
    history: list[EntryShape]


class EffectShape(TypedDict):
    effect: str
    allocation_id: str
    words: str


class WarningShape(TypedDict):
    rule: str
    reason: str
    allocation_id: str
    words: str


class ActionShape(IncidentShape):
    dry_run: bool
    effects: list[EffectShape]
    warnings: list[WarningShape]


class LimitsShape(TypedDict):
    max_stops_per_hour: int
    max_share: float
    floor: int


class StopShape(TypedDict):
    incident_id: str
    allocation_id: str
    task: str


class BreakerShape(TypedDict):
    state: str
    since: str | None
    by: str
    reason: str
    stops: list[StopShape]
    stops_last_hour: int
    running: int | None
    limits: LimitsShape


class ActivityShape(TypedDict):
    average: float | None
    busiest: float | None
    active: bool | None


class ProspectShape(TypedDict):
    policy: str
    action: str
    mode: str
    lowered_by: list[str]
    grace: str
    holds: list[HoldShape]
    never: str | None


class OpenIncidentShape(TypedDict):
    incident_id: str
    alertname: str
    policy: str
    state: str
    deadline: str | None


class AllocationShape(TypedDict):
    allocation_id: str
    agents: list[str]


class TaskShape(TypedDict):
    task_id: str
    task_type: str | None
    name: str
    username: str | None
    resource_pool: str
    slots: int
    started_at: str | None
    allocations: list[AllocationShape]
    activity: ActivityShape
    if_idle: ProspectShape
    incidents: list[OpenIncidentShape]


class TaskListShape(TypedDict):
    tasks: list[TaskShape]
    total: int
    unknown: list[str]


class ConditionShape(TypedDict):
    words: str
    met: bool | None
    value: float | None
    limit: float | None
    unit: str


class LookShape(TypedDict):
    alertname: str
    policy: str
    state: str
    since: str | None
    fires_at: str | None
    conditions: list[ConditionShape]
    error: str


class MeasureShape(TypedDict):
    name: str
    words: str
    value: float
    unit: str


class MilestoneShape(TypedDict):
    stage: str
    at: str | None
    words: str


class ExplanationShape(TypedDict):
    task: TaskShape
    window: str | None
    measures: list[MeasureShape]
    alerts: list[LookShape]
    next: list[MilestoneShape]
    unknown: list[str]


class HeldShape(TypedDict):
    resource_pool: str
    tasks: int
    slots: int
    waiting: int
    used: int | None
    idle: int | None


class UserShape(TypedDict):
    username: str
    active: bool | None
    limit: int | None
    held: list[HeldShape]
    incidents: dict[str, int]


class UserListShape(TypedDict):
    users: list[UserShape]
    total: int
    unknown: list[str]
