"""The breaker: how it stands, the panic button, and the reset (S7)."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, StringConstraints

from app.api.dependencies import ADMINS, READERS, Caller, ContextDep, StoreDep, allow
from app.api.problems import PROBLEMS
from app.context import Context
from app.domain.breaker import BreakerState
from app.ports import IncidentStore

log = structlog.get_logger()
router = APIRouter(
    prefix="/api/v1/breaker",
    tags=["breaker"],
    responses=PROBLEMS,
    # Bodies are read before it is known who sends them.
    max_body_size=64 * 2**10,
)


class Position(StrEnum):
    CLOSED = "closed"
    TRIPPED = "tripped"


class BreakerAction(StrEnum):
    TRIP = "trip"
    RESET = "reset"


class LimitsView(BaseModel):
    max_stops_per_hour: int
    max_share: float
    floor: int


class StopView(BaseModel):
    incident_id: str
    allocation_id: str
    task: str = Field(description="Written by the user in part: escape it wherever it is shown.")


class BreakerView(BaseModel):
    state: Position
    since: datetime | None = Field(description="Null: it was never tripped.")
    by: str
    reason: str
    stops: list[StopView] = Field(
        description="Tripped: what was about to happen. Closed: what the last reset has allowed."
    )
    stops_last_hour: int = Field(
        description="Allocations that were stopped within the last hour, or may be at any moment."
    )
    running: int | None = Field(description="Allocations that run. Null: not known now.")
    limits: LimitsView


class BreakerRequest(BaseModel):
    action: BreakerAction
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


@router.get("", summary="Whether anything is stopped now, and what was counted")
async def read_breaker(
    store: StoreDep,
    context: ContextDep,
    _caller: Annotated[Caller, Depends(allow(*READERS))],
) -> BreakerView:
    return await _view(await store.breaker(), store, context)


@router.post("", summary="Stop nothing any more, or allow it again")
async def switch_breaker(
    request: BreakerRequest,
    store: StoreDep,
    context: ContextDep,
    caller: Annotated[Caller, Depends(allow(*ADMINS))],
) -> BreakerView:
    """Trip or reset the breaker. What it is already, it stays, with who made it so.

    From the answer to a trip on, no stop is begun. A call to Determined that was on record as being
    made may still arrive, within `limits.proof_age`.
    """
    tripped = request.action is BreakerAction.TRIP
    state = await store.switch_breaker(
        tripped=tripped, by=caller.name, reason=request.reason, at=context.now()
    )
    context.telemetry.breaker_tripped.set(int(state.tripped))
    log.warning("breaker", action=request.action, by=caller.name, reason=request.reason)
    return await _view(state, store, context)


async def _view(state: BreakerState, store: IncidentStore, context: Context) -> BreakerView:
    now, rulebook = context.now(), context.rulebook
    snapshot = context.view.fresh(now, rulebook.limits.snapshot_age)
    limits = rulebook.breaker
    return BreakerView(
        state=Position.TRIPPED if state.tripped else Position.CLOSED,
        since=state.at,
        by=state.by,
        reason=state.reason,
        stops=[
            StopView(incident_id=each.incident_id, allocation_id=each.allocation_id, task=each.task)
            for each in state.stops
        ],
        stops_last_hour=await store.stops_within(limits.window),
        running=len(snapshot.running) if snapshot else None,
        limits=LimitsView(
            max_stops_per_hour=limits.max_stops_per_hour,
            max_share=limits.max_share,
            floor=limits.floor,
        ),
    )
