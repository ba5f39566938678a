"""What was called on the simulated master, and which calls are to go wrong."""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from demo.cluster.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    username: str | None
    status: int | None
    """None: the caller got no answer."""
    at: datetime


class CallLog:
    """The latest calls. Reads and writes are bounded apart, so that polling hides no kill."""

    def __init__(self, limit: int = 5_000) -> None:
        self._reads: deque[Call] = deque(maxlen=limit)
        self._writes: deque[Call] = deque(maxlen=limit)

    def add(self, call: Call) -> None:
        (self._reads if call.method == "GET" else self._writes).append(call)

    def matching(self, *, method: str | None = None, path: str = "") -> list[Call]:
        """Return the calls whose path contains a match of the regular expression, by time."""
        calls = sorted((*self._reads, *self._writes), key=lambda call: call.at)
        pattern = re.compile(path)
        return [
            call for call in calls if method in {None, call.method} and pattern.search(call.path)
        ]

    def clear(self) -> None:
        self._reads.clear()
        self._writes.clear()


class FaultKind(StrEnum):
    ANSWER = "answer"  # answers with a status, and does nothing
    HANG = "hang"  # never answers, and does nothing
    LOSE_REPLY = "lose_reply"  # does what was asked, and cuts the connection
    DROP = "drop"  # does nothing, and cuts the connection


@dataclass(slots=True)
class Fault:
    pattern: re.Pattern[str]
    kind: FaultKind
    method: str | None
    status: int
    message: str
    until: datetime | None
    remaining: int | None
    """How many more calls it meets; None is all."""


class Faults:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._faults: list[Fault] = []

    def add(
        self,
        path: str,
        kind: FaultKind,
        *,
        method: str | None = None,
        status: int = 500,
        message: str = "simulated failure",
        lasts: timedelta | None = None,
        times: int | None = None,
    ) -> None:
        """Let calls fail. `path` is a regular expression; `lasts` is not scaled."""
        until = self._timeline.now() + lasts if lasts is not None else None
        pattern = re.compile(path)
        self._faults.append(Fault(pattern, kind, method, status, message, until, times))

    def clear(self) -> None:
        self._faults.clear()

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault that this call meets, and count it."""
        for fault in self._active():
            if fault.method in {None, method} and fault.pattern.search(path):
                if fault.remaining is not None:
                    fault.remaining -= 1
                return fault
        return None

    def _active(self) -> Iterable[Fault]:
        now = self._timeline.now()
        self._faults = [
            fault
            for fault in self._faults
            if (fault.until is None or fault.until > now) and fault.remaining != 0
        ]
        return self._faults
