"""Incidents, as operators read them."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator, Field

from app.api.dependencies import READERS, Caller, StoreDep, allow
from app.api.parameters import true_or_false
from app.api.problems import PROBLEMS
from app.domain.history import Entry
from app.domain.incident import Hold, Incident, IncidentState, Target
from app.domain.outbox import IncidentQuery
from app.domain.policy import Mode
from app.domain.reasons import Reason

router = APIRouter(
    prefix="/api/v1/incidents",
    tags=["incidents"],
    responses=PROBLEMS,
    # Bodies are read before it is known who sends them.
    max_body_size=64 * 2**10,
)


class TargetView(BaseModel):
    allocation_id: str
    task_id: str
    task_type: str
    name: str = Field(description="Written by the user: escape it wherever it is shown.")
    slots: int
    warned_at: datetime | None
    deadline: datetime | None = Field(
        description=(
            "As the warning named it; none where it named none. The real one may be later."
        )
    )
    intent: str | None
    outcome: str | None

    @classmethod
    def of(cls, target: Target, mode: Mode) -> "TargetView":
        warning = target.warning
        return cls(
            allocation_id=target.allocation_id,
            task_id=target.task_id,
            task_type=target.task_type,
            name=target.name,
            slots=target.slots,
            warned_at=warning.delivered_at if warning else None,
            deadline=warning.deadline if warning and mode is Mode.ENFORCE else None,
            intent=target.intent.state if target.intent else None,
            outcome=target.outcome,
        )


class HoldView(BaseModel):
    reason: Reason
    by: str
    until: datetime | None
    detail: str

    @classmethod
    def of(cls, hold: Hold) -> "HoldView":
        return cls(reason=hold.reason, by=hold.by, until=hold.until, detail=hold.detail)


class IncidentView(BaseModel):
    incident_id: str
    state: IncidentState
    alertname: str
    policy: str
    username: str
    resource_pool: str
    mode: str
    round: int = Field(description="Counts the first warnings.")
    opened_at: datetime
    changed_at: datetime
    blocked: Reason | None = Field(description="Why a stop that is due is not made.")
    holds: list[HoldView]
    targets: list[TargetView]
    annotations: dict[str, str]

    @classmethod
    def of(cls, incident: Incident) -> "IncidentView":
        return cls(
            incident_id=incident.incident_id,
            state=incident.state,
            alertname=incident.identity.alertname,
            policy=incident.identity.policy,
            username=incident.identity.username,
            resource_pool=incident.identity.resource_pool,
            mode=incident.mode,
            round=incident.round,
            opened_at=incident.opened_at,
            changed_at=incident.changed_at,
            blocked=incident.block.reason if incident.block else None,
            holds=[HoldView.of(each) for each in incident.holds],
            targets=[TargetView.of(target, incident.mode) for target in incident.targets],
            annotations=dict(incident.annotations),
        )


class EntryView(BaseModel):
    at: datetime
    reason: Reason
    before: IncidentState | None
    after: IncidentState
    actor: str
    detail: str
    evidence: dict[str, Any]

    @classmethod
    def of(cls, entry: Entry) -> "EntryView":
        return cls(
            at=entry.at,
            reason=entry.reason,
            before=entry.before,
            after=entry.after,
            actor=entry.actor,
            detail=entry.detail,
            evidence=dict(entry.evidence),
        )


class IncidentWithHistory(IncidentView):
    history: list[EntryView] = Field(default_factory=list)


class IncidentFilter(BaseModel):
    """A filter; what is left out may be anything."""

    state: IncidentState | None = None
    username: str | None = None
    resource_pool: str | None = None
    alertname: str | None = None
    is_open: Annotated[bool | None, BeforeValidator(true_or_false)] = Field(
        default=None, alias="open", description="Whether its state is not final."
    )
    limit: int = Field(default=100, ge=1, le=1000)


@router.get("", summary="List incidents, newest first")
async def list_incidents(
    store: StoreDep,
    _caller: Annotated[Caller, Depends(allow(*READERS))],
    query: Annotated[IncidentFilter, Query()],
) -> list[IncidentView]:
    found = await store.search(IncidentQuery(**query.model_dump()))
    return [IncidentView.of(incident) for incident in found]


@router.get("/{incident_id}", summary="One incident with its history and evidence")
async def read_incident(
    incident_id: str, store: StoreDep, _caller: Annotated[Caller, Depends(allow(*READERS))]
) -> IncidentWithHistory:
    incident = await store.incident(incident_id)
    entries = await store.history(incident_id)
    shown = IncidentView.of(incident).model_dump()
    return IncidentWithHistory(**shown, history=[EntryView.of(entry) for entry in entries])
