"""What the end-to-end tests share: how a stop is judged, and how the receiver is lost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.cluster.wire import TaskState
from demo.stage import Stage

GRACE = timedelta(minutes=20)
SHORT_GRACE = {"grace": {"notebook": "20m", "shell": "20m"}, "grace_default": "20m"}


@dataclass
class Absences:
    """The times in which the receiver was away, so that owners could not answer."""

    stage: Stage
    times: list[tuple[datetime, datetime]] = field(default_factory=list)

    def crash(self) -> None:
        """Kill the receiver as the loss of its machine would, and start it again."""
        world = self.stage.world
        began = datetime.now(UTC)
        world.receiver.kill()
        world.start_program(world.receiver)
        self.times.append((began, datetime.now(UTC)))

    def between(self, start: datetime, end: datetime) -> timedelta:
        overlaps = [min(end, until) - max(start, since) for since, until in self.times]
        return sum((each for each in overlaps if each > timedelta()), timedelta())


def stopped_after(stage: Stage, task: TaskState) -> timedelta:
    """Return how long after its last first warning the task was stopped, by the one call."""
    stops = stage.stops(task)
    assert len(stops) == 1, f"one call that stops {task.username}'s task, and these came: {stops}"
    warnings = [post.posted_at for post in stage.posts(task.username)]
    before = [at for at in warnings if at < stops[0].at]
    assert before, f"{task.username} was not warned before the stop"
    return stops[0].at - max(before)


def reasons(stage: Stage, incident: dict[str, Any]) -> list[str]:
    return [str(entry["reason"]) for entry in stage.world.history(incident["incident_id"])]


def first_entry(stage: Stage, task: TaskState, reason: str) -> datetime:
    """Return when a reason first came up in the history of the task's only incident."""
    [incident] = stage.incidents(task)
    history = stage.world.history(incident["incident_id"])
    return min(datetime.fromisoformat(each["at"]) for each in history if each["reason"] == reason)


def wait_for_reason(stage: Stage, task: TaskState, *wanted: str) -> str:
    """Return the first of these reasons that is in the history of the task's incident."""

    def found() -> str | None:
        for incident in stage.incidents(task):
            for reason in reasons(stage, incident):
                if reason in wanted:
                    return reason
        return None

    return stage.wait_for(found, f"{task.username}'s incident says {' or '.join(wanted)}")


def shown_to_admins(stage: Stage) -> Sequence[str]:
    return [message.text for message in stage.world.slack.messages("#gpu-admins")]
