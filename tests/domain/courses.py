"""Courses of allocations, written down stretch by stretch."""

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from app.domain.backtest_course import STEP, Course, Holder, Tracks
from app.domain.marks import Levels, by_value

NONE = math.nan
MINUTE = timedelta(minutes=1)
_NAMES = ("held", "gpu_active", "host_active", "signals", "coverage")


def after(minutes: float) -> int:
    """Return the step of a backtest that is so many minutes after the first one."""
    return int(minutes * MINUTE / STEP)


def stretches(*values: tuple[float, int]) -> list[float]:
    """Return each value for so many steps."""
    return [value for value, steps in values for _ in range(steps)]


@dataclass(frozen=True)
class Happened:
    """The rows of an allocation, step by step; not a number where there was none."""

    held: list[float]
    gpu_active: list[float]
    host_active: list[float]
    signals: list[float]
    coverage: list[float]

    @property
    def tracks(self) -> Tracks:
        return Tracks(*(levels(getattr(self, name)) for name in _NAMES))


def levels(values: Sequence[float]) -> Levels:
    shown = [None if math.isnan(each) else each for each in values]
    return {each: marks for each, marks in by_value(shown).items() if each is not None}


def tracks(length: int, **changed: Iterable[float]) -> Happened:
    """Return those of an allocation that does nothing from its first step on and is seen well,
    save for what is given; a track that ends before the others has no rows from there on.
    """
    usual = dict(zip(_NAMES, (1.0, 0.0, 0.0, 4.0, 1.0), strict=True))
    given = {name: [float(each) for each in values] for name, values in changed.items()}
    return Happened(
        **{
            name: [*given[name], *[NONE] * length][:length] if name in given else [value] * length
            for name, value in usual.items()
        }
    )


def holder(task_type: str = "notebook", username: str = "alice", task_id: str = "n1") -> Holder:
    return Holder(f"{task_id}.1", task_id, task_type, username, "default")


def course(
    parts: Happened, *, of: Holder | None = None, window: timedelta = 30 * MINUTE, slots: int = 1
) -> Course:
    made = Course(of or holder(), 0, window, slots)
    made.extend(0, len(parts.held), parts.tracks)
    return made


def series(values: Sequence[float]) -> str:
    """Return the values as promtool reads them. A row that vanishes is marked, as by the rules."""
    return " ".join(_series(values))


def _series(values: Sequence[float]) -> Iterator[str]:
    was_there = False
    for value, run in groupby(values, key=lambda each: None if math.isnan(each) else each):
        length = len(list(run))
        if value is not None:
            yield f"{value:g}+0x{length - 1}"
        elif was_there:
            yield " ".join(["stale", *[f"_x{length - 1}"] * (length > 1)])
        else:
            yield f"_x{length}"
        was_there = value is not None


def at_random(numbers: random.Random, length: int) -> Happened:
    """Return an allocation that works, rests, and is hidden now and then."""

    def alternating(usual: float, other: float, chance: float) -> list[float]:
        values: list[float] = []
        while len(values) < length:
            value = other if numbers.random() < chance else usual
            values += [value] * numbers.choice((2, 5, 11, 30, 75))
        return values[:length]

    begin = numbers.randrange(length // 4)
    end = numbers.randrange(length // 2, length + length // 4)
    everything = {
        "held": [1.0] * length,
        "gpu_active": alternating(0, 1, 0.12),
        "host_active": alternating(0, numbers.choice((1, NONE)), 0.15),
        "signals": alternating(4, numbers.choice((4, 4, 2)), 0.3),
        "coverage": alternating(1, numbers.choice((0.5, 0.8)), 0.2),
    }
    return Happened(
        **{
            name: [each if begin <= step < end else NONE for step, each in enumerate(values)]
            for name, values in everything.items()
        }
    )
