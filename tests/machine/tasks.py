"""The tasks of the machine's cluster, and the alerts about them and about who owns them."""

from dataclasses import dataclass, field, replace

from app.domain.alert import Identity
from app.domain.cluster import Allocation, Container, QueuedJob, TaskType
from tests.domain.examples import IDENTITY, allocation
from tests.receiver.slots import OVER

PARTLY = "GPUAllocationPartlyIdle"
AGENT = "agent-a"
EXPERIMENT = "41"


@dataclass(frozen=True, slots=True)
class Condition:
    """What an alert is about: one allocation, idle in one way, or what a user holds."""

    identity: Identity

    @property
    def key(self) -> str:
        return self.identity.key

    @property
    def allocation_id(self) -> str:
        """Empty if it is about a user."""
        return self.identity.allocation_id

    @property
    def subject(self) -> str:
        return self.identity.allocation_id or self.identity.username

    @property
    def verify(self) -> str:
        return f"{self.identity.alertname} {self.subject}"

    @property
    def evidence(self) -> str:
        return f"age {self.subject}"


@dataclass
class Task:
    number: int
    owner: str
    task_type: TaskType
    alertnames: tuple[str, ...] = (IDENTITY.alertname,)
    run: int = 1
    """A task that restarts has another allocation."""
    changes: dict[str, object] = field(default_factory=dict)

    @property
    def is_trial(self) -> bool:
        return self.task_type is TaskType.TRIAL

    @property
    def task_id(self) -> str:
        experiment = f"{EXPERIMENT}." if self.is_trial else ""
        return f"{experiment}{self.number:08d}-b2f1-4c94-ae05-319acb5c7427"

    @property
    def allocation_id(self) -> str:
        return f"{self.task_id}.{self.run}"

    def allocation(self, **changes: object) -> Allocation:
        values: dict[str, object] = {
            "username": self.owner,
            "allocation_id": self.allocation_id,
            "task_id": self.task_id,
            "task_type": self.task_type,
            "labels": (),
            "containers": (Container(f"c{self.number}", AGENT, (f"GPU-{self.number}",)),),
            "experiment_id": EXPERIMENT if self.is_trial else "",
        }
        return allocation(**(values | changes))  # type: ignore[arg-type] # Changes are words of the machine.

    def conditions(self) -> list[Condition]:
        identity = replace(
            IDENTITY,
            username=self.owner,
            allocation_id=self.allocation_id,
            task_id=self.task_id,
            task_type=self.task_type,
        )
        return [Condition(replace(identity, alertname=name)) for name in self.alertnames]


OVER_THE_LIMIT = Condition(OVER)
"""Bob holds more than he may while others wait."""


def tasks() -> list[Task]:
    """Two of them are bob's, one of these has two alerts; the others make up one experiment."""
    return [
        Task(1, "bob", TaskType.NOTEBOOK, (IDENTITY.alertname, PARTLY)),
        Task(2, "alice", TaskType.TRIAL),
        Task(3, "bob", TaskType.SHELL),
        Task(4, "alice", TaskType.TRIAL),
    ]


def job(slots: int, username: str = "carol", **more: object) -> QueuedJob:
    known = {"job_id": username, "username": username, "slots": slots, "least": slots}
    return QueuedJob(**(known | more))  # type: ignore[arg-type] # The words of the machine.
