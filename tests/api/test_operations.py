"""Health, readiness, metrics, and the token that Prometheus signs its scrapes with."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import sqlalchemy as sa

from app.domain.lease import Duty
from app.settings import Settings
from app.store.engine import reading
from app.store.schema import leases
from app.store.sql import SqlIncidentStore
from demo.plain import PLAIN
from demo.simulation import Addresses
from tests.api.receiver import (
    PROBLEM,
    broken,
    deliver,
    metric,
    posted,
    running,
    tick,
    ticks,
    until,
    until_ready,
    until_ticked,
)

HELD = "watchdog_lease_held"


@pytest.fixture
def token_file(configuration: dict[str, Any]) -> Path:
    return Path(configuration["determined"]["prometheus_token_file"])


def signed(token_file: Path) -> Callable[[httpx.Request], httpx.Request]:
    """Sign requests as Prometheus does, which reads the file for each scrape."""

    def sign(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {token_file.read_text()}"
        return request

    return sign


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_receiver_is_healthy_as_soon_as_it_answers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/-/healthy")

    assert (answer.status_code, answer.text) == (200, "healthy\n")


@pytest.fixture
def let_go(upstream: respx.MockRouter) -> asyncio.Event:
    """Prometheus does not answer before it is set, and no tick ends."""
    event = asyncio.Event()

    async def answer_late(_request: httpx.Request) -> httpx.Response:
        await event.wait()
        return httpx.Response(503)

    upstream["firing"].mock(side_effect=answer_late)
    return event


async def test_receiver_is_ready_before_its_first_tick_has_ended_and_says_so(
    settings: Settings, let_go: asyncio.Event
) -> None:
    async with running(settings) as client:
        await until_ready(client)
        early = await client.get("/-/ready")
        ticked = await ticks(client)
        let_go.set()
        await until_ticked(client)
        late = await client.get("/-/ready")

    assert ticked == 0
    assert early.text == "ready: webhooks are stored; the first tick has not ended\n"
    assert (late.status_code, late.text) == (200, "ready\n")


@pytest.mark.usefixtures("determined_is_down")
async def test_s8_what_comes_before_the_first_tick_is_stored(
    settings: Settings, let_go: asyncio.Event, database: SqlIncidentStore
) -> None:
    async with running(settings) as client:
        await until_ready(client)
        answer = await deliver(client, posted())
        stored = await database.open_incidents()
        let_go.set()

    assert (answer.status_code, len(stored)) == (204, 1)


async def test_receiver_is_not_ready_before_it_has_read_what_is_open(
    settings: Settings, database_file: Path, database: SqlIncidentStore
) -> None:
    assert await database.open_incidents() == []

    async with broken(database_file, "incidents"), running(settings) as client:
        await until(lambda: has_failed(client), "a tick that the database ends")
        answer = await client.get("/-/ready")

    assert answer.status_code == 503
    assert answer.text == "not ready: the open incidents have not been read\n"


async def has_failed(client: httpx.AsyncClient) -> bool:
    return await metric(client, "watchdog_step_failures_total", loop="reconcile") > 0


async def test_a_replica_that_stands_by_is_ready_and_says_so(settings: Settings) -> None:
    async with running(settings) as first:
        await until_ticked(first)
        # On a file, whoever starts follows at once.
        async with running(settings) as second:
            await until_ticked(second)
            await tick(first)

            answer = await first.get("/-/ready")
            held = [await metric(each, HELD, duty="reconcile") for each in (first, second)]

    assert (answer.status_code, held) == (200, [0, 1])


async def test_a_receiver_that_ends_gives_its_leases_back(
    settings: Settings, database: SqlIncidentStore
) -> None:
    async with running(settings) as client:
        await until_ticked(client)

    now = datetime.now(UTC)
    statement = sa.select(leases.c.name).where(leases.c.token == 1, leases.c.expires_at <= now)
    async with reading(database._engine) as connection:
        over = (await connection.execute(statement)).scalars()
        assert set(over) == set(Duty)


async def test_receiver_without_a_database_is_not_ready(
    client: httpx.AsyncClient, database_file: Path
) -> None:
    await until_ticked(client)

    async with broken(database_file, "heartbeats"):
        answer = await client.get("/-/ready")

    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == PROBLEM


@pytest.mark.parametrize("system", ["determined", "prometheus", "alertmanager", "slack"])
async def test_metrics_say_that_a_system_answers(client: httpx.AsyncClient, system: str) -> None:
    await until_ticked(client)

    assert await metric(client, "watchdog_upstream_up", system=system) == 1


async def test_metrics_are_in_the_format_of_prometheus(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")


async def test_token_that_determined_takes_is_written_for_prometheus(
    client: httpx.AsyncClient, token_file: Path, simulation: Addresses
) -> None:
    await until_ticked(client)

    async with httpx.AsyncClient(
        base_url=simulation.determined, auth=signed(token_file), verify=PLAIN
    ) as master:
        answer = await master.get("/api/v1/me")

    assert answer.json()["user"]["username"] == "watchdog"


async def test_token_is_for_its_owner_and_group_alone(
    client: httpx.AsyncClient, token_file: Path
) -> None:
    await until_ticked(client)

    assert mode(token_file) == 0o640
