"""The messages that wait to be sent. Implements `app.ports.Outbox`."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.actions import MessageKind
from app.domain.incident import Receipt, RecipientKind
from app.domain.lease import Fence
from app.domain.outbox import Delivery, Promise
from app.domain.steps import Transition
from app.store.codec import delivery_of, promise_row, storable
from app.store.engine import reading
from app.store.leases import writing_behind
from app.store.schema import incidents, outbox
from app.store.writes import in_parts, store

_WAITING = outbox.c.state == "waiting"
_WITH_INCIDENTS = sa.select(
    outbox, incidents.c.username, incidents.c.alertname, incidents.c.message
).join_from(outbox, incidents)


class SqlOutbox:
    def __init__(self, engine: AsyncEngine, fence: Callable[[], Fence] | None = None) -> None:
        self._engine = engine
        self._fence = fence

    async def due(self, now: datetime, *, limit: int) -> Sequence[Delivery]:
        statement = (
            _WITH_INCIDENTS.where(_WAITING, outbox.c.due_at <= now)
            # By the time that they have waited for this attempt: a message that is postponed again
            # and again must not stand before all others for ever.
            .order_by(outbox.c.due_at, outbox.c.position)
            .limit(limit)
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [delivery_of(row) for row in rows]

    async def attempt(self, promises: Mapping[str, Promise], now: datetime) -> None:
        first = sa.func.coalesce(outbox.c.attempted_at, sa.literal(now, outbox.c.attempted_at.type))
        statement = (
            sa.update(outbox)
            .where(outbox.c.message_id == sa.bindparam("id"))
            .values(
                attempted_at=first,
                promised=sa.bindparam("until"),
                announced=sa.bindparam("what"),
            )
        )
        # Always in this order: so of two that note the same messages, one waits for the other.
        rows = [{"id": each} | promise_row(promises[each]) for each in sorted(promises)]
        async with writing_behind(self._engine, self._fence) as connection:
            await connection.execute(statement, rows)

    async def warnings(self, incident_ids: Sequence[str]) -> Mapping[str, Sequence[Receipt]]:
        found: dict[str, list[Receipt]] = defaultdict(list)
        async with reading(self._engine) as connection:
            for some in in_parts(incident_ids):
                statement = (
                    sa.select(outbox.c.incident_id, outbox.c.channel, outbox.c.ts)
                    .where(
                        outbox.c.incident_id.in_(some),
                        outbox.c.kind == MessageKind.WARNING,
                        outbox.c.state == "sent",
                    )
                    .order_by(outbox.c.position)
                )
                for row in await connection.execute(statement):
                    # An owner's: what only the admins were told of is no warning.
                    receipt = Receipt(row.channel, row.ts, RecipientKind.OWNER)
                    found[row.incident_id].append(receipt)
        return found

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
