"""The process that is measured: a receiver without its HTTP server, on a database that is there.

    python -m benchmarks.reconcile.process DATABASE_URL ANSWERS TICKS

The database, the clients of Determined, Prometheus and Alertmanager, and all that decides are the
real ones; what the three answer stands in files. Slack is said to be well. It prints one line of
JSON with the figures of all ticks after the first.
"""

import asyncio
import importlib
import json
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import cast

import httpx
import sqlalchemy as sa
import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.alertmanager import Alertmanager
from app.adapters.determined import Determined
from app.adapters.determined_session import Password, Session
from app.adapters.prometheus import Prometheus
from app.context import Context
from app.domain.lease import Duty
from app.executor import Executor
from app.lookout import Lookout, Systems
from app.ports import Messenger
from app.reconciler import Reconciler
from app.recorder import Recorder
from app.store.engine import create_engine, migrate
from app.store.leases import SqlLeases
from app.store.schema import incidents
from app.store.sql import SqlIncidentStore
from app.store.writes import IS_OPEN
from app.telemetry import Telemetry
from app.tenure import Tenure
from benchmarks.machine import memory
from benchmarks.reconcile.population import NOW, RULEBOOK
from benchmarks.reconcile.server import answer_file, asked

PEERS = 2
_PIECE = 64 * 2**10
_BARE = sa.select(incidents.c.body).where(IS_OPEN)


class Answer(httpx.AsyncByteStream):
    """An answer as it comes from the network: a piece at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece


class Slack:
    """Answers, and has nothing to do."""

    async def probe(self) -> None:
        return


def systems(answers: Path) -> Systems:
    def answer(request: httpx.Request) -> httpx.Response:
        path = answer_file(answers, asked(request.url.raw_path.decode()))
        return httpx.Response(200, stream=Answer(path))

    client = httpx.AsyncClient(
        transport=httpx.MockTransport(answer), base_url="http://answers.invalid"
    )
    session = Session(client, Password("watchdog", "watchdog"))
    return Systems(
        Determined(client, session, now=lambda: NOW),
        Prometheus(client),
        Alertmanager({f"alertmanager-{number}": client for number in range(PEERS)}),
        cast("Messenger", Slack()),
        hears=lambda: True,
    )


def reconciler(engine: AsyncEngine, systems_: Systems) -> tuple[Reconciler, Tenure]:
    """Make it, and its hold on the work: without that a tick only looks."""
    context = Context(RULEBOOK, Telemetry(CollectorRegistry()), lambda: NOW)
    tenure = Tenure(Duty.RECONCILE, SqlLeases(engine), context, holder="benchmark")
    store = SqlIncidentStore(engine, tenure.fence)
    recorder = Recorder(store, context)
    lookout = Lookout(systems_, store, context)
    executor = Executor(systems_, store, lookout, recorder, context, tenure)
    return Reconciler(systems_, store, lookout, executor, recorder, context, tenure), tenure


async def measured(url: str, answers: Path, ticks: int) -> dict[str, object]:
    """Raises: StaleLeaseError: another process has the work, so no tick did any."""
    engine = create_engine(url)
    await migrate(engine)
    receiver, tenure = reconciler(engine, systems(answers))
    await receiver.tick()
    used = time.process_time()
    tick_seconds = [await _seconds(receiver.tick()) for _ in range(ticks)]
    used = time.process_time() - used
    tenure.demand_sure()
    resident, peak = memory(os.getpid())
    bare_seconds = [await _seconds(_bare(engine)) for _ in range(ticks)]
    await engine.dispose()
    return {
        "ticks": tick_seconds,
        "processor": used / ticks,
        "bare": bare_seconds,
        "resident": resident,
        "peak": peak,
    }


async def _seconds(what: Awaitable[object]) -> float:
    began = time.perf_counter()
    await what
    return time.perf_counter() - began


async def _bare(engine: AsyncEngine) -> None:
    """Read all open incidents as they are stored, and no more."""
    async with engine.connect() as connection:
        (await connection.execute(_BARE)).scalars().all()


def main() -> None:
    url, answers, ticks = sys.argv[1:]
    # As much as the whole receiver brings into memory.
    importlib.import_module("app.main").suit_thousands()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(json.dumps(asyncio.run(measured(url, Path(answers), int(ticks)))))


if __name__ == "__main__":
    main()
