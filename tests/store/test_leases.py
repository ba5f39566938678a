"""What every database has to keep of a lease: one holder, and nothing stored by an earlier one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.history import Entry
from app.domain.incident import Receipt, RecipientKind
from app.domain.lease import Duty, Fence, Lease
from app.domain.outbox import Promise
from app.errors import StaleLeaseError
from app.store.leases import SqlLeases, writing_behind
from app.store.outbox import SqlOutbox
from app.store.sql import SqlIncidentStore
from tests.domain.examples import T0, warning_delivered
from tests.store.test_store_contract import MINUTE, opening, stored, then

SPAN = timedelta(seconds=45)
RECEIPT = Receipt("D1", "1.0", RecipientKind.OWNER)


@pytest.fixture
def leases(engine: AsyncEngine) -> SqlLeases:
    return SqlLeases(engine)


async def take(
    leases: SqlLeases, claimant: str, duty: Duty = Duty.RECONCILE, *, after: timedelta = SPAN * 0
) -> Lease | None:
    return await leases.take(duty, claimant, now=T0 + after, span=SPAN, starting=False)


async def test_a_duty_has_one_holder_until_its_lease_is_over(leases: SqlLeases) -> None:
    first = await take(leases, "a")

    assert first == Lease("a", 1, T0 + SPAN)
    assert await take(leases, "b", after=SPAN / 2) is None
    assert await take(leases, "b", Duty.DELIVERY) == Lease("b", 1, T0 + SPAN)
    assert await take(leases, "b", after=SPAN) == Lease("b", 2, T0 + 2 * SPAN)


async def test_of_many_who_reach_for_a_lease_at_once_one_gets_it(leases: SqlLeases) -> None:
    for round_ in range(3):
        claims = (take(leases, f"r{number}", after=round_ * SPAN) for number in range(6))

        taken = await asyncio.gather(*claims)

        assert [each.token for each in taken if each] == [round_ + 1]


async def test_a_process_that_starts_under_the_name_of_the_holder_follows_at_once(
    leases: SqlLeases,
) -> None:
    await take(leases, "a")

    lease = await leases.take(Duty.RECONCILE, "a", now=T0, span=SPAN, starting=True)

    assert lease == Lease("a", 2, T0 + SPAN)


async def test_on_a_file_whoever_starts_follows_at_once(
    leases: SqlLeases, engine: AsyncEngine
) -> None:
    await take(leases, "a")

    lease = await leases.take(Duty.RECONCILE, "b", now=T0, span=SPAN, starting=True)

    assert (lease is not None) == (engine.dialect.name == "sqlite")


async def test_a_lease_that_is_over_is_still_its_holders_until_somebody_takes_it(
    leases: SqlLeases,
) -> None:
    lease = await take(leases, "a")
    assert lease is not None
    renewed = lease.renewed(T0 + 2 * SPAN, SPAN)

    await leases.prolong(Duty.RECONCILE, renewed)

    assert await take(leases, "b", after=2 * SPAN) is None
    assert await take(leases, "b", after=3 * SPAN) is not None
    with pytest.raises(StaleLeaseError, match="b now"):
        await leases.prolong(Duty.RECONCILE, renewed)


Store = Callable[[SqlIncidentStore, SqlOutbox], Awaitable[object]]


async def commit(store: SqlIncidentStore, _outbox: SqlOutbox) -> None:
    await store.commit(then(await store.incident("i1"), warning_delivered()))


async def tick_clock(store: SqlIncidentStore, _outbox: SqlOutbox) -> None:
    await store.tick_clock(now=T0 + MINUTE, monotonic=MINUTE, gap=MINUTE, answerable=True)


async def attempt(_store: SqlIncidentStore, outbox: SqlOutbox) -> None:
    await outbox.attempt({await message_id(outbox): Promise()}, T0)


async def sent(store: SqlIncidentStore, outbox: SqlOutbox) -> None:
    confirmed = then(await store.incident("i1"), warning_delivered())
    await outbox.sent(await message_id(outbox), RECEIPT, confirmed)


async def drop(_store: SqlIncidentStore, outbox: SqlOutbox) -> None:
    await outbox.drop(await message_id(outbox), "out of date", None)


async def postpone(_store: SqlIncidentStore, outbox: SqlOutbox) -> None:
    await outbox.postpone(await message_id(outbox), T0 + MINUTE, "429")


async def message_id(outbox: SqlOutbox) -> str:
    (waiting,) = await outbox.due(T0, limit=10)
    return waiting.message_id


WRITES = [
    pytest.param(write, id=write.__name__.replace("_", " "))
    for write in (commit, tick_clock, attempt, sent, drop, postpone)
]


async def everything(store: SqlIncidentStore, outbox: SqlOutbox) -> tuple[object, ...]:
    history: list[Entry] = list(await store.history("i1"))
    return history, await store.clock(), await outbox.due(T0, limit=10)


@pytest.mark.parametrize("write", WRITES)
async def test_an_old_token_stores_nothing(
    write: Store, engine: AsyncEngine, leases: SqlLeases, store: SqlIncidentStore
) -> None:
    await stored(store)
    for duty in Duty:
        await take(leases, "a", duty)
        await take(leases, "b", duty, after=SPAN)
    before = await everything(store, SqlOutbox(engine))

    with pytest.raises(StaleLeaseError):
        await write(*as_replica(engine, token=1))

    assert await everything(store, SqlOutbox(engine)) == before
    await write(*as_replica(engine, token=2))
    assert await everything(store, SqlOutbox(engine)) != before


def as_replica(engine: AsyncEngine, *, token: int) -> tuple[SqlIncidentStore, SqlOutbox]:
    """Return what a replica stores with, whose leases had this token when it last looked."""
    store = SqlIncidentStore(engine, lambda: Fence(Duty.RECONCILE, token))
    return store, SqlOutbox(engine, lambda: Fence(Duty.DELIVERY, token))


async def test_a_takeover_waits_for_what_is_being_stored(
    engine: AsyncEngine, leases: SqlLeases
) -> None:
    """Else the old holder would store after the new one has looked."""
    await take(leases, "a")

    async with writing_behind(engine, lambda: Fence(Duty.RECONCILE, 1)):
        takeover = asyncio.create_task(take(leases, "b", after=SPAN))
        done, _ = await asyncio.wait([takeover], timeout=0.1)

    assert not done
    assert await takeover is not None


async def test_what_people_and_webhooks_bring_is_stored_whoever_holds_what(
    store: SqlIncidentStore, leases: SqlLeases, engine: AsyncEngine
) -> None:
    await take(leases, "a")
    standing_by, _ = as_replica(engine, token=0)

    await standing_by.receive([opening()], heartbeat_at=T0)

    assert len(await store.open_incidents()) == 1
