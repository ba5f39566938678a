"""The metrics are written a family at a time, and all of them or none count."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from app.api import operations
from demo.plain import PLAIN


class Families(Collector):
    """Notes how far it was asked."""

    def __init__(self, *, breaks_off: bool = False) -> None:
        self.asked: list[str] = []
        self._breaks_off = breaks_off

    def collect(self) -> Iterator[Metric]:
        self.asked.append("the first")
        yield GaugeMetricFamily("tasks", "Tasks that run.", value=3)
        self.asked.append("the second")
        if self._breaks_off:
            raise ValueError("this family cannot be read")
        yield CounterMetricFamily("stops", "Stops that were made.", value=2)


def registered(families: Families) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(families)
    return registry


def test_no_family_is_collected_before_the_one_before_it_is_written() -> None:
    families = Families()
    registry = registered(families)

    pieces = operations.written(registry)
    first = next(pieces)

    assert families.asked == ["the first"]
    assert first.splitlines()[-1] == b"tasks 3.0"
    assert b"".join([first, *pieces]) == generate_latest(registry)


@asynccontextmanager
async def served(registry: CollectorRegistry) -> AsyncIterator[str]:
    """Give the address of a server that shows these metrics."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, object]]:
        yield {"registry": registry}

    app = FastAPI(lifespan=lifespan)
    app.include_router(operations.router)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            assert not serving.done(), "the server has ended by itself"
            await asyncio.sleep(0)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


async def test_all_families_arrive() -> None:
    registry = registered(Families())

    async with served(registry) as url, httpx.AsyncClient(verify=PLAIN) as client:
        answer = await client.get(f"{url}/metrics")

    assert answer.content == generate_latest(registry)


async def test_answer_that_breaks_off_is_not_taken_for_all_there_is() -> None:
    registry = registered(Families(breaks_off=True))

    async with served(registry) as url, httpx.AsyncClient(verify=PLAIN) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"{url}/metrics")
