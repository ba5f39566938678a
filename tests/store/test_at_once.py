"""What happens when replicas, or a person and the watchdog, reach the database at once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import events as e
from app.domain.breaker import BreakerLimits, Quota
from app.domain.incident import Hold, Incident, Keep
from app.domain.outbox import IncidentQuery
from app.domain.reasons import Reason
from app.errors import (
    IncidentNotFoundError,
    StaleIncidentError,
    StopUnderWayError,
    TaskKeptError,
)
from app.store.sql import SqlIncidentStore
from tests.domain.examples import IDENTITY, RECEIPT, T0, TASK, given_warning
from tests.store.test_store_contract import MINUTE, opening, then

KEEP = Keep("k1", TASK, "reclaim", T0 + timedelta(hours=2), "bob", "run", T0)
TIMES = 10
ENOUGH = Quota(BreakerLimits(max_stops_per_hour=TIMES, floor=TIMES))


async def test_the_first_heartbeats_may_come_to_two_replicas_at_once(engine: AsyncEngine) -> None:
    replicas = [SqlIncidentStore(engine) for _ in range(4)]

    await asyncio.gather(*(each.receive([], heartbeat_at=T0) for each in replicas))

    assert await replicas[0].heartbeat_at() == T0


async def test_replicas_that_first_see_an_allocation_at_once_agree_on_when(
    engine: AsyncEngine,
) -> None:
    replicas = [SqlIncidentStore(engine) for _ in range(4)]
    seen = [f"a{number}.1" for number in range(20)]

    answers = await asyncio.gather(
        *(each.started(seen, T0 + number * MINUTE) for number, each in enumerate(replicas))
    )

    assert [each for each in answers if each != answers[0]] == []


async def test_one_of_two_deliveries_of_the_same_alert_opens_its_incident(
    engine: AsyncEngine,
) -> None:
    replicas = [SqlIncidentStore(engine) for _ in range(4)]

    answers = await asyncio.gather(
        *(each.receive([opening(f"i{n}")], heartbeat_at=T0) for n, each in enumerate(replicas)),
        return_exceptions=True,
    )

    opened = [each for each in answers if not isinstance(each, StaleIncidentError) and each]
    assert len(opened) == 1
    assert len(await replicas[0].open_incidents()) == 1


async def test_a_keep_and_an_intent_at_once_come_one_after_the_other(engine: AsyncEngine) -> None:
    """Neither waits for the other for ever, and whoever is second hears of the first."""
    store = SqlIncidentStore(engine)
    hold = e.HoldsObserved((Hold(Reason.KEPT, "bob"),))
    for number in range(TIMES):
        incident = await warned(store, f"t{number}")
        intent = e.StopProven(f"t{number}.1", f"n{number}", {}, ENOUGH)
        keep = replace(KEEP, keep_id=f"k{number}", task_id=f"t{number}")

        outcomes = await asyncio.gather(
            store.commit(then(incident, intent)),
            SqlIncidentStore(engine).add_keeps([keep], then(incident, hold)),
            return_exceptions=True,
        )

        [refused] = [each for each in outcomes if isinstance(each, Exception)]
        assert isinstance(refused, StaleIncidentError | TaskKeptError)


async def test_s13_a_keep_and_a_call_at_once_exclude_each_other_though_two_alerts_led_to_them(
    engine: AsyncEngine,
) -> None:
    """No version that somebody else has stored tells the second of the first."""
    store = SqlIncidentStore(engine)
    hold = e.HoldsObserved((Hold(Reason.KEPT, "bob"),))
    for number in range(TIMES):
        beside = await warned(store, f"t{number}", "GPUAllocationPartlyIdle")
        intent = e.StopProven(f"t{number}.1", f"n{number}", {}, ENOUGH)
        stopping = await store.commit(then(await warned(store, f"t{number}"), intent))
        keep = replace(KEEP, keep_id=f"k{number}", task_id=f"t{number}")

        outcomes = await asyncio.gather(
            store.commit(then(stopping, e.StopSending(f"t{number}.1"))),
            SqlIncidentStore(engine).add_keeps([keep], then(beside, hold)),
            return_exceptions=True,
        )

        [refused] = [each for each in outcomes if isinstance(each, Exception)]
        assert isinstance(refused, StopUnderWayError | TaskKeptError)


async def warned(
    store: SqlIncidentStore, task_id: str, alertname: str = IDENTITY.alertname
) -> Incident:
    allocation_id, incident_id = f"{task_id}.1", f"{alertname} {task_id}"
    identity = replace(IDENTITY, alertname=alertname, task_id=task_id, allocation_id=allocation_id)
    await store.receive([opening(incident_id, identity)], heartbeat_at=None)
    event = e.WarningDelivered(1, RECEIPT, {allocation_id: given_warning()})
    return await store.commit(then(await store.incident(incident_id), event))


async def test_labels_that_one_database_refuses_are_stored_without_it(
    store: SqlIncidentStore,
) -> None:
    identity = replace(IDENTITY, username="mallory\0", resource_pool="\0", alertname="A\0")

    await store.receive([opening("i1", identity)], heartbeat_at=None)

    assert (await store.incident("i1")).identity == identity
    assert len(await store.search(IncidentQuery(username="mallory\0"))) == 1


async def test_what_one_database_refuses_is_looked_for_in_vain(store: SqlIncidentStore) -> None:
    with pytest.raises(IncidentNotFoundError):
        await store.incident("i1\0")

    assert await store.history("i1\0") == []
    assert await store.search(IncidentQuery(alertname="\0")) == []
