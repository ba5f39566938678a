"""How a stop is judged, and how the receiver is lost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.cluster.wire import TaskState
from demo.slack.wire import MessageRecord
from demo.stage import Stage


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


def warnings(stage: Stage, task: TaskState) -> list[MessageRecord]:
    """Return the first warnings about a task, by its name."""
    return [post for post in stage.posts(task.username) if task.name in post.shown]


def endings(stage: Stage, task: TaskState) -> list[MessageRecord]:
    """Return the replies that tell of its stop."""
    threads = {post.ts for post in warnings(stage, task)}
    replies = [one for one in stage.replies(task.username) if one.thread_ts in threads]
    return [one for one in replies if one.text.startswith("Stopped") and task.name in one.shown]


def stopped_after(stage: Stage, task: TaskState) -> timedelta:
    """Return how long after its last first warning the task was stopped, by the one call."""
    stops = stage.stops(task)
    assert len(stops) == 1, f"one call that stops {task.username}'s task, and these came: {stops}"
    before = [post.posted_at for post in warnings(stage, task) if post.posted_at < stops[0].at]
    assert before, f"{task.username} was not warned before the stop"
    return stops[0].at - max(before)


def reasons(stage: Stage, task: TaskState) -> list[str]:
    """Return the reasons in the history of the task's incidents, the oldest first."""
    return [str(entry["reason"]) for entry in histories(stage, task)]


def histories(stage: Stage, task: TaskState) -> list[dict[str, Any]]:
    newest_first = stage.incidents(task)
    return [
        entry
        for incident in reversed(newest_first)
        for entry in stage.world.history(incident["incident_id"])
    ]


def wait_for_reason(stage: Stage, task: TaskState, *wanted: str) -> str:
    """Return the first of these reasons that is in the history of the task's incident."""

    def found() -> str | None:
        return next((each for each in reasons(stage, task) if each in wanted), None)

    return stage.wait_for(found, f"{task.username}'s incident says {' or '.join(wanted)}")


def shown_to_admins(stage: Stage) -> Sequence[str]:
    return [message.text for message in stage.world.slack.messages("#gpu-admins")]
