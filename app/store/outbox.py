"""The messages that wait to be sent. Implements `app.ports.Outbox`."""

from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.incident import Receipt
from app.domain.lease import Fence
from app.domain.outbox import Delivery
from app.domain.steps import Transition
from app.store.codec import delivery_of, storable
from app.store.engine import reading
from app.store.leases import writing_behind
from app.store.schema import outbox
from app.store.writes import store

_WAITING = outbox.c.state == "waiting"


class SqlOutbox:
    def __init__(self, engine: AsyncEngine, fence: Callable[[], Fence] | None = None) -> None:
        self._engine = engine
        self._fence = fence

    async def due(self, now: datetime, *, limit: int) -> Sequence[Delivery]:
        statement = (
            sa.select(outbox)
            .where(_WAITING, outbox.c.due_at <= now)
            # By the time that they have waited for this attempt: a message that is postponed again
            # and again must not stand before all others for ever.
            .order_by(outbox.c.due_at, outbox.c.position)
            .limit(limit)
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [delivery_of(row) for row in rows]

    async def attempt(self, message_id: str, now: datetime) -> None:
        await self._update(
            message_id,
            attempted_at=sa.func.coalesce(
                outbox.c.attempted_at, sa.literal(now, outbox.c.attempted_at.type)
            ),
        )

    async def sent(
        self, message_id: str, receipt: Receipt | None, transition: Transition | None
    ) -> None:
        where = {"channel": receipt.channel, "ts": receipt.ts} if receipt else {}
        await self._update(message_id, transition, state="sent", **where)

    async def drop(self, message_id: str, why: str, transition: Transition | None) -> None:
        await self._update(message_id, transition, state="dropped", note=storable(why))

    async def postpone(self, message_id: str, until: datetime, why: str) -> None:
        await self._update(
            message_id, attempts=outbox.c.attempts + 1, due_at=until, note=storable(why)
        )

    async def oldest(self) -> datetime | None:
        statement = sa.select(sa.func.min(outbox.c.created_at)).where(_WAITING)
        async with reading(self._engine) as connection:
            oldest: datetime | None = (await connection.execute(statement)).scalar_one_or_none()
        return oldest

    async def _update(
        self, message_id: str, transition: Transition | None = None, **values: object
    ) -> None:
        statement = sa.update(outbox).where(outbox.c.message_id == message_id).values(**values)
        async with writing_behind(self._engine, self._fence) as connection:
            await connection.execute(statement)
            if transition is not None:
                await store(connection, transition)
