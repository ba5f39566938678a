"""What is over: forgotten after its time, and read out as a stream. Implements `app.ports.Archive`.

An open incident, and whatever could still decide about one, is never forgotten here.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.incident import FINAL_STATES, OPEN_INTENTS
from app.store.breaker import read_breaker
from app.store.engine import reading, writing
from app.store.schema import (
    breaker_history,
    dismissals,
    history,
    incidents,
    intents,
    keeps,
    outbox,
)
from app.store.writes import IS_OPEN, read_clock

_BELONGING = (history, intents, outbox)
"""The tables whose rows belong to an incident."""
# Spelled out: SQLite finds the index of final incidents by these very words.
_final = sa.bindparam(
    "final", sorted(FINAL_STATES), type_=sa.Text, expanding=True, literal_execute=True
)
_is_final = incidents.c.state.in_(_final)
# What still waits has reached nobody: the admins' channel may have been gone for months.
_waits = sa.exists().where(
    outbox.c.incident_id == incidents.c.incident_id, outbox.c.state == "waiting"
)

# The alert that it was called false for may fire still.
_is_remembered = sa.exists().where(dismissals.c.incident_id == incidents.c.incident_id)


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry of the history as it is stored, whichever version of the watchdog wrote it."""

    entry_id: int
    incident_id: str
    at: datetime
    reason: str
    before: str | None
    after: str
    actor: str
    detail: str
    evidence: str
    """JSON."""
    incident: str
    """JSON: the whole incident as it is by now."""


@dataclass(frozen=True, slots=True)
class StoredSwitch:
    """A trip or a reset of the breaker, as it is stored."""

    entry_id: int
    at: datetime
    tripped: bool
    by: str
    reason: str
    stops: str
    """JSON: what was about to happen, or was allowed by the reset."""


class SqlArchive:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def prune(self, before: datetime, *, window: timedelta, limit: int) -> Mapping[str, int]:
        async with writing(self._engine) as connection:
            counted_since = (await read_clock(connection)).ran - window
            found = await _prunable(connection, before, counted_since, limit)
            pruned = {}
            for table in (*_BELONGING, incidents):
                theirs = sa.delete(table).where(table.c.incident_id.in_(found))
                pruned[table.name] = (await connection.execute(theirs)).rowcount if found else 0
            pruned[keeps.name] = await _prune_keeps(connection, before, limit)
            pruned[breaker_history.name] = await _prune_switches(connection, before, limit)
        return pruned

    async def entries(
        self, since: datetime | None = None, until: datetime | None = None, *, page: int = 200
    ) -> AsyncIterator[StoredEntry]:
        """Yield the entries at or after `since` and before `until` in the order of their writing.

        No more than a page is ever held, and no transaction lasts longer than its reading: a slow
        reader keeps nobody waiting.
        """
        last = 0
        while True:
            async with reading(self._engine) as connection:
                rows = await _page(connection, history, since, until, last, page)
                bodies = await _bodies(connection, {row["incident_id"] for row in rows})
            for row in rows:
                yield StoredEntry(**row, incident=bodies[row["incident_id"]])
            if len(rows) < page:
                return
            last = rows[-1]["entry_id"]

    async def switches(
        self, since: datetime | None = None, until: datetime | None = None, *, page: int = 50
    ) -> AsyncIterator[StoredSwitch]:
        """Yield the trips and resets of the breaker, as `entries` does the entries."""
        last = 0
        while True:
            async with reading(self._engine) as connection:
                rows = await _page(connection, breaker_history, since, until, last, page)
            for row in rows:
                yield StoredSwitch(**row)
            if len(rows) < page:
                return
            last = rows[-1]["entry_id"]


async def _prunable(
    connection: AsyncConnection, before: datetime, counted_since: timedelta, limit: int
) -> Sequence[str]:
    """Return incidents that were over before then and that nothing refers to, the oldest first."""
    # The breaker counts these (S7).
    counts = sa.exists().where(
        intents.c.incident_id == incidents.c.incident_id,
        sa.or_(intents.c.state.in_(sorted(OPEN_INTENTS)), intents.c.attempted_ran > counted_since),
    )
    breaker = await read_breaker(connection)
    # An admin is yet to look at what these were about.
    named = [each.incident_id for each in breaker.stops] if breaker.tripped else []
    over = (
        sa.select(incidents.c.incident_id)
        .where(_is_final, incidents.c.changed_at < before, ~_waits, ~counts)
        .where(incidents.c.incident_id.not_in(named), ~_is_remembered)
        .order_by(incidents.c.changed_at)
        .limit(limit)
        # Another replica that does the same takes others.
        .with_for_update(skip_locked=True)
    )
    return (await connection.execute(over)).scalars().all()


async def _prune_keeps(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Forget keeps that neither hold anything nor count for how long a task may still be kept."""
    counts = sa.exists().where(IS_OPEN, incidents.c.opened_at < keeps.c.until)
    over = sa.select(keeps.c.keep_id).where(keeps.c.until < before, ~counts).limit(limit)
    found = (await connection.execute(over)).scalars().all()
    if not found:
        return 0
    return (await connection.execute(sa.delete(keeps).where(keeps.c.keep_id.in_(found)))).rowcount


async def _prune_switches(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Forget what the breaker was switched to, but for the last time: so it stands now."""
    last = sa.select(sa.func.max(breaker_history.c.entry_id)).scalar_subquery()
    over = (
        sa.select(breaker_history.c.entry_id)
        .where(breaker_history.c.at < before, breaker_history.c.entry_id < last)
        .order_by(breaker_history.c.entry_id)
        .limit(limit)
    )
    found = (await connection.execute(over)).scalars().all()
    theirs = sa.delete(breaker_history).where(breaker_history.c.entry_id.in_(found))
    return (await connection.execute(theirs)).rowcount if found else 0


async def _page(
    connection: AsyncConnection,
    table: sa.Table,
    since: datetime | None,
    until: datetime | None,
    last: int,
    page: int,
) -> Sequence[sa.RowMapping]:
    statement = sa.select(table).where(table.c.entry_id > last)
    if since is not None:
        statement = statement.where(table.c.at >= since)
    if until is not None:
        statement = statement.where(table.c.at < until)
    statement = statement.order_by(table.c.entry_id).limit(page)
    return (await connection.execute(statement)).mappings().all()


async def _bodies(connection: AsyncConnection, incident_ids: set[str]) -> dict[str, str]:
    statement = sa.select(incidents.c.incident_id, incidents.c.body).where(
        incidents.c.incident_id.in_(sorted(incident_ids))
    )
    return {row[0]: row[1] for row in await connection.execute(statement)}
