"""The incidents in the database. Implements `app.ports.IncidentStore`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.breaker import BreakerState
from app.domain.clock import AnswerClock
from app.domain.history import Entry
from app.domain.incident import FINAL_STATES, Incident, IncidentState, Keep, Receipt
from app.domain.lease import Fence
from app.domain.outbox import IncidentQuery
from app.domain.press import Once
from app.domain.steps import Transition
from app.errors import BreakerTrippedError, IncidentNotFoundError
from app.store import schema
from app.store.allocations import FirstSeen
from app.store.breaker import admit, read_breaker, recent_stops, write_breaker
from app.store.codec import entry_of, incident_of, storable
from app.store.engine import reading, writing
from app.store.leases import writing_behind
from app.store.open_incidents import OpenIncidents
from app.store.people import (
    demand_once,
    dismissed_incidents,
    forget_dismissal,
)
from app.store.told import told, told_in
from app.store.upsert import put
from app.store.writes import (
    IS_OPEN,
    demand_not_under_way,
    demand_version,
    dismissed_keys,
    in_parts,
    one_at_a_time,
    open_all,
    read_clock,
    store,
)

_HEARTBEAT = "heartbeat"
_BEAT = sa.select(schema.heartbeats.c.at).where(schema.heartbeats.c.name == _HEARTBEAT)
_BODY = sa.select(schema.incidents.c.body).where(
    schema.incidents.c.incident_id == sa.bindparam("the_id")
)
_KEEPS = sa.select(schema.keeps).where(schema.keeps.c.until > sa.bindparam("after"))


class SqlIncidentStore:
    def __init__(self, engine: AsyncEngine, fence: Callable[[], Fence] | None = None) -> None:
        """`fence`: what belongs to the duty is stored behind it. None: this is no replica's."""
        self._engine = engine
        self._fence = fence
        self._first_seen = FirstSeen(engine)
        self._open_incidents = OpenIncidents(engine)

    def behind(self, fence: Callable[[], Fence]) -> "SqlIncidentStore":
        """Return a store that is behind a fence, and shares what this one knows by heart."""
        store = SqlIncidentStore(self._engine, fence)
        store._open_incidents = self._open_incidents
        return store

    async def open_incidents(self) -> Sequence[Incident]:
        return await self._open_incidents.read()

    async def find_open(self, keys: Sequence[str]) -> Mapping[str, Incident]:
        table = schema.incidents
        found: dict[str, Incident] = {}
        async with reading(self._engine) as connection:
            for some in in_parts(keys):
                statement = sa.select(table.c.key, table.c.body).where(
                    IS_OPEN, table.c.key.in_(some)
                )
                rows = (await connection.execute(statement)).all()
                found |= {key: incident_of(body) for key, body in rows}
        return found

    async def dismissed_of(self, keys: Sequence[str]) -> frozenset[str]:
        async with reading(self._engine) as connection:
            return await dismissed_keys(connection, keys)

    async def resolved(self, keys: Sequence[str], *, since: datetime) -> Mapping[str, datetime]:
        table = schema.incidents
        found: dict[str, datetime] = {}
        async with reading(self._engine) as connection:
            for some in in_parts(keys):
                statement = (
                    sa.select(table.c.key, sa.func.max(table.c.changed_at))
                    .where(
                        table.c.key.in_(some),
                        table.c.state == IncidentState.RESOLVED,
                        table.c.changed_at >= since,
                    )
                    .group_by(table.c.key)
                )
                found |= {row[0]: row[1] for row in await connection.execute(statement)}
        return found

    async def incident(self, incident_id: str) -> Incident:
        which = {"the_id": storable(incident_id)}
        async with reading(self._engine) as connection:
            body = (await connection.execute(_BODY, which)).scalar_one_or_none()
        if body is None:
            raise IncidentNotFoundError(f"there is no incident {incident_id}")
        return incident_of(body)

    async def search(self, query: IncidentQuery) -> Sequence[Incident]:
        table = schema.incidents
        wanted = asdict(query)
        limit, is_open = wanted.pop("limit"), wanted.pop("is_open")
        clauses = [
            table.c[name] == storable(value) for name, value in wanted.items() if value is not None
        ]
        if is_open is not None:
            final = table.c.state.in_(sorted(FINAL_STATES))
            clauses.append(~final if is_open else final)
        statement = (
            sa.select(table.c.body)
            .where(*clauses)
            .order_by(table.c.opened_at.desc(), table.c.incident_id)
            .limit(limit)
        )
        async with reading(self._engine) as connection:
            bodies = (await connection.execute(statement)).scalars().all()
        return [incident_of(body) for body in bodies]

    async def told(self, username: str, alertname: str) -> Sequence[Incident]:
        async with reading(self._engine) as connection:
            return await told(connection, username, alertname)

    async def told_in(self, message: Receipt) -> Sequence[Incident]:
        async with reading(self._engine) as connection:
            return await told_in(connection, message)

    async def history(self, incident_id: str) -> Sequence[Entry]:
        table = schema.history
        statement = (
            sa.select(table)
            .where(table.c.incident_id == storable(incident_id))
            .order_by(table.c.entry_id)
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [entry_of(row) for row in rows]

    async def commit(self, transition: Transition, *, once: Once | None = None) -> Incident:
        async with writing_behind(self._engine, self._fence) as connection:
            await demand_once(connection, once)
            why_not = await admit(connection, transition)
            if not why_not:
                return await store(connection, transition)
        raise BreakerTrippedError(why_not)

    async def breaker(self) -> BreakerState:
        async with reading(self._engine) as connection:
            return await read_breaker(connection)

    async def switch_breaker(
        self, *, tripped: bool, by: str, reason: str, at: datetime, once: Once | None = None
    ) -> BreakerState:
        async with writing(self._engine) as connection:
            await demand_once(connection, once)
            before = await read_breaker(connection, for_update=True)
            ran = (await read_clock(connection)).ran_at(at)
            state = before.switched(tripped=tripped, by=by, reason=reason, at=at, ran=ran)
            if state is not before:
                await write_breaker(connection, state)
        return state

    async def stops_within(self, window: timedelta) -> int:
        async with reading(self._engine) as connection:
            since = (await read_clock(connection)).ran - window
            return len({each.allocation_id for each in await recent_stops(connection, since)})

    async def receive(
        self, transitions: Sequence[Transition], *, heartbeat_at: datetime | None
    ) -> Sequence[Transition]:
        async with writing(self._engine) as connection:
            if heartbeat_at is not None:
                beat = {"name": _HEARTBEAT, "at": heartbeat_at}
                await put(connection, schema.heartbeats, beat)
            return await open_all(connection, transitions)

    async def heartbeat_at(self) -> datetime | None:
        async with reading(self._engine) as connection:
            return (await connection.execute(_BEAT)).scalar_one_or_none()

    async def clock(self) -> AnswerClock:
        async with reading(self._engine) as connection:
            return await read_clock(connection)

    async def tick_clock(
        self, *, now: datetime, monotonic: timedelta, gap: timedelta, answerable: bool
    ) -> AnswerClock:
        async with writing_behind(self._engine, self._fence) as connection:
            before = await read_clock(connection, for_update=True)
            clock = before.tick(now=now, monotonic=monotonic, gap=gap, answerable=answerable)
            await connection.execute(sa.update(schema.clocks), asdict(clock))
        return clock

    async def add_keeps(
        self, keeps: Sequence[Keep], transition: Transition, *, once: Once | None = None
    ) -> None:
        async with writing(self._engine) as connection:
            await demand_once(connection, once)
            await one_at_a_time(connection)
            if transition.entries:
                await store(connection, transition)
            else:
                await demand_version(connection, transition.incident)
            await demand_not_under_way(connection, {each.task_id for each in keeps})
            if keeps:
                rows = [asdict(each) | {"reason": storable(each.reason)} for each in keeps]
                await connection.execute(sa.insert(schema.keeps), rows)

    async def keeps(self, after: datetime) -> Sequence[Keep]:
        async with reading(self._engine) as connection:
            rows = (await connection.execute(_KEEPS, {"after": after})).mappings().all()
        return [Keep(**row) for row in rows]

    async def keeps_since(
        self, task_ids: Sequence[str], policy: str, since: datetime
    ) -> Sequence[Keep]:
        table = schema.keeps
        statement = sa.select(table).where(
            table.c.task_id.in_(task_ids), table.c.policy == policy, table.c.until > since
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [Keep(**row) for row in rows]

    async def keep_silenced(self, keep_id: str, silence_id: str) -> None:
        table = schema.keeps
        statement = sa.update(table).where(table.c.keep_id == keep_id).values(silence_id=silence_id)
        async with writing(self._engine) as connection:
            await connection.execute(statement)

    async def dismissed(self) -> Sequence[Incident]:
        return await dismissed_incidents(self._engine)

    async def forget_dismissal(self, key: str) -> None:
        async with writing_behind(self._engine, self._fence) as connection:
            await forget_dismissal(connection, key)

    async def started(self, allocation_ids: Sequence[str], now: datetime) -> Mapping[str, datetime]:
        return await self._first_seen.of(allocation_ids, now)
