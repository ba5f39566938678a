"""A simulated cluster on a clock that the test moves, and one that listens."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from demo.cluster.cluster import Cluster, Options
from demo.cluster.control import ControlClient
from demo.cluster.exporters.app import ExporterKind, create_apps
from demo.cluster.rest.app import create_app
from demo.simulation import Addresses
from demo.simulation import simulation as simulated_world


class ManualClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 24, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def pass_time(clock: ManualClock, cluster: Cluster) -> Callable[[timedelta], None]:
    """Let time go by, and what is due happen."""

    def pass_(duration: timedelta) -> None:
        clock.time += duration
        cluster.timeline.settle()

    return pass_


@pytest.fixture
def cluster(clock: ManualClock) -> Cluster:
    return Cluster(Options(mig_agent=True), clock=clock)


@pytest.fixture
async def anonymous(cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the master without a token."""
    transport = httpx.ASGITransport(app=create_app(cluster))
    async with httpx.AsyncClient(transport=transport, base_url="http://master") as client:
        yield client


@pytest.fixture
async def master(cluster: Cluster, anonymous: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client of the master, logged in as alice."""
    token, _ = cluster.accounts.login("alice", "alice", is_hashed=False)
    anonymous.headers["Authorization"] = f"Bearer {token}"
    return anonymous


@pytest.fixture
def scrape(cluster: Cluster) -> Callable[[str, ExporterKind], Awaitable[httpx.Response]]:
    """Return the answer of one exporter of an agent to `GET /metrics`."""
    apps = {agent_id: create_apps(cluster, agent_id) for agent_id in cluster.agents}

    async def scrape_(agent_id: str, kind: ExporterKind) -> httpx.Response:
        transport = httpx.ASGITransport(app=apps[agent_id][kind])
        async with httpx.AsyncClient(transport=transport, base_url="http://agent") as client:
            return await client.get("/metrics")

    return scrape_


@pytest.fixture
def simulation() -> Iterator[Addresses]:
    """The addresses of a listening simulation, a hundred times as fast."""
    world = simulated_world(Options(speed=100))
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(world) as addresses,
    ):
        yield addresses


@pytest.fixture
def control(simulation: Addresses) -> Iterator[ControlClient]:
    with ControlClient(simulation.control) as client:
        yield client
