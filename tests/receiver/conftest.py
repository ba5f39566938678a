"""The whole receiver but its HTTP server: real use cases and database, between fake systems."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from app.answers import Answers
from app.api.actions import KeepRequest
from app.context import Context
from app.delivery import Dispatcher
from app.domain.alert import Alert, Identity
from app.domain.history import Entry
from app.domain.incident import Incident
from app.domain.lease import Duty
from app.domain.outbox import IncidentQuery, Pace
from app.domain.policy import Limits, Mode, Policy, Rulebook, StopAction
from app.domain.reasons import Reason
from app.executor import Executor
from app.intake import Intake
from app.lookout import Lookout, Systems
from app.manual_actions import ManualActions
from app.ports import IncidentStore, Leases, Messenger, Outbox
from app.reconciler import Reconciler
from app.recorder import Recorder
from app.store.engine import migrate
from app.store.leases import SqlLeases
from app.store.outbox import SqlOutbox
from app.store.people import SqlPressBook
from app.store.sql import SqlIncidentStore
from app.task_actions import TaskActions
from app.telemetry import Telemetry
from app.tenure import Tenure
from tests.domain.examples import ANNOTATIONS, IDENTITY
from tests.postgres import Migrated
from tests.receiver.calls import Calls, Crash
from tests.receiver.database import Database, Image, PostgresDatabase, SqliteDatabase
from tests.receiver.memory import MemoryDatabase
from tests.receiver.world import World

GRACE = timedelta(hours=1)
TICK = timedelta(hours=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
POLICY = Policy("reclaim", action=StopAction.KILL, grace_default=GRACE, attempts=3)
LEASE = 4 * TICK
# The longest gap between two ticks that counts is wider than as shipped: one tick is an hour. So is
# a lease.
RULEBOOK = Rulebook(Mode.ENFORCE, {POLICY.name: POLICY}, Limits(tick_gap=TICK, lease=LEASE))


class Receiver:
    """One process of the receiver, which can be ended and started again on its database."""

    def __init__(
        self,
        world: World,
        database: Database,
        rulebook: Rulebook = RULEBOOK,
        *,
        name: str = "watchdog-a:8090",
    ) -> None:
        self.world = world
        self.database = database
        self.rulebook = rulebook
        self.name = name
        """Another one than that of a receiver that runs beside it."""
        self.ahead = timedelta()
        """How far the clock of its machine is before those of all other systems."""

    def now(self) -> datetime:
        return self.world.time.wall + self.ahead

    def start(self, *, mode: Mode | None = None, calls: Calls | None = None) -> None:
        """Begin a process: new objects, and a monotonic clock of its own."""
        self.rulebook = replace(self.rulebook, mode=mode or self.rulebook.mode)
        self.calls = calls or Calls()
        self.seen = SqlIncidentStore(self.database.engine)
        """The test's own eyes: no call of the receiver's."""
        self.store: IncidentStore = self.calls.guard("store", self.seen)
        self.context = Context(self.rulebook, Telemetry(CollectorRegistry()), self.now)
        self.recorder = Recorder(self.store, self.context)
        self.intake = Intake(self.store, self.recorder, self.context, wake=lambda: None)
        self.answers = Answers(self.store, self.recorder, self.context, wake=lambda: None)
        book = SqlPressBook(self.database.engine)
        self.manual_actions = ManualActions(
            self.answers, self.store, book, self.recorder, self._systems(), self.context
        )
        self.task_actions = TaskActions(
            self.manual_actions,
            self.store,
            book,
            self.recorder,
            self.context,
            wake=lambda: None,
        )
        self._began = self.world.time.monotonic
        self.reconciler = self._reconciler(self._systems())
        self.dispatcher = self._dispatcher(self._systems().messenger)

    def _tenure(self, duty: Duty) -> Tenure:
        leases: Leases = self.calls.guard("leases", SqlLeases(self.database.engine))
        return Tenure(duty, leases, self.context, holder=self.name, monotonic=self._since_start)

    def _since_start(self) -> float:
        return (self.world.time.monotonic - self._began).total_seconds()

    def _dispatcher(self, messenger: Messenger) -> Dispatcher:
        self.delivery = self._tenure(Duty.DELIVERY)
        engine, fence = self.database.engine, self.delivery.fence
        self.outbox: Outbox = self.calls.guard("outbox", SqlOutbox(engine, fence))
        return Dispatcher(
            self.outbox,
            self.store,
            messenger,
            self.recorder,
            self.context,
            self.delivery,
            pace=Pace(),
        )

    def _systems(self) -> Systems:
        systems = self.world.systems()
        return Systems(
            cluster=self.calls.guard("cluster", systems.cluster),
            rules=self.calls.guard("rules", systems.rules),
            peers=self.calls.guard("peers", systems.peers),
            messenger=self.calls.guard("messenger", systems.messenger),
            hears=systems.hears,
        )

    def _reconciler(self, systems: Systems) -> Reconciler:
        self.reconcile = self._tenure(Duty.RECONCILE)
        fenced = SqlIncidentStore(self.database.engine, self.reconcile.fence)
        store: IncidentStore = self.calls.guard("store", fenced)
        recorder = Recorder(store, self.context)
        self.lookout = Lookout(systems, store, self.context, monotonic=self._since_start)
        given = (recorder, self.context, self.reconcile)
        executor = Executor(systems, store, self.lookout, *given, monotonic=self._since_start)
        return Reconciler(
            systems, store, self.lookout, executor, *given, monotonic=self._since_start
        )

    async def stop(self) -> None:
        await self.database.engine.dispose()

    async def restart(self, *, mode: Mode | None = None, calls: Calls | None = None) -> None:
        await self.stop()
        self.start(mode=mode, calls=calls)

    async def settles(self) -> None:
        """Look around, then tick: time counts from a tick on that knows of a look before it."""
        await self.lookout.read(timedelta())
        await self.tick()

    async def hears_of(
        self, *identities: Identity, firing: bool = True, **annotations: str
    ) -> None:
        """Take a delivery of the webhook."""
        now = self.world.time.wall
        texts = ANNOTATIONS | annotations
        alerts = [
            Alert(each, texts, now, firing=firing, labels=each.labels())
            for each in identities or (IDENTITY,)
        ]
        await self.intake.receive(alerts)

    async def tick(self) -> None:
        """Reconcile, then deliver; the heartbeat has arrived just before."""
        if self.world.heart_beats:
            await self.intake.receive([], heartbeat=True)
        await self.reconciler.tick()
        await self.dispatcher.deliver_due()
        assert self.failed_steps() == 0, "an error was met that nobody expected"

    def failed_steps(self) -> float:
        """Count the errors that the receiver kept to the one incident or message they met."""
        name = "watchdog_step_failures_total"
        metrics = self.context.telemetry.registry.collect()
        samples = (sample for metric in metrics for sample in metric.samples)
        return sum(sample.value for sample in samples if sample.name == name)

    async def run(self, span: timedelta, *, every: timedelta = TICK) -> None:
        """Let time go by, a tick at a time."""
        while span > timedelta():
            step = min(every, span)
            self.world.time.passes(step)
            await self.tick()
            span -= step

    async def survives(self, step: Callable[[], Awaitable[object]]) -> bool:
        """Take a step that may end the process. Tell whether it did not."""
        others = asyncio.all_tasks()
        with suppress(Crash):
            await step()
            return True
        # What the step had begun beside itself ends at its next call.
        left = asyncio.all_tasks() - others
        await asyncio.gather(*left, return_exceptions=True)
        return False

    async def warns(self, identity: Identity = IDENTITY) -> Incident:
        """Let the alert fire, and its owner be told."""
        self.world.fires(identity)
        await self.hears_of(identity)
        await self.tick()
        return (await self.seen.find_open([identity.key]))[identity.key]

    async def keep(self, span: str = "2h", *, identity: Identity = IDENTITY) -> None:
        """Let an operator keep the task of an open incident."""
        incident = (await self.seen.find_open([identity.key]))[identity.key]
        asked = KeepRequest.model_validate({"duration": span, "reason": "a long run"})
        answers = Answers(self.seen, self.recorder, self.context, wake=lambda: None)
        await answers.keep(incident.incident_id, asked.duration, by="carol", reason=asked.reason)

    async def incidents(self) -> Sequence[Incident]:
        """Return all incidents, oldest first."""
        return list(reversed(await self.seen.search(IncidentQuery())))

    async def incident(self) -> Incident:
        """Return the only incident."""
        [incident] = await self.incidents()
        return incident

    async def history(self) -> Sequence[Entry]:
        return await self.seen.history((await self.incident()).incident_id)

    async def reasons(self) -> list[Reason]:
        return [entry.reason for entry in await self.history()]


@pytest.fixture
def world() -> World:
    return World()


BOTH_DATABASES = pytest.mark.parametrize(
    "empty_database", ["empty_memory", "empty_postgres"], indirect=True
)
"""For what the database has a part in; the other tests run on SQLite alone, which is faster. It is
in memory: `test_crashes.py` has a file, and so has whatever drives the store or the whole program.
"""


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, Image]:
    database = SqliteDatabase(tmp_path_factory.mktemp("database"))

    async def make() -> Image:
        await migrate(database.engine)
        await database.engine.dispose()
        return await database.image()

    return database, asyncio.run(make())


@pytest.fixture(scope="session")
def empty_memory() -> tuple[Database, Image]:
    database = MemoryDatabase()
    return database, asyncio.run(database.migrated())


@pytest.fixture(scope="session")
def empty_postgres(migrated: Migrated) -> tuple[Database, Image]:
    return PostgresDatabase(migrated), migrated.empty


@pytest.fixture
def empty_database(request: pytest.FixtureRequest) -> tuple[Database, Image]:
    """A database, and what it holds when it was migrated and no more."""
    found: tuple[Database, Image] = request.getfixturevalue(
        getattr(request, "param", "empty_memory")
    )
    return found


@pytest.fixture
async def database(empty_database: tuple[Database, Image]) -> AsyncIterator[Database]:
    """The database, empty and migrated."""
    database, empty = empty_database
    await database.restore(empty)
    yield database
    # Connections of PostgreSQL belong to the loop of their test.
    await database.engine.dispose()


@pytest.fixture
async def receiver(world: World, database: Database) -> AsyncIterator[Receiver]:
    receiver = Receiver(world, database)
    receiver.start()
    await receiver.settles()
    yield receiver
    await receiver.stop()
