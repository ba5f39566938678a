"""Who holds what now."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.api.dependencies import HoldersDep
from app.api.problems import PROBLEMS
from app.api.tasks import Reader
from app.domain.holders import Held, Holder
from app.domain.incident import IncidentState

router = APIRouter(
    prefix="/api/v1/users",
    tags=["users"],
    responses=PROBLEMS,
    # Bodies are read before it is known who sends them.
    max_body_size=64 * 2**10,
)


class HeldView(BaseModel):
    """What the user holds in one pool."""

    resource_pool: str = Field(examples=["default"])
    tasks: int
    slots: int
    waiting: int = Field(description="Slots that the user's own queued jobs lack there.")
    used: int | None = Field(
        description="GPUs that worked in the last minute, by any signal. Null: not known."
    )
    idle: int | None = Field(description="GPUs that did not.")

    @classmethod
    def of(cls, held: Held) -> "HeldView":
        return cls(
            resource_pool=held.resource_pool,
            tasks=held.tasks,
            slots=held.slots,
            waiting=held.waiting,
            used=held.used,
            idle=held.idle,
        )


class UserView(BaseModel):
    username: str = Field(examples=["bob"])
    active: bool | None = Field(
        description="Whether Determined lets the account in. Null: it does not tell of it."
    )
    tasks: int = Field(description="Those that run.")
    slots: int = Field(description="What they hold, in all pools.")
    limit: int | None = Field(
        description="Slots that the user may hold in a pool while others wait. Null: no limit."
    )
    held: list[HeldView] = Field(
        description="By pool; those alone in which the user holds something or waits."
    )
    incidents: dict[IncidentState, int] = Field(
        description="How many are open, by state.", examples=[{"notified": 2}]
    )

    @classmethod
    def of(cls, holder: Holder) -> "UserView":
        return cls(
            username=holder.username,
            active=holder.active,
            tasks=holder.tasks,
            slots=holder.slots,
            limit=holder.limit,
            held=[HeldView.of(each) for each in holder.held],
            incidents=dict(holder.incidents),
        )


class UserListView(BaseModel):
    users: list[UserView]
    total: int = Field(description="How many the filter lets through, on all pages.")
    snapshot_at: datetime = Field(description="When Determined was read.")
    unknown: list[str] = Field(
        description="What could not be read, a sentence each; what hangs on it is null."
    )


class UserFilter(BaseModel):
    """A filter; what is left out may be anything."""

    username: str | None = None
    resource_pool: str | None = Field(
        default=None, description="Who holds something, or waits, in this pool."
    )
    limit: int = Field(default=100, ge=1, le=1000)
    offset: int = Field(default=0, ge=0, le=1_000_000, description="How many to pass over.")

    def takes(self, holder: Holder) -> bool:
        pools = {each.resource_pool for each in holder.held}
        return self.username in {None, holder.username} and (
            self.resource_pool is None or self.resource_pool in pools
        )


@router.get("", summary="List who holds what, the most first")
async def list_users(
    holders: HoldersDep, _caller: Reader, query: Annotated[UserFilter, Query()]
) -> UserListView:
    """Users who hold something, wait for something, or have an open incident.

    How each is reached in Slack is not asked here: `gpu-watchdog users check` does.
    """
    found = await holders.read()
    users = [each for each in found.holders if query.takes(each)]
    page = users[query.offset : query.offset + query.limit]
    return UserListView(
        users=[UserView.of(each) for each in page],
        total=len(users),
        snapshot_at=found.snapshot_at,
        unknown=list(found.unknown),
    )
