"""Bugs that the receiver survives, and so would hide from a test: each is in the log."""

from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from app.errors import InvalidTransitionError


class Bugs:
    """Keeps the log to itself, and from it what must never be in it."""

    def __init__(self) -> None:
        self.met: list[str] = []
        self._before: Mapping[str, Any] = {}

    def begin(self) -> None:
        self._before = structlog.get_config()
        structlog.configure(processors=[self._keep])

    def end(self) -> None:
        structlog.configure(**self._before)

    def _keep(self, _logger: object, _method: str, line: MutableMapping[str, Any]) -> str:
        error = str(line.get("error", ""))
        if line["event"] == "step_crashed" or error.startswith(InvalidTransitionError.__name__):
            self.met.append(f"{line}")
        raise structlog.DropEvent
