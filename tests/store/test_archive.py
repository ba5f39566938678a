"""What is over is forgotten after its time, and nothing else; and all of it can be read out."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import events as e
from app.domain.breaker import BreakerState, PlannedStop
from app.domain.incident import Hold, Incident, Keep
from app.domain.lifecycle import advance
from app.domain.reasons import Reason
from app.store.archive import SqlArchive, StoredEntry
from app.store.breaker import write_breaker
from app.store.engine import reading, writing
from app.store.outbox import SqlOutbox
from app.store.schema import breaker_history, history, incidents, intents, keeps, metadata, outbox
from app.store.sql import SqlIncidentStore
from tests.domain.examples import (
    ACCEPTED,
    CALL,
    ENDED,
    IDENTITY,
    POLICY,
    T0,
    TASK,
    proven,
    warning_delivered,
)
from tests.store.test_store_contract import MINUTE, OTHER, opening

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
RECOVERED = e.RecoveryObserved({})


@pytest.fixture
def archive(engine: AsyncEngine) -> SqlArchive:
    return SqlArchive(engine)


async def goes_on(
    store: SqlIncidentStore, incident: Incident, *events: e.Event, at: datetime
) -> Incident:
    for event in events:
        incident = await store.commit(advance(incident, event, POLICY, at=at))
    return incident


async def opened(
    store: SqlIncidentStore, incident_id: str = "i1", identity: object = IDENTITY
) -> Incident:
    await store.receive([opening(incident_id, identity)], heartbeat_at=None)
    return await store.incident(incident_id)


async def all_is_sent(outbox_: SqlOutbox) -> None:
    for each in await outbox_.due(T0 + 1000 * DAY, limit=1000):
        await outbox_.sent(each.message_id, None, None)


async def runs(store: SqlIncidentStore, span: timedelta) -> None:
    """Let a receiver run for so long."""
    await store.tick_clock(now=T0 + span, monotonic=span, gap=MINUTE, answerable=False)


async def stopped(store: SqlIncidentStore, outbox_: SqlOutbox, *, at: datetime = T0) -> Incident:
    """Live a whole life: rows in every table that belongs to an incident."""
    incident = await opened(store)
    events = (warning_delivered(), proven(), CALL, ACCEPTED, ENDED)
    incident = await goes_on(store, incident, *events, at=at)
    await all_is_sent(outbox_)
    await runs(store, 2 * HOUR)
    return incident


async def recovered(
    store: SqlIncidentStore, outbox_: SqlOutbox, number: int = 1, *, at: datetime = T0
) -> None:
    identity = replace(IDENTITY, alertname=f"A{number}")
    await goes_on(store, await opened(store, f"i{number}", identity), RECOVERED, at=at)
    await all_is_sent(outbox_)


async def left(engine: AsyncEngine) -> dict[str, int]:
    async with reading(engine) as connection:
        return {
            table.name: (
                await connection.execute(sa.select(sa.func.count()).select_from(table))
            ).scalar_one()
            for table in (incidents, history, intents, outbox, keeps, breaker_history)
        }


async def test_what_was_over_before_the_time_is_forgotten_with_all_that_belongs_to_it(
    archive: SqlArchive, store: SqlIncidentStore, outbox: SqlOutbox, engine: AsyncEngine
) -> None:
    await stopped(store, outbox)
    before = await left(engine)

    early = await archive.prune(T0, window=HOUR, limit=10)
    pruned = await archive.prune(T0 + MINUTE, window=HOUR, limit=10)

    assert set(early.values()) == {0}
    assert 0 not in (before | {"keeps": 1, "breaker_history": 1}).values()
    assert pruned == before
    assert set((await left(engine)).values()) == {0}


async def test_an_open_incident_is_kept_however_old_it_is(
    archive: SqlArchive, store: SqlIncidentStore, outbox: SqlOutbox
) -> None:
    incident = await opened(store)
    await all_is_sent(outbox)

    await archive.prune(T0 + 1000 * DAY, window=HOUR, limit=10)

    assert await store.incident("i1") == incident
    assert len(await store.history("i1")) == 2


async def test_the_time_counts_from_the_end_of_an_incident(
    archive: SqlArchive, store: SqlIncidentStore, outbox: SqlOutbox
) -> None:
    await recovered(store, outbox, at=T0 + 100 * DAY)

    assert (await archive.prune(T0 + 99 * DAY, window=HOUR, limit=10))["incidents"] == 0


async def test_an_incident_stays_while_a_message_of_it_waits(
    archive: SqlArchive, store: SqlIncidentStore, outbox: SqlOutbox
) -> None:
    await goes_on(store, await opened(store), RECOVERED, at=T0)

    waiting = await archive.prune(T0 + DAY, window=HOUR, limit=10)
    await all_is_sent(outbox)
    sent = await archive.prune(T0 + DAY, window=HOUR, limit=10)

    assert (waiting["incidents"], sent["incidents"]) == (0, 1)


async def test_s7_what_the_breaker_counts_stays(
    archive: SqlArchive, store: SqlIncidentStore, outbox: SqlOutbox, engine: AsyncEngine
) -> None:
    await stopped(store, outbox)
    async with writing(engine) as connection:
        await connection.execute(sa.update(intents).values(attempted_ran=HOUR + MINUTE))

    await archive.prune(T0 + DAY, window=HOUR, limit=10)

    assert await store.stops_within(HOUR) == 1


async def test_s6_an_intent_that_is_open_stays_whatever_its_incident_is(
    archive: SqlArchive, store: SqlIncidentStore, outbox: SqlOutbox, engine: AsyncEngine
) -> None:
    await stopped(store, outbox)
    async with writing(engine) as connection:
        await connection.execute(sa.update(intents).values(state="sending"))

    await archive.prune(T0 + DAY, window=HOUR, limit=10)

    assert (await left(engine))["intents"] == 1


@pytest.mark.parametrize(("tripped", "kept"), [(True, 1), (False, 0)], ids=["tripped", "reset"])
async def test_s7_what_a_tripped_breaker_names_can_be_looked_at(
    archive: SqlArchive,
    store: SqlIncidentStore,
    outbox: SqlOutbox,
    engine: AsyncEngine,
    *,
    tripped: bool,
    kept: int,
) -> None:
    await recovered(store, outbox)
    state = BreakerState(tripped, T0, "watchdog", "many", (PlannedStop("i1", "a.1"),))
    async with writing(engine) as connection:
        await write_breaker(connection, state)

    await archive.prune(T0 + DAY, window=HOUR, limit=10)

    assert (await left(engine))["incidents"] == kept


async def test_a_batch_is_as_large_as_it_may_be_and_takes_the_oldest_first(
    archive: SqlArchive, store: SqlIncidentStore, outbox: SqlOutbox
) -> None:
    for number in range(3):
        await recovered(store, outbox, number, at=T0 + (3 - number) * MINUTE)

    pruned = await archive.prune(T0 + DAY, window=HOUR, limit=2)

    assert pruned["incidents"] == 2
    assert {each.incident_id for each in await entries(archive)} == {"i0"}


async def test_two_that_prune_at_once_do_not_stand_in_each_others_way(
    archive: SqlArchive, store: SqlIncidentStore, outbox: SqlOutbox, engine: AsyncEngine
) -> None:
    for number in range(4):
        await recovered(store, outbox, number)

    both = [
        archive.prune(T0 + DAY, window=HOUR, limit=2),
        SqlArchive(engine).prune(T0 + DAY, window=HOUR, limit=2),
    ]
    pruned = await asyncio.gather(*both)

    assert [each["incidents"] for each in pruned] == [2, 2]
    assert set((await left(engine)).values()) == {0}


# PostgreSQL decides by the size of the table.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_final_incidents_are_found_by_their_index(engine: AsyncEngine) -> None:
    """Else every look goes through all that is remembered."""
    seen: list[tuple[str, tuple[object, ...]]] = []
    sa.event.listen(
        engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _k, statement, parameters, _x, _m: seen.append((statement, parameters)),
    )
    await SqlArchive(engine).prune(T0, window=HOUR, limit=10)
    [(statement, parameters)] = [
        each for each in seen if "ORDER BY incidents.changed_at" in each[0]
    ]

    async with reading(engine) as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)

    assert "final_incidents" in str(plan.all())


KEEP = Keep("k1", TASK, "reclaim", T0 + DAY, "bob", "run", T0)


async def kept(store: SqlIncidentStore) -> Incident:
    incident = await opened(store)
    hold = advance(incident, e.HoldsObserved((Hold(Reason.KEPT, "bob"),)), POLICY, at=T0)
    await store.add_keeps([KEEP], hold)
    return await store.incident("i1")


async def test_a_keep_that_counts_for_an_open_incident_stays(
    archive: SqlArchive, store: SqlIncidentStore
) -> None:
    await kept(store)

    await archive.prune(T0 + 100 * DAY, window=HOUR, limit=10)

    assert await store.keeps_since([TASK], "reclaim", T0) == [KEEP]


async def test_a_keep_that_counts_for_nobody_is_forgotten_after_its_end(
    archive: SqlArchive, store: SqlIncidentStore
) -> None:
    await goes_on(store, await kept(store), RECOVERED, at=T0)

    await archive.prune(KEEP.until, window=HOUR, limit=10)
    in_force = await store.keeps_since([TASK], "reclaim", T0)
    await archive.prune(KEEP.until + MINUTE, window=HOUR, limit=10)

    assert in_force == [KEEP]
    assert await store.keeps_since([TASK], "reclaim", T0) == []


async def test_every_table_that_belongs_to_incidents_is_known_to_the_archive() -> None:
    referring = {
        table.name
        for table in metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table is incidents
    }

    # What was called false is remembered, and keeps its incident with it.
    assert referring - {"dismissals"} == {"history", "intents", "outbox"}


async def entries(
    archive: SqlArchive, since: datetime | None = None, until: datetime | None = None
) -> Sequence[StoredEntry]:
    return [each async for each in archive.entries(since, until, page=2)]


async def test_all_entries_are_read_out_in_the_order_of_their_writing(
    archive: SqlArchive, store: SqlIncidentStore
) -> None:
    incident = await opened(store, "i1")
    await opened(store, "i2", OTHER)
    await goes_on(store, incident, e.RecoveryObserved({"verify": []}), at=T0 + DAY)

    found = await entries(archive)

    assert [(each.incident_id, each.reason, each.at) for each in found] == [
        ("i1", "alert_fired", T0),
        ("i1", "alert_active", T0),
        ("i2", "alert_fired", T0),
        ("i2", "alert_active", T0),
        ("i1", "recovered", T0 + DAY),
    ]
    assert found[-1].evidence == '{"verify":[]}'


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        pytest.param(T0, None, 3, id="since is within"),
        pytest.param(T0 + MINUTE, None, 1, id="after"),
        pytest.param(None, T0, 0, id="until is without"),
        pytest.param(None, T0 + DAY, 2, id="before"),
        pytest.param(T0 + MINUTE, T0 + DAY, 0, id="between"),
    ],
)
async def test_those_of_a_time_are_read_out(
    archive: SqlArchive,
    store: SqlIncidentStore,
    since: datetime | None,
    until: datetime | None,
    found: int,
) -> None:
    await goes_on(store, await opened(store), RECOVERED, at=T0 + DAY)

    assert len(await entries(archive, since, until)) == found


async def test_the_history_can_be_written_and_pruned_while_it_is_read_out(
    archive: SqlArchive, store: SqlIncidentStore, outbox: SqlOutbox
) -> None:
    for number in range(4):
        await recovered(store, outbox, number)
    reading_out = archive.entries(page=2)
    first = await anext(reading_out)

    await archive.prune(T0 + DAY, window=HOUR, limit=2)
    await opened(store, "i9", OTHER)

    assert first.incident_id == "i0"
    assert [each.incident_id async for each in reading_out][-1] == "i9"


async def test_no_more_than_a_page_is_held(
    archive: SqlArchive, store: SqlIncidentStore, outbox: SqlOutbox, engine: AsyncEngine
) -> None:
    for number in range(4):
        await recovered(store, outbox, number)
    seen: list[str] = []
    sa.event.listen(
        engine.sync_engine, "before_cursor_execute", lambda *given: seen.append(given[2])
    )
    reading_out = archive.entries(page=2)

    await anext(reading_out)
    await anext(reading_out)
    asked_for_two = len(seen)
    with suppress(StopAsyncIteration):
        await anext(reading_out)

    pages = [each for each in seen if "FROM history" in each]
    assert asked_for_two < len(seen)
    assert all("LIMIT" in each for each in pages)
