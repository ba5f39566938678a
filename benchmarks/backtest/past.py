"""A past as the rules record it: tasks that come and go on the GPUs of a cluster.

Every GPU is held by a task of its own, one after the other: the most rows that so many GPUs have.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

from benchmarks.rules.remote_write import encode_labels, encode_samples, encode_series

INTERVAL = 15
"""Seconds between two rows of a quick rule."""
_HOUR = 3_600 // INTERVAL
_REQUEST = 4_000_000
_TYPES = ("trial", "trial", "trial", "notebook", "shell", "command")
_USERS = 24
_GAP = _HOUR // 4
"""For which a GPU is free between two tasks."""


@dataclass(frozen=True, slots=True)
class Task:
    number: int
    task_type: str
    begin: int
    """In intervals, as all lengths here."""
    works: tuple[int, ...]
    """How long it works, then rests, then works, and so on."""

    @property
    def labels(self) -> dict[str, str]:
        return {"allocation_id": f"task-{self.number}.1"}

    @property
    def identity(self) -> dict[str, str]:
        return self.labels | {
            "task_id": f"task-{self.number}",
            "task_type": self.task_type,
            "username": f"user-{self.number % _USERS}",
            "resource_pool": "default",
            "window": "30m" if self.task_type in {"notebook", "shell"} else "60m",
        }


@dataclass
class Past:
    gpus: int
    begin: int
    """Unix time."""
    length: int
    numbers: random.Random = field(default_factory=lambda: random.Random(1))
    tasks: int = 0
    samples: int = 0

    def write(self, send: Callable[[bytes], None]) -> None:
        request: list[bytes] = []
        for each in self._series():
            request.append(each)
            if sum(map(len, request)) > _REQUEST:
                send(b"".join(request))
                request = []
        send(b"".join(request))

    def _series(self) -> Iterator[bytes]:
        beats = {"alertname": "WatchdogHeartbeat", "alertstate": "firing"}
        yield self._row("ALERTS", beats, 0, [(1.0, self.length)])
        for _ in range(self.gpus):
            for task in self._tasks():
                self.tasks += 1
                yield from self._rows_of(task)

    def _tasks(self) -> Iterator[Task]:
        """Yield the tasks that have one GPU, one after the other."""
        at = self.numbers.randrange(_HOUR)
        number = self.numbers.randrange(10**12)
        while at < self.length:
            works = tuple(
                self.numbers.choice((_HOUR // 6, 2 * _HOUR, 9 * _HOUR))
                for _ in range(self.numbers.randrange(1, 9))
            )
            left = self.length - at
            works = works if sum(works) <= left else (left,)
            number += 1
            yield Task(number, self.numbers.choice(_TYPES), at, works)
            at += sum(works) + _GAP

    def _rows_of(self, task: Task) -> Iterator[bytes]:
        length = sum(task.works)
        active = [(float(n % 2 == 0), each) for n, each in enumerate(task.works)]
        host = active if task.number % 3 else [(0.0, length)]
        steady = {
            "allocation_id:watchdog_idle_window:info": (task.identity, 1.0),
            "allocation_id:watchdog_allocation_slots:max": (task.labels, 1.0),
            "allocation_id:watchdog_gpu_signals:count": (task.labels, 4.0),
            "allocation_id:DCGM_FI_DEV_GPU_UTIL:coverage5m": (task.labels, 1.0),
        }
        for name, (labels, value) in steady.items():
            yield self._row(name, labels, task.begin, [(value, length)])
        for name, stretches in (
            ("allocation_id:watchdog_gpu_active:max", active),
            ("allocation_id:watchdog_host_active:max", host),
        ):
            yield self._row(name, task.labels, task.begin, stretches)

    def _row(
        self, name: str, labels: dict[str, str], at: int, stretches: list[tuple[float, int]]
    ) -> bytes:
        parts = []
        for value, length in stretches:
            parts += _samples(value, self.begin, self.length)[at : at + length]
            at += length
        self.samples += len(parts)
        return encode_series(encode_labels(name, labels), b"".join(parts))


@cache
def _samples(value: float, begin: int, length: int) -> list[bytes]:
    return [encode_samples([(begin + n * INTERVAL, value)]) for n in range(length)]
