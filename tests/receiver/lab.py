"""A lab of many owners, whose Slack is the simulated one, reached over HTTP by the real adapter."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import aiohttp
import sqlalchemy as sa
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack import Addresses, Directory, Links, SlackMessenger
from app.adapters.slack_interactions import read_interaction
from app.domain.actions import Audience
from app.domain.alert import Alert, Identity
from app.domain.breaker import BreakerLimits
from app.domain.incident import Incident
from app.domain.policy import Limits
from app.domain.readings import Sample
from app.lookout import Systems
from app.owner_actions import OwnerActions
from app.presses import Presses
from app.store.people import SqlPressBook
from app.store.schema import outbox
from demo.slack.control import SlackControl
from demo.slack.server import listening_aside
from demo.slack.state import SlackState
from demo.slack.wire import MessageRecord
from tests.domain.examples import IDENTITY, T0, allocation
from tests.receiver.clocks import Time
from tests.receiver.conftest import LEASE, RULEBOOK, SECOND, TICK, Receiver
from tests.receiver.database import Database
from tests.receiver.world import FakePrometheus, World

LIMITS = Limits(tick_gap=TICK, lease=LEASE, snapshot_age=timedelta(minutes=10))
BREAKER = BreakerLimits(max_stops_per_hour=1_000, max_share=1.0)
LINKS = Links(
    alertmanager_url="http://alertmanager:9093",
    determined_url="http://determined:8080",
    public_url="http://watchdog:8090",
    interactive=True,
)
_ROUNDS = 200


class Measured(FakePrometheus):
    """Answers for each task by itself."""

    def __init__(self, time: Time) -> None:
        super().__init__(time)
        self.in_use: set[str] = set()

    async def query(self, expression: str) -> Sequence[Sample]:
        return [] if expression in self.in_use else await super().query(expression)


@dataclass(frozen=True, slots=True)
class Task:
    owner: str
    name: str

    @property
    def identity(self) -> Identity:
        task_id = f"task-{self.name}"
        return replace(IDENTITY, username=self.owner, task_id=task_id, allocation_id=f"{task_id}.1")

    @property
    def texts(self) -> Mapping[str, str]:
        return {"summary": "idle", "verify": f"idle {self.name}", "evidence": f"age {self.name}"}


class Lab(World):
    """At first nothing runs."""

    def __init__(self) -> None:
        super().__init__()
        self.determined.ends()
        self.prometheus: Measured = Measured(self.time)

    def reaches(self, slack_url: str, session: aiohttp.ClientSession) -> None:
        """Let the receiver talk to that Slack."""
        client = AsyncWebClient(
            "xoxb-demo",
            base_url=f"{slack_url}/api/",
            timeout=5,
            session=session,
            retry_handlers=[],
        )
        addresses = Addresses("C01GPUADMINS", email_domain="lab.example", people={})
        directory = Directory(
            client, addresses, remember=timedelta(hours=1), monotonic=self._seconds
        )
        self.messenger = SlackMessenger(client, directory, LINKS, monotonic=self._seconds)

    async def knows(self, owners: Iterable[str]) -> None:
        """Let the receiver have found them in Slack already; it looks again after an hour."""
        for each in owners:
            await self.messenger.recipient(Audience.OWNER, each)

    def _seconds(self) -> float:
        return self.time.monotonic.total_seconds()

    def systems(self) -> Systems:
        return replace(super().systems(), messenger=self.messenger)

    def idle(self, tasks: Iterable[Task]) -> None:
        for each in tasks:
            about = each.identity
            runs = allocation(
                each.owner, allocation_id=about.allocation_id, task_id=about.task_id, name=each.name
            )
            self.determined.starts(runs)
            self.fires(about, **each.texts)

    def are_used(self, tasks: Iterable[Task]) -> None:
        for each in tasks:
            self.ceases(each.identity)
            self.prometheus.in_use.add(each.texts["verify"])


class Night:
    """One receiver in that lab, and what people do."""

    def __init__(self, lab: Lab, database: Database, control: SlackControl) -> None:
        rulebook = replace(RULEBOOK, limits=LIMITS, breaker=BREAKER)
        self.lab = lab
        self.control = control
        self.receiver = Receiver(lab, database, rulebook)
        self.receiver.start()
        self._book = SqlPressBook(database.engine)

    async def waits(self, span: timedelta) -> None:
        """Let time go by, and be looked at what is due then."""
        self.lab.time.passes(span)
        await self.receiver.tick()
        await self.settles()

    async def waits_until(self, time: timedelta) -> None:
        self.passes_until(time)
        await self.waits(timedelta())

    def passes_until(self, time: timedelta) -> None:
        """Let it be so late, counted from the beginning."""
        left = T0 + time - self.lab.time.wall
        assert left > timedelta(), "it took longer than the scenario thinks"
        self.lab.time.passes(left)

    async def decides(self) -> None:
        """Look at what is due, and send nothing of it yet."""
        await self.receiver.intake.receive([], heartbeat=True)
        await self.receiver.reconciler.tick()

    async def settles(self) -> None:
        """Deliver, whenever something is due again, until nothing waits any more."""
        for _ in range(_ROUNDS):
            if not await self._passes_until_due():
                return
            await self.receiver.dispatcher.deliver_due()
        raise AssertionError("it goes on for ever")

    async def _passes_until_due(self) -> bool:
        statement = sa.select(sa.func.min(outbox.c.due_at)).where(outbox.c.state == "waiting")
        async with self.receiver.database.engine.connect() as connection:
            due = (await connection.execute(statement)).scalar_one_or_none()
        if due is not None:
            # What is to be tried again at about the same time goes together.
            self.lab.time.passes(max(due - self.lab.time.wall, 2 * SECOND))
        return due is not None

    async def alert(self, tasks: Collection[Task]) -> None:
        """Let these be idle from now on, and Alertmanager tell of it."""
        self.lab.idle(tasks)
        now = self.lab.time.wall
        alerts = [
            Alert(each.identity, each.texts, now, firing=True, labels=each.identity.labels())
            for each in tasks
        ]
        await self.receiver.intake.receive(alerts)

    async def presses_for_all(self, owner: str, action_id: str) -> None:
        """Press a button of the owner's first message."""
        await self._presses(owner, self.messages()[f"@{owner}"][0], action_id, "")

    async def presses_for_one(self, task: Task, asked: str) -> None:
        """Choose from the menu beside a task in the first message."""
        message = self.messages()[f"@{task.owner}"][0]
        [menu] = [
            block["accessory"]
            for block in message.blocks
            if task.name in json.dumps(block) and "accessory" in block
        ]
        [option] = [each["value"] for each in menu["options"] if each["value"].startswith(asked)]
        await self._presses(task.owner, message, menu["action_id"], option)

    async def _presses(
        self, owner: str, message: MessageRecord, action_id: str, option: str
    ) -> None:
        """Let the receiver be told twice, as Slack may do it."""
        made = self.control.press(
            owner, f"@{owner}", message.ts, action_id, option=option, repeat=0
        )
        [press] = read_interaction(made.payload).presses
        for _ in range(2):
            await self._handler().handle(press)

    async def dismissed(self, tasks: Iterable[Task]) -> None:
        for each in tasks:
            incident = await self.incident(each)
            await self.receiver.answers.dismiss(incident.incident_id, by="ann", reason="it is not")

    async def incident(self, task: Task) -> Incident:
        key = task.identity.key
        return (await self.receiver.seen.find_open([key]))[key]

    def messages(self) -> Mapping[str, Sequence[MessageRecord]]:
        """Return all that was said in the simulated Slack, by where: `@owner00`, `#gpu-admins`."""
        found: dict[str, list[MessageRecord]] = defaultdict(list)
        for each in self.control.messages():
            found[each.channel].append(each)
        return found

    def _handler(self) -> Presses:
        receiver = self.receiver
        actions = OwnerActions(receiver.answers, receiver.seen, self._book, receiver.context)
        return Presses(
            actions,
            receiver.answers,
            receiver.seen,
            self._book,
            receiver.recorder,
            self.lab.messenger,
            receiver.context,
        )


@contextmanager
def simulated_slack(time: Time, owners: Iterable[str]) -> Iterator[tuple[str, SlackControl]]:
    """Give the address of a workspace that goes by that clock, and its switches."""
    with (
        listening_aside(SlackState(clock=time.now)) as url,
        SlackControl(url) as control,
    ):
        for each in owners:
            control.add_user(each, email=f"{each}@lab.example")
        yield url, control
