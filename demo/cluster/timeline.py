"""The clock of the simulation, and what is to happen later on it."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


def wall_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(order=True, slots=True)
class _Event:
    due_at: datetime
    number: int
    action: Callable[[], None] = field(compare=False)


class Timeline:
    """Runs actions that are due, whenever somebody looks.

    Nothing happens in the background: every reader calls `settle` first, and then sees the
    cluster as it is at that moment. A test gives its own clock and needs no waiting.
    """

    def __init__(self, *, speed: float = 1.0, clock: Callable[[], datetime] = wall_clock) -> None:
        self.speed = speed
        self._clock = clock
        self._events: list[_Event] = []
        self._numbers = itertools.count()
        self._settling_at: datetime | None = None

    def now(self) -> datetime:
        """Return the present; while a late action runs, the moment it was due."""
        return self._settling_at or self._clock()

    def scaled(self, duration: timedelta) -> timedelta:
        """Return how long a duration of the real cluster takes here."""
        return duration / self.speed

    def after(self, duration: timedelta, action: Callable[[], None]) -> None:
        """Run `action` when `duration`, in the real cluster's time, is over."""
        due_at = self.now() + self.scaled(duration)
        heapq.heappush(self._events, _Event(due_at, next(self._numbers), action))

    def settle(self) -> None:
        """Run everything that is due, in order."""
        now = self._clock()
        while self._events and self._events[0].due_at <= now:
            event = heapq.heappop(self._events)
            self._settling_at = event.due_at
            try:
                event.action()
            finally:
                self._settling_at = None
