"""What a story sees of the world, and how it waits and judges."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from demo.cluster.wire import CallRecord, TaskState
from demo.processes import wait_until
from demo.slack.wire import MessageRecord
from demo.world import World

T = TypeVar("T")
LONGEST_WAIT = 150.0
"""Seconds: longer than the longest grace period at the demo's speed."""
_EVERY = 0.3  # seconds; a look costs the receiver as much as a page that people read


class StoryError(Exception):
    """What was expected did not happen, or something else did; the message says of whom."""


def expect(truth: bool, what: str) -> None:  # noqa: FBT001 -- reads as a sentence.
    """Raises: StoryError: it is not so."""
    if not truth:
        raise StoryError(f"expected: {what}")


@dataclass(frozen=True, slots=True)
class Stage:
    world: World
    tell: Callable[[str, str], None]
    """Prints one line of the timeline: who, and what."""
    others_ended: threading.Event = field(default_factory=threading.Event)

    def wait_for(
        self, find: Callable[[], T | None], what: str, *, within: float = LONGEST_WAIT
    ) -> T:
        """Return what is found, once it is.

        Raises:
            StoryError: it was not found in time.
            ProgramError: one of the programs has ended by itself.
        """
        found: list[T] = []

        def is_there() -> bool:
            for program in self.world.programs:
                program.require_running()
            result = find()
            if result:
                found.append(result)
            return bool(found)

        try:
            wait_until(is_there, what, within=within, every=_EVERY)
        except TimeoutError as exc:
            raise StoryError(f"expected: {exc}") from exc
        return found[0]

    def incident(self, task: TaskState, state: str) -> dict[str, Any]:
        """Return the incident about a task, once it is in this state."""

        def found() -> dict[str, Any] | None:
            for incident in self.incidents(task):
                if incident["state"] == state:
                    return incident
            return None

        return self.wait_for(found, f"the incident of {task.username} is {state}")

    def incidents(self, task: TaskState) -> list[dict[str, Any]]:
        return [
            incident
            for incident in self.world.incidents(username=task.username)
            if any(target["task_id"] == task.task_id for target in incident["targets"])
        ]

    def posts(self, username: str) -> list[MessageRecord]:
        """Return the messages that stand in somebody's direct messages: those notify."""
        return [one for one in self._said(username) if one.thread_ts is None or one.broadcast]

    def replies(self, username: str) -> list[MessageRecord]:
        return [one for one in self._said(username) if one.thread_ts and not one.broadcast]

    def stops(self, task: TaskState) -> list[CallRecord]:
        """Return the calls on Determined that were to end or pause the task."""
        parts = {task.task_id, str(task.trial_id), str(task.experiment_id)}
        return [one for one in self.world.cluster.stops() if parts & set(one.path.split("/"))]

    def silences(self, by: str) -> list[dict[str, Any]]:
        """Return what somebody has silenced, as Alertmanager tells it."""
        url = f"{self.world.alertmanager_url}/api/v2/silences"
        told: list[dict[str, Any]] = self.world.http.get(url).raise_for_status().json()
        return [silence for silence in told if silence["createdBy"] == by]

    def is_running(self, task: TaskState) -> bool:
        return self.world.cluster.task(task.task_id).allocation.ended_at is None

    def scaled(self, duration: timedelta) -> timedelta:
        return self.world.scaled(duration)

    def _said(self, username: str) -> list[MessageRecord]:
        return self.world.slack.messages(f"@{username}")
