"""The world of the machine: four tasks, and systems that remember."""

from dataclasses import replace
from datetime import timedelta

from app.domain.cluster import Allocation
from app.domain.matchers import Silence
from app.domain.readings import RuleAlert
from tests.machine.stamps import Stamps
from tests.machine.tasks import AGENT, OVER_THE_LIMIT, Condition, Task, tasks
from tests.machine.witness import (
    Memory,
    WitnessedAlertmanagers,
    WitnessedDetermined,
    WitnessedPrometheus,
    WitnessedSlack,
)
from tests.receiver.world import FakePeer, World


class Stage(World):
    def __init__(self) -> None:
        super().__init__()
        self.stamps = Stamps(self.time)
        self.memory = Memory()
        self.determined: WitnessedDetermined = WitnessedDetermined(
            self.time, self.memory, self.stamps
        )
        self.prometheus: WitnessedPrometheus = WitnessedPrometheus(
            self.time, self.memory, self.stamps
        )
        self.alertmanagers: WitnessedAlertmanagers = WitnessedAlertmanagers(
            self.time, self.memory, self.stamps
        )
        self.slack: WitnessedSlack = WitnessedSlack(self.time, self.memory, self.stamps)
        self.tasks = tasks()
        # All slots are taken.
        self.determined.agents = {AGENT: len(self.tasks)}
        for task in self.tasks:
            self.determined.starts(task.allocation())

    def allocation(self, task: Task) -> Allocation | None:
        """Return the present run of a task, if it goes on."""
        return self.determined.running.get(task.allocation_id)

    def runs(self, task: Task) -> bool:
        return self.allocation(task) is not None

    def conditions(self) -> list[Condition]:
        """Return all that alerts can be about now."""
        return [OVER_THE_LIMIT, *(each for task in self.tasks for each in task.conditions())]

    def begins(self, condition: Condition) -> None:
        """Let the alert fire from now on, whatever it did before."""
        identity = condition.identity
        self.fires(identity, verify=condition.verify, evidence=condition.evidence)

    def goes_on_firing(self, condition: Condition) -> None:
        """Let Prometheus report an alert again that it lost, as if it had fired all the time."""
        self.begins(condition)
        alert = self.prometheus.firing[condition.key]
        earlier = replace(alert, active_at=alert.active_at - timedelta(hours=1))
        self.prometheus.firing[condition.key] = earlier

    def is_firing(self, condition: Condition) -> RuleAlert | None:
        return self.prometheus.firing.get(condition.key)

    def silences(self, task: Task, span: timedelta, peers: tuple[FakePeer, ...]) -> None:
        silence = self.alertmanagers.silence_of(task.task_id, span)
        for peer in peers:
            peer.silences.append(silence)

    def end_silences(self, peer: FakePeer) -> None:
        """Expire what is active, as Alertmanager does it: its end is now."""
        now = self.time.wall
        peer.silences = [
            _ended(each, self) if each.is_active(now) else each for each in peer.silences
        ]


def _ended(silence: Silence, stage: Stage) -> Silence:
    return replace(silence, ends_at=stage.time.wall)
