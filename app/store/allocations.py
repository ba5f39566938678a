"""When each allocation was first seen running. Determined's own time is that of queueing."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.store.engine import writing
from app.store.schema import allocations
from app.store.upsert import add_missing
from app.store.writes import in_parts, one_at_a_time

_FORGET_AFTER = timedelta(days=1)
_NOTE_EVERY = timedelta(hours=1)
"""How often it is noted which are still there. To write all of them at each tick says no more."""


class FirstSeen:
    """Remembers from call to call: what the database knows of an allocation does not change."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: Mapping[str, datetime] = {}
        self._noted_at: datetime | None = None

    async def of(self, allocation_ids: Sequence[str], now: datetime) -> Mapping[str, datetime]:
        """Return when each was first seen running: `now` for those never seen before."""
        new = [each for each in allocation_ids if each not in self._known]
        known = {each: self._known[each] for each in allocation_ids if each in self._known}
        if new or self._is_to_be_noted(now):
            async with writing(self._engine) as connection:
                await one_at_a_time(connection)
                known |= await _found(connection, new, now)
                if self._is_to_be_noted(now):
                    await _note(connection, allocation_ids, now)
            # Only what was committed is remembered.
            self._noted_at = now if self._is_to_be_noted(now) else self._noted_at
        self._known = known
        return known

    def _is_to_be_noted(self, now: datetime) -> bool:
        return self._noted_at is None or not timedelta() <= now - self._noted_at < _NOTE_EVERY


async def _found(
    connection: AsyncConnection, allocation_ids: Sequence[str], now: datetime
) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for some in in_parts(allocation_ids):
        statement = sa.select(allocations.c.allocation_id, allocations.c.started_at).where(
            allocations.c.allocation_id.in_(some)
        )
        found |= {row[0]: row[1] for row in await connection.execute(statement)}
    missing = [each for each in allocation_ids if each not in found]
    rows = [{"allocation_id": each, "started_at": now, "seen_at": now} for each in missing]
    await add_missing(connection, allocations, rows)
    return found | dict.fromkeys(missing, now)


async def _note(connection: AsyncConnection, allocation_ids: Sequence[str], now: datetime) -> None:
    for some in in_parts(allocation_ids):
        there = allocations.c.allocation_id.in_(some)
        await connection.execute(sa.update(allocations).where(there).values(seen_at=now))
    old = allocations.c.seen_at < now - _FORGET_AFTER
    await connection.execute(sa.delete(allocations).where(old))
