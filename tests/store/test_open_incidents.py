"""Reading all open incidents, again and again: only what has changed is decoded."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import events as e
from app.store.engine import writing
from app.store.open_incidents import OpenIncidents
from app.store.schema import incidents
from app.store.sql import SqlIncidentStore
from tests.domain.examples import IDENTITY, T0, warning_delivered
from tests.store.test_store_contract import OTHER, opening, then


@pytest.fixture
def open_incidents(engine: AsyncEngine) -> OpenIncidents:
    return OpenIncidents(engine)


async def break_bodies(engine: AsyncEngine) -> None:
    """Let whoever decodes an incident notice it."""
    async with writing(engine) as connection:
        await connection.execute(sa.update(incidents).values(body="{}"))


async def test_what_was_read_before_is_not_decoded_again(
    open_incidents: OpenIncidents, store: SqlIncidentStore, engine: AsyncEngine
) -> None:
    await store.receive([opening("i1"), opening("i2", OTHER)], heartbeat_at=None)
    before = await open_incidents.read()

    await break_bodies(engine)

    assert await open_incidents.read() == before
    assert await OpenIncidents(engine).read() == [], "what cannot be read is left out"


async def test_what_anybody_has_stored_since_is_seen(
    open_incidents: OpenIncidents, store: SqlIncidentStore
) -> None:
    await store.receive([opening("i1")], heartbeat_at=None)
    await open_incidents.read()

    stored = await store.commit(then(await store.incident("i1"), warning_delivered()))

    assert await open_incidents.read() == [stored]


async def test_what_is_over_is_gone(open_incidents: OpenIncidents, store: SqlIncidentStore) -> None:
    await store.receive([opening("i1")], heartbeat_at=None)
    await open_incidents.read()

    await store.commit(then(await store.incident("i1"), e.RecoveryObserved({})))

    assert await open_incidents.read() == []


async def test_the_oldest_come_first(
    open_incidents: OpenIncidents, store: SqlIncidentStore
) -> None:
    for number, age in enumerate((1, 3, 2)):
        identity = replace(IDENTITY, alertname=f"A{number}")
        first = opening(f"i{age}", identity)
        older = replace(first.incident, opened_at=T0 - timedelta(hours=age))
        await store.receive([replace(first, incident=older)], heartbeat_at=None)

    assert [each.incident_id for each in await open_incidents.read()] == ["i3", "i2", "i1"]


async def test_a_tick_is_answered_from_the_index_of_open_incidents_alone(
    engine: AsyncEngine, store: SqlIncidentStore
) -> None:
    """The database has to be told the final states in so many words, or it cannot know."""
    await store.receive([opening()], heartbeat_at=None)
    seen: list[str] = []
    sa.event.listen(engine.sync_engine, "before_cursor_execute", lambda *call: seen.append(call[2]))

    await OpenIncidents(engine).read()

    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    [statement, *_] = [each for each in seen if "ORDER BY" in each]
    async with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            # So few rows are read faster one after the other.
            await connection.exec_driver_sql("SET enable_seqscan = off")
        plan = (await connection.exec_driver_sql(f"{explain} {statement}")).all()
    # Each of the two holds open incidents alone; without statistics PostgreSQL takes either.
    assert any(each in str(plan) for each in ("open_incidents", "one_open_incident_per_alert"))
