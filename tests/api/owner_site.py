"""The owner's page on a database of its own, beside actions that note what they are asked for."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send

from app.adapters.charts import BUSIEST, MEAN, SPAN
from app.adapters.owner_links import OwnerLinks
from app.api import owner_page
from app.api.owner_page_values import OwnerPage
from app.api.problems import add_problem_responses
from app.context import Context
from app.domain import events as e
from app.domain.alert import Identity
from app.domain.cluster import Allocation, Snapshot, TaskType
from app.domain.incident import Incident
from app.domain.lifecycle import advance
from app.domain.opening import open_incident
from app.domain.policy import Mode, Policy, Rulebook, StopAction
from app.domain.readings import Series
from app.domain.waking import WakingHours
from app.errors import StoreUnavailableError, UpstreamUnavailableError
from app.store.engine import create_engine
from app.store.sql import SqlIncidentStore
from app.telemetry import Telemetry
from app.view import ClusterView
from tests.domain.examples import ANNOTATIONS, IDENTITY, RECEIPT, T0, given_warning

SECRET = "0123456789abcdef0123456789abcdef"
PUBLIC_URL = "http://watchdog.example"
NOW = T0 + timedelta(minutes=30)
POLICY = Policy("reclaim", action=StopAction.KILL, waking_hours=WakingHours(time(9), time(21)))


@dataclass
class Actions:
    """Implements `app.ports.OwnerActions`."""

    asked: list[tuple[str, ...]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    down: bool = False

    async def keep(self, incident_id: str, *, argument: str, by: str, key: str) -> str:
        return self._do("keep", incident_id, argument, by, key=key)

    async def stop(
        self, incident_id: str, allocation_ids: Sequence[str], *, by: str, key: str
    ) -> str:
        return self._do("stop", incident_id, *allocation_ids, by, key=key)

    def _do(self, verb: str, *what: str, key: str) -> str:
        if self.down:
            raise StoreUnavailableError("away")
        if key in self.keys:
            return "That was done before."
        self.keys.add(key)
        self.asked.append((verb, *what))
        return {"keep": "Kept <now>.", "stop": "It is being stopped."}[verb]


@dataclass
class Measurements:
    """Implements `app.ports.Trends`."""

    values: Sequence[float] = (60.0, 0.0, 0.0)
    gpus: int = 1
    down: bool = False
    asked: list[str] = field(default_factory=list)

    async def range(
        self, expression: str, *, begin: datetime, end: datetime, step: timedelta
    ) -> Sequence[Series]:
        self.asked.append(expression)
        assert (end - begin) / step <= 200
        if self.down:
            raise UpstreamUnavailableError("away")
        if not self.values:
            return []
        times = [begin + number * step for number in range(SPAN // step + 1)]
        spread = [
            self.values[number * len(self.values) // len(times)] for number in range(len(times))
        ]
        busiest = tuple(zip(times, spread, strict=True))
        mean = tuple((at, value / self.gpus) for at, value in busiest)
        return [Series({"__name__": BUSIEST}, busiest), Series({"__name__": MEAN}, mean)]


@dataclass
class Site:
    app: FastAPI
    store: SqlIncidentStore
    context: Context
    page: OwnerPage
    actions: Actions
    measurements: Measurements

    def path(self, incident_id: str = "i1", username: str = "bob") -> str:
        return f"/i/{self.page.links.token(incident_id, username)}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"store": self.store, "context": self.context, "owner_page": self.page}
        await self.app(scope, receive, send)

    async def happened(
        self,
        *events: e.Event,
        incident_id: str = "i1",
        identity: Identity = IDENTITY,
        mode: Mode = Mode.ENFORCE,
        **texts: str,
    ) -> Incident:
        """Open an incident, let events happen to it, and store each."""
        opened = open_incident(
            incident_id, identity, mode=mode, annotations=ANNOTATIONS | texts, at=T0
        )
        await self.store.receive([opened], heartbeat_at=None)
        return await self.then(*events, incident_id=incident_id)

    async def then(self, *events: e.Event, incident_id: str = "i1") -> Incident:
        incident = await self.store.incident(incident_id)
        policy = self.context.rulebook.policy_for(incident.identity)
        for event in events:
            incident = await self.store.commit(advance(incident, event, policy, at=T0))
        return incident

    def runs(self, *allocations: Allocation) -> None:
        """Let Determined have told of these last."""
        self.context.view.snapshot = Snapshot(
            NOW, {each.allocation_id: each for each in allocations}
        )
        self.context.view.started = {each.allocation_id: T0 - SPAN for each in allocations}


def warned(identity: Identity = IDENTITY) -> tuple[e.Event, ...]:
    """Return the events of an owner who was told."""
    return e.AlertActive(), e.WarningDelivered(
        1, RECEIPT, {identity.allocation_id: given_warning()}
    )


def another(number: int) -> Identity:
    """Return the identity of another trial of the same owner."""
    task_id = f"{number}.task-of-bob"
    return replace(
        IDENTITY, task_id=task_id, allocation_id=f"{task_id}.1", task_type=TaskType.TRIAL
    )


def allocation(identity: Identity = IDENTITY, name: str = "train", slots: int = 2) -> Allocation:
    return Allocation(
        identity.allocation_id,
        identity.task_id,
        TaskType(identity.task_type),
        name,
        identity.username,
        identity.resource_pool,
        slots,
    )


@asynccontextmanager
async def owner_site(database: Path, *, now: datetime = NOW) -> AsyncIterator[Site]:
    """Give the page alone, on a database that is there."""
    engine = create_engine(f"sqlite+aiosqlite:///{database}")
    rulebook = Rulebook(
        Mode.ENFORCE, {"reclaim": POLICY}, zone=UTC, zones={"bob": ZoneInfo("Europe/Zurich")}
    )
    context = Context(rulebook, Telemetry(CollectorRegistry()), lambda: now, ClusterView())
    actions, measurements = Actions(), Measurements()
    page = OwnerPage(OwnerLinks(SECRET, PUBLIC_URL), measurements, actions)
    app = FastAPI()
    app.include_router(owner_page.router)
    add_problem_responses(app)
    yield Site(app, SqlIncidentStore(engine), context, page, actions, measurements)
    await engine.dispose()
