"""S12: who tripped the breaker and who reset it, and why, outlasts the next switch."""

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import BreakerTrippedError
from app.store.archive import SqlArchive, StoredSwitch
from app.store.sql import SqlIncidentStore
from tests.domain.examples import T0
from tests.store.test_breaker import HOUR, NOW, allocation_of, happens, proven, stopped, warned

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def archive(engine: AsyncEngine) -> SqlArchive:
    return SqlArchive(engine)


async def switches(
    archive: SqlArchive, since: datetime | None = None, until: datetime | None = None
) -> list[StoredSwitch]:
    return [each async for each in archive.switches(since, until, page=2)]


async def is_switched(store: SqlIncidentStore, *, tripped: bool, by: str, at: datetime) -> None:
    await store.switch_breaker(tripped=tripped, by=by, reason=f"{by} says so", at=at)


async def test_s12_after_a_reset_it_can_be_read_who_tripped_it_and_why_and_over_what(
    archive: SqlArchive, store: SqlIncidentStore
) -> None:
    await stopped(store, 1)
    await stopped(store, 2)
    incident = await warned(store, 3)
    with pytest.raises(BreakerTrippedError):
        await happens(store, incident, proven(incident))

    await is_switched(store, tripped=False, by="carol", at=NOW + MINUTE)

    trip, reset = await switches(archive)
    assert (trip.tripped, trip.by, trip.at) == (True, "watchdog", NOW)
    assert "3 allocations" in trip.reason
    [listed] = json.loads(trip.stops)
    assert (listed["incident_id"], listed["allocation_id"]) == ("i3", allocation_of(incident))
    assert (reset.tripped, reset.by, reset.reason) == (False, "carol", "carol says so")
    assert reset.at == NOW + MINUTE


async def test_s12_a_switch_to_what_it_is_already_is_none(
    archive: SqlArchive, store: SqlIncidentStore
) -> None:
    await is_switched(store, tripped=False, by="carol", at=NOW)
    await is_switched(store, tripped=True, by="carol", at=NOW)
    await is_switched(store, tripped=True, by="dave", at=NOW + MINUTE)

    assert [each.by for each in await switches(archive)] == ["carol"]
    assert (await store.breaker()).by == "carol"


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (None, None, [0, 1, 2, 3, 4]),
        (NOW + MINUTE, None, [1, 2, 3, 4]),
        (None, NOW + MINUTE, [0]),
        (NOW + MINUTE, NOW + 3 * MINUTE, [1, 2]),
    ],
    ids=["all", "since", "until", "between"],
)
async def test_switches_are_told_in_their_order_page_by_page(
    since: datetime | None,
    until: datetime | None,
    found: list[int],
    archive: SqlArchive,
    store: SqlIncidentStore,
) -> None:
    for number in range(5):
        at = NOW + number * MINUTE
        await is_switched(store, tripped=number % 2 == 0, by=f"{number}", at=at)

    assert [int(each.by) for each in await switches(archive, since, until)] == found


async def test_switches_are_forgotten_after_their_time_but_for_the_last_one(
    archive: SqlArchive, store: SqlIncidentStore
) -> None:
    for number, tripped in enumerate((True, False, True)):
        at = T0 + number * MINUTE
        await is_switched(store, tripped=tripped, by=f"{number}", at=at)

    first = await archive.prune(T0 + MINUTE, window=HOUR, limit=10)
    left = [each.by for each in await switches(archive)]
    then = await archive.prune(T0 + DAY, window=HOUR, limit=10)

    assert (first["breaker_history"], left) == (1, ["1", "2"])
    assert then["breaker_history"] == 1
    assert [each.by for each in await switches(archive)] == ["2"]
    assert (await store.breaker()).tripped


async def test_of_switches_no_more_are_forgotten_at_a_time_than_of_all_else(
    archive: SqlArchive, store: SqlIncidentStore
) -> None:
    for number in range(5):
        await is_switched(store, tripped=number % 2 == 0, by=f"{number}", at=T0)

    pruned = await archive.prune(T0 + DAY, window=HOUR, limit=3)

    assert pruned["breaker_history"] == 3
    assert [each.by for each in await switches(archive)] == ["3", "4"]
