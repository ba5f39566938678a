"""What was called on the simulated Slack, and which calls are to go wrong."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


@dataclass(slots=True)
class Call:
    """One call of a method. `arguments` are without the token."""

    method: str
    at: datetime
    arguments: dict[str, Any]
    fault: str | None = None
    outcome: str | None = None
    """`ok`, Slack's error, `http_500` and the like, or `gone` when the caller gave up on a call
    that hung; None: the caller has no answer."""


class FaultKind(StrEnum):
    RATE_LIMIT = "rate_limit"  # answers 429 with Retry-After, and does nothing
    ERROR = "error"  # answers 200 with `ok: false`, and does nothing
    HTTP_ERROR = "http_error"  # answers with a status and no JSON, and does nothing
    HANG = "hang"  # answers when the fault is cleared; does nothing if the caller gives up first
    DROP = "drop"  # does nothing, and closes the connection
    LOSE_REPLY = "lose_reply"  # does what was asked, and closes the connection
    MALFORMED = "malformed"  # does what was asked, and answers with broken JSON


@dataclass(slots=True)
class Fault:
    kind: FaultKind
    method: str | None = None
    """None is every method."""
    error: str = "internal_error"
    status: int = 500
    retry_after: int = 1
    """Seconds."""
    until: datetime | None = None
    remaining: int | None = None
    """How many more calls it meets; None is no limit."""
    every: int = 1
    """It meets each n-th of the calls that it is for."""
    seen: int = 0
    cleared: asyncio.Event = field(default_factory=asyncio.Event)

    def meets(self, method: str) -> bool:
        """Tell whether it is this call's turn, and count the call."""
        if self.method not in {None, method}:
            return False
        self.seen += 1
        return self.seen % self.every == 0

    def use(self) -> None:
        """Count that it struck."""
        if self.remaining is not None:
            self.remaining -= 1


class Faults:
    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._faults: list[Fault] = []

    def add(self, fault: Fault, *, lasts: timedelta | None = None) -> None:
        if lasts is not None:
            fault.until = self._clock() + lasts
        self._faults.append(fault)

    def clear(self, method: str | None = None) -> None:
        """End the faults of one method, or all; calls that hang are answered then."""
        for fault in self._faults:
            if method in {None, fault.method}:
                fault.cleared.set()
        self._faults = [fault for fault in self._faults if not fault.cleared.is_set()]

    def strike(self, method: str) -> Fault | None:
        """Return the first fault whose turn it is. Every fault counts every call that it is for.

        While calls are dropped, nothing else comes of them either.
        """
        now = self._clock()
        self._faults = [
            fault
            for fault in self._faults
            if (fault.until is None or fault.until > now) and fault.remaining != 0
        ]
        due = [fault for fault in self._faults if fault.meets(method)]
        if not due:
            return None
        fault = min(due, key=lambda each: each.kind is not FaultKind.DROP)
        fault.use()
        return fault


class CallLog:
    """The latest calls, oldest first."""

    def __init__(self, limit: int = 10_000) -> None:
        self._calls: deque[Call] = deque(maxlen=limit)

    def add(self, call: Call) -> None:
        self._calls.append(call)

    def matching(self, method: str | None = None) -> list[Call]:
        return [call for call in self._calls if method in {None, call.method}]

    def clear(self) -> None:
        self._calls.clear()
