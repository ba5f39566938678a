"""Prints what happens, as it happens: one line each, with the cluster's time and the real one."""

import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Self, TextIO

import httpx

from demo.slack.wire import MessageRecord
from demo.world import World

_EVERY = 0.5  # seconds
_WIDTH = 96
_TOLD = frozenset(
    {
        "alert_fired",
        "warning_delivered",
        "hold_began",
        "hold_ended",
        "recovered",
        "allocation_ended",
        "new_episode",
        "proven",
        "stop_sent",
        "stop_accepted",
        "stop_verified",
        "gpus_in_use",
        "gpus_unseen",
        "owner_unreachable",
    }
)
"""The entries of an incident's history that make the story; the others are in the API."""


class Narrator:
    """Watches the world in a thread of its own, from entry to exit."""

    def __init__(self, world: World, output: TextIO = sys.stdout) -> None:
        self._world = world
        self._output = output
        self._began = datetime.now(UTC)
        self._seen: set[object] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="narrator", daemon=True)

    def __enter__(self) -> Self:
        self._began = datetime.now(UTC)
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stopping.set()
        self._thread.join()

    def tell(self, who: str, what: str) -> None:
        """Print a line: it happens now."""
        self._print(datetime.now(UTC), who, what)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._look()
            self._stopping.wait(_EVERY)
        self._look()

    def _look(self) -> None:
        try:
            lines = [*self._of_receiver(), *self._of_slack()]
        except httpx.HTTPError:
            # What cannot be read now is read at the next look; nothing is lost by it.
            return
        for at, who, what in sorted(lines):
            self._print(at, who, what)

    def _of_receiver(self) -> Iterator[tuple[datetime, str, str]]:
        for incident in self._world.incidents():
            for entry in self._world.history(incident["incident_id"]):
                if entry["reason"] not in _TOLD or not self._is_new(
                    (incident["incident_id"], entry["at"], entry["reason"])
                ):
                    continue
                state = entry["after"]
                what = f"{incident['username']}: {entry['reason']} → {state}  {entry['detail']}"
                yield datetime.fromisoformat(entry["at"]), "watchdog", what.rstrip()

    def _of_slack(self) -> Iterator[tuple[datetime, str, str]]:
        for message in self._world.slack.messages():
            for number, revision in enumerate(message.revisions):
                if self._is_new((message.ts, number)):
                    kind = _kind(message, number)
                    yield revision.at, "slack", f"{kind} {message.channel}: {revision.notification}"

    def _is_new(self, key: object) -> bool:
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new

    def _print(self, at: datetime, who: str, what: str) -> None:
        real = max(at - self._began, timedelta())
        minutes = int(real.total_seconds() * self._world.setup.factor) // 60
        clock = f"{minutes // 60:2d}:{minutes % 60:02d} h {real.total_seconds():5.0f} s"
        line = " ".join(_plain(what).split())
        cut = line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"
        with self._lock:
            print(f"{clock}  {who:<9} {cut}", file=self._output, flush=True)


def _kind(message: MessageRecord, revision: int) -> str:
    if revision:
        return "rewrites to"
    return "replies to" if message.thread_ts else "posts to"


def _plain(text: str) -> str:
    """Show Slack's dates by their fall-back text, as a terminal has to."""
    parts = text.split("<!date^")
    shown = parts[0]
    for part in parts[1:]:
        date, _, rest = part.partition(">")
        shown += date.rpartition("|")[2] + rest
    return shown
