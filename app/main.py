"""The composition root: settings → clients, store, loops → the FastAPI application."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from app import __version__
from app.answers import Answers
from app.api.cluster_metrics import ClusterCollector
from app.api.dependencies import SlackEntrance, State, Token
from app.api.door import Door
from app.api.owner_page_values import OwnerPage
from app.api.surface import add_surface
from app.clients import Clients, open_clients, owner_links, reception, socket_mode
from app.context import Context
from app.delivery import Dispatcher
from app.digest import Digests
from app.domain.digest_times import DigestKind
from app.domain.lease import Duty
from app.domain.outbox import Pace
from app.executor import Executor
from app.explanations import Explanations
from app.holders import Holders
from app.intake import Intake
from app.lookout import Lookout
from app.loops import Loop, contained
from app.manual_actions import ManualActions
from app.memory import suit_thousands
from app.owner_actions import OwnerActions
from app.ports import PressHandler
from app.presses import Presses
from app.reconciler import Reconciler
from app.recorder import Recorder
from app.reload import Reload
from app.retention import PRUNING_INTERVAL, PRUNING_PAUSE, Retention
from app.settings import Settings, read_secret
from app.store.archive import SqlArchive
from app.store.digest import SqlDigestBook
from app.store.engine import create_engine, migrate
from app.store.leases import SqlLeases
from app.store.outbox import SqlOutbox
from app.store.people import SqlPressBook
from app.store.sql import SqlIncidentStore
from app.task_actions import TaskActions
from app.tasks import Tasks
from app.telemetry import Telemetry
from app.tenure import Tenure
from app.view import ClusterView

log = structlog.get_logger()
_DRAIN = 20.0  # seconds that the present steps have to end when the process is asked to stop


@dataclass(frozen=True, slots=True)
class Watch:
    """The loops that have duties, and these duties."""

    reconciling: Loop
    delivering: Loop
    telling: Loop
    """Makes the digests, which no message waits for."""
    tenures: tuple[Tenure, ...]

    def wake(self) -> None:
        self.reconciling.wake()
        self.delivering.wake()


def create_app(settings: Settings, *, press_handler: PressHandler | None = None) -> FastAPI:
    """Make the application. Nothing is opened, read or started before its lifespan begins.

    `press_handler`: who does what buttons ask for. None: the watchdog itself.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        async with AsyncExitStack() as stack:
            yield await _start(settings, stack, press_handler)
        log.info("stopped")

    app = FastAPI(
        title="GPU Watchdog",
        version=__version__,
        description="Tells the owners of idle GPU tasks, waits, and frees the GPUs, safely.",
        lifespan=lifespan,
        telemetry={"logs": False},
    )
    add_surface(
        app,
        hears_slack=settings.slack.signing_secret_file is not None,
        has_owner_page=settings.owner_page is not None,
    )
    return app


async def _start(
    settings: Settings, stack: AsyncExitStack, press_handler: PressHandler | None
) -> State:
    suit_thousands()
    engine = create_engine(settings.database_url)
    stack.push_async_callback(engine.dispose)
    await migrate(engine)
    context = Context(settings.rulebook(), Telemetry(CollectorRegistry()), _utc_now, ClusterView())
    store = SqlIncidentStore(engine)
    clients = await open_clients(settings, context.telemetry, stack)
    recorder = Recorder(store, context)
    watch = _watch(settings, clients, context, engine, store)
    context.telemetry.registry.register(ClusterCollector(context))
    loops = [watch.reconciling, watch.delivering, watch.telling]
    if settings.retention:
        retention = Retention(SqlArchive(engine), context, span=settings.retention)
        loops.append(_pruning(retention, context))
    await _run(loops, watch.tenures, stack)
    answers = Answers(store, recorder, context, wake=watch.wake)
    book = SqlPressBook(engine)
    owner_actions = OwnerActions(answers, store, book, context)
    messenger = clients.systems.messenger
    presses = Presses(owner_actions, answers, store, book, recorder, messenger, context)
    manual = ManualActions(answers, store, book, recorder, clients.systems, context)
    tasks = Tasks(clients.rule_files, clients.silence_lists, store, context)
    links = owner_links(settings)
    handler = press_handler or presses.handle
    entrance = await _listen(handler, settings, clients, context, stack)
    log.info("started", mode=settings.mode, version=__version__)
    return State(
        intake=Intake(store, recorder, context, wake=watch.wake),
        manual_actions=manual,
        task_actions=TaskActions(manual, store, book, recorder, context, wake=watch.wake),
        tasks=tasks,
        explanations=Explanations(tasks, clients.rule_files, context),
        holders=Holders(tasks, clients.rule_files, store, context),
        store=store,
        recorder=recorder,
        context=context,
        registry=context.telemetry.registry,
        tokens=[
            Token(token.name, token.role, read_secret(token.file).encode())
            for token in settings.api_tokens
        ],
        door=Door(context.telemetry.failed_authentication),
        slack=entrance,
        owner_page=OwnerPage(links, clients.trends, owner_actions) if links else None,
    )


async def _listen(
    handler: PressHandler,
    settings: Settings,
    clients: Clients,
    context: Context,
    stack: AsyncExitStack,
) -> SlackEntrance | None:
    """Listen to Slack in each of the ways that are configured."""
    received_by = reception(handler, settings, clients.slack, context.telemetry)
    stack.push_async_callback(received_by.end)
    socket_ = socket_mode(received_by, settings, clients, context.telemetry)
    if socket_:
        await stack.enter_async_context(socket_.listening())
    secret = settings.slack.signing_secret_file
    return SlackEntrance(received_by, read_secret(secret).encode()) if secret else None


def _watch(
    settings: Settings,
    clients: Clients,
    context: Context,
    engine: AsyncEngine,
    store: SqlIncidentStore,
) -> Watch:
    leases, holder = SqlLeases(engine), f"{socket.gethostname()}:{settings.listen_port}"
    reconcile, delivery = (
        Tenure(duty, leases, context, holder=holder) for duty in (Duty.RECONCILE, Duty.DELIVERY)
    )
    dispatcher = _dispatcher(settings, clients, context, engine, delivery)
    delivering = Loop(
        "delivery",
        dispatcher.deliver_due,
        interval=settings.message_retry,
        failed=context.telemetry.step_failed,
    )
    reconciler = _reconciler(clients, context, store, reconcile)
    reload = Reload(settings, context, follow=clients.follow)
    failed = context.telemetry.step_failed

    async def tick() -> None:
        try:
            with contained("configuration", failed):
                reload.look()
            await reconciler.tick()
            with contained("session", failed):
                await clients.renew_session()
        finally:
            delivering.wake()

    reconciling = Loop(
        "reconcile",
        tick,
        interval=settings.tick_interval,
        spacing=settings.tick_spacing,
        failed=failed,
    )
    telling = Loop(
        "digest",
        _digests(settings, clients, context, engine, delivery).send_due,
        interval=settings.tick_interval,
        failed=failed,
    )
    return Watch(reconciling, delivering, telling, (reconcile, delivery))


def _dispatcher(
    settings: Settings, clients: Clients, context: Context, engine: AsyncEngine, tenure: Tenure
) -> Dispatcher:
    store = SqlIncidentStore(engine, tenure.fence)
    return Dispatcher(
        SqlOutbox(engine, tenure.fence),
        store,
        clients.systems.messenger,
        Recorder(store, context),
        context,
        tenure,
        pace=Pace(settings.message_retry, settings.message_retry_longest),
    )


def _digests(
    settings: Settings, clients: Clients, context: Context, engine: AsyncEngine, tenure: Tenure
) -> Digests:
    times = {
        DigestKind.WEEKLY: settings.digest.weekly,
        DigestKind.DAILY: settings.digest.daily,
    }
    return Digests(
        SqlDigestBook(engine, tenure.fence),
        clients.bulletin,
        clients.systems,
        context,
        tenure,
        moments={kind: moments for kind, moments in times.items() if moments},
        pace=Pace(settings.message_retry, settings.message_retry_longest),
    )


def _reconciler(
    clients: Clients, context: Context, known: SqlIncidentStore, tenure: Tenure
) -> Reconciler:
    store = known.behind(tenure.fence)
    recorder = Recorder(store, context)
    lookout = Lookout(clients.systems, store, context)
    executor = Executor(clients.systems, store, lookout, recorder, context, tenure)
    return Reconciler(clients.systems, store, lookout, executor, recorder, context, tenure)


def _pruning(retention: Retention, context: Context) -> Loop:
    """Make a loop of its own: what is over keeps no tick waiting."""

    async def prune() -> None:
        if await retention.prune():
            loop.wake()

    failed = context.telemetry.step_failed
    loop = Loop("retention", prune, interval=PRUNING_INTERVAL, spacing=PRUNING_PAUSE, failed=failed)
    return loop


async def _run(loops: Sequence[Loop], tenures: Iterable[Tenure], stack: AsyncExitStack) -> None:
    """Start the loops, and end them when the stack is closed: first asked, then made to."""
    tasks = [asyncio.create_task(loop.run(), name=loop.name) for loop in loops]

    async def end() -> None:
        for loop in loops:
            loop.stop()
        _done, running = await asyncio.wait(tasks, timeout=_DRAIN)
        for task in running:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for tenure in tenures:
            await tenure.end()

    stack.push_async_callback(end)


def _utc_now() -> datetime:
    return datetime.now(UTC)
