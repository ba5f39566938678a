"""A world in which many have forgotten a task, and are warned when a test says so.

All idle tasks are started, and silenced, at the beginning; those that find no room run as soon as
others have ended. A test takes one and ends its silence: it has its warning and its grace period at
once, without waiting for the window again. Its task ends with it, so no test sees what another one
has left. Two Alertmanagers that know nothing of each other; first SQLite, then PostgreSQL.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from demo.cluster.model import TaskType
from demo.cluster.wire import StartTask, TaskState
from demo.stage import Stage
from demo.world import World
from tests.e2e.night.databases import move

GRACE = timedelta(minutes=10)
BREAKER_IS_WIDE = {"max_stops_per_hour": 50, "floor": 50}
SETTINGS = {
    "policies": {"reclaim": {"grace": {"notebook": "10m", "shell": "10m"}, "grace_default": "10m"}},
    "limits": {"stop_retry": "2m"},
    "breaker": BREAKER_IS_WIDE,
}
WITHOUT = tuple(f"{name}.rules.yaml" for name in ("efficiency", "sharing", "slots", "usage"))
"""A fifth of Prometheus' work, of which nothing shows in this night. The demo, and the flaws of
../test_rules.py, are played on all rules.
"""
LAST_SECOND = timedelta(seconds=1)
"""Real time: what is done now is done before the deadline, and after all reminders."""
A_WHILE = timedelta(seconds=2)
"""Real time, in which a stop that is due is made: some ticks, on a machine that has more to do."""
LONG = timedelta(hours=20)

Take = Callable[..., TaskState]


def notebook(username: str) -> StartTask:
    return StartTask(task_type=TaskType.NOTEBOOK, username=username)


FORGOTTEN = (
    # Its window is longer.
    StartTask(task_type=TaskType.TRIAL, username="dan"),
    StartTask(task_type=TaskType.SHELL, username="alice"),
    # In the order in which they are taken, so that who waits for room has it in time. Everybody is
    # among the first eight, which run at once: so a test can be run alone.
    *(notebook(name) for name in ("bob", "alice", "alice", "bob", "carol", "dan")),
    *(notebook(name) for name in ("bob", "carol", "alice", "bob", "dan")),
    *(notebook(name) for name in ("alice", "bob", "carol", "dan", "carol", "bob")),
)


@dataclass
class Night:
    stage: Stage
    _urls: Mapping[str, str]
    """Those of the databases, by their kind."""
    database: str = "sqlite"
    """The kind of that which the receiver has."""
    _silences: dict[str, list[str]] = field(default_factory=dict)
    """Those of a task, one of each peer."""
    _free: list[TaskState] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.stage.world

    def begin(self) -> None:
        for number, request in enumerate(FORGOTTEN):
            # A name tells whose messages are about which task.
            named = request.model_copy(update={"name": f"forgotten-{number:02}"})
            task = self.world.cluster.start(named)
            self._silence(task)
            self._free.append(task)

    def move_to(self, database: str) -> None:
        """Let the receiver go on with another database, in which all is as it was."""
        if database == self.database:
            return
        world, url = self.world, self._urls[database]
        world.setup = replace(world.setup, settings={**world.setup.settings, "database_url": url})
        # It reads this, and has the address at its next start.
        world.configure({})
        world.receiver.end()
        move(self._urls[self.database], url)
        world.start_program(world.receiver)
        self.database = database

    @contextmanager
    def taking(self) -> Iterator[Take]:
        """Give tasks to whoever asks, and end them afterwards, as their owners do."""
        taken: list[TaskState] = []

        def take(username: str, task_type: TaskType = TaskType.NOTEBOOK) -> TaskState:
            wanted = (username, task_type)
            task = next(each for each in self._free if (each.username, each.task_type) == wanted)
            self._free.remove(task)
            taken.append(task)
            return task

        try:
            yield take
        finally:
            for task in taken:
                if self.stage.is_running(task):
                    self.world.cluster.finish(task.task_id)

    def _silence(self, task: TaskState) -> None:
        self._silences[task.task_id] = [
            self.world.silence(
                task, lasts=LONG, by=task.username, comment="until its test begins", peer=peer
            )
            for peer in range(len(self.world.peers))
        ]

    def warn(self, *tasks: TaskState) -> datetime:
        """Let the owners be warned; return the last deadline that their messages name."""
        self.let_fire(*tasks)
        return max(self.deadline(task) for task in tasks)

    def let_fire(self, *tasks: TaskState) -> None:
        for task in tasks:
            self.stage.incident(task, "held")
        for task in tasks:
            for peer, silence_id in enumerate(self._silences.pop(task.task_id)):
                self.world.end_silence(silence_id, peer=peer)

    def deadline(self, task: TaskState) -> datetime:
        incident = self.stage.incident(task, "notified")
        return datetime.fromisoformat(incident["targets"][0]["deadline"])

    def annotation(self, task: TaskState, name: str) -> str:
        """Return what Prometheus reports of the alert about a task."""
        allocation_id = task.allocation.allocation_id
        [found] = [
            alert["annotations"][name]
            for alert in self.world.firing()
            if alert["labels"].get("allocation_id") == allocation_id
        ]
        return str(found)

    def wait_until(self, moment: datetime) -> None:
        self.stage.wait_for(lambda: datetime.now(UTC) >= moment, f"{moment:%H:%M:%S}")

    def wait_past(self, deadline: datetime) -> None:
        """Wait until a stop would have been made."""
        self.wait_until(deadline + A_WHILE)

    def is_spared(self, task: TaskState) -> bool:
        return not self.stage.stops(task) and self.stage.is_running(task)

    @contextmanager
    def configured(self, **changes: object) -> Iterator[None]:
        """Let the receiver have other settings, and then its own again."""
        self.world.configure(changes)
        try:
            yield
        finally:
            self.world.configure({})

    @contextmanager
    def breaker_reset(self) -> Iterator[None]:
        """Leave the breaker as the next test needs it, whatever becomes of this one."""
        try:
            yield
        finally:
            self.world.act("/api/v1/breaker", {"action": "reset", "reason": "the test is over"})
