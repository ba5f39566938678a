"""What would have happened, had the idle rule been enforced: read from Prometheus, part by part.

Nothing is stored, nobody is told, and nothing is stopped: Prometheus is asked, and nobody else.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.adapters.upstream import together
from app.backtest_rows import RECORDED, RECORDED_MINUTES, WITHOUT_A_WINDOW, Rows
from app.clients import open_past
from app.domain.backtest import Backtest, Grouping, Tally, summed_up
from app.domain.backtest_course import STEP, Course, Grid, Holder, Tracks, Values
from app.domain.backtest_outcome import Enforcement
from app.domain.backtest_verdict import Unjudged
from app.domain.readings import Track
from app.domain.report import incomplete
from app.durations import parse_duration
from app.ports import Past
from app.settings import Settings
from app.usage import NO_RECORD
from app.what_if import WhatIf

PART = timedelta(hours=6)
"""What is read at a time. It bounds the memory, and is far from Prometheus's limits."""
_SLOWLY = timedelta(minutes=5)
"""How often what hardly ever changes is asked for."""
_MINUTE = timedelta(minutes=1)
_USUAL_WINDOW = timedelta(hours=1)
"""Where the rules did not say which."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What was recorded in a part of the past."""

    held: Sequence[Track]
    slots: Mapping[str, int]
    """By allocation."""
    tracks: Mapping[str, Mapping[str, Values]]
    """By what they are of, and by allocation."""
    without_a_window: float
    """GPU-hours."""

    def of(self, allocation_id: str, held: Values) -> Tracks:
        found = {name: rows.get(allocation_id, ()) for name, rows in self.tracks.items()}
        return Tracks(held=held, **found)


async def backtest(
    settings: Settings,
    asked: WhatIf,
    by: Grouping,
    span: tuple[datetime, datetime],
    *,
    progress: Callable[[int, int], None],
) -> Backtest:
    """`progress` hears how many parts of how many have been read.

    Raises:
        ConfigurationError: a secret or a certificate cannot be read.
        UpstreamError: Prometheus cannot be read.
    """
    since, until = span
    rulebook = settings.rulebook()
    enforcement = Enforcement(asked.rule, asked.policy, since, until)
    tally = Tally(by, enforcement, rulebook.zone, rulebook.zones, rulebook.exempt)
    async with AsyncExitStack() as stack:
        past = await open_past(settings, stack)
        covered = await Reading(past, tally).read(progress)
    unknown = [NO_RECORD + "."] if covered <= 0 else list(incomplete(covered))
    return summed_up(tally, asked.changes, tuple(unknown))


class Reading:
    """One way through the past."""

    def __init__(self, past: Past, tally: Tally) -> None:
        asked = tally.enforcement
        self._past = past
        self._tally = tally
        # Whole parts before it begins, so that one begins there.
        self._before = -(-asked.rule.looks_back // PART)
        self._grid = Grid(asked.since - self._before * PART)
        self._end = self._grid.index(asked.until)
        self._running: dict[Holder, Course] = {}

    async def read(self, progress: Callable[[int, int], None]) -> float:
        """Read all of it into the tally, and return the share (0-1) of it that was recorded."""
        length = self._grid.steps(PART)
        begins = range(0, self._end, length)
        minutes = await self._recorded_minutes(len(begins))
        for number, begin in enumerate(begins):
            if minutes[number]:
                await self._read_part(RECORDED, begin, min(length, self._end - begin))
            progress(number + 1, len(begins))
        self._finish(list(self._running))
        asked = self._tally.enforcement
        return min(sum(minutes[self._before :]) / ((asked.until - asked.since) / _MINUTE), 1.0)

    async def _recorded_minutes(self, parts: int) -> Sequence[float]:
        """Return, for each part, in how many of its minutes the rules were evaluated."""
        found = await self._past.tracks(
            RECORDED_MINUTES, begin=self._grid.origin + PART, steps=parts, step=PART
        )
        columns = zip(*(each.values for each in found), strict=True)
        return [_largest(values) for values in columns] or [0.0] * parts

    async def _read_part(self, rows: Rows, begin: int, steps: int) -> None:
        part = await self._ask(rows, begin, steps)
        seen = set()
        for track in part.held:
            holder = _holder(track)
            course = self._running.setdefault(holder, Course(holder, begin, _window(track)))
            course.slots = max(course.slots, part.slots.get(holder.allocation_id, 0))
            course.extend(begin, steps, part.of(holder.allocation_id, track.values))
            seen.add(holder)
        if begin >= self._grid.index(self._tally.enforcement.since):
            self._tally.unjudged[Unjudged.NO_WINDOW] += part.without_a_window
        self._finish([each for each in self._running if each not in seen])

    async def _ask(self, rows: Rows, begin: int, steps: int) -> _Part:
        at = self._grid.at(begin)
        slowly = -(-steps * STEP // _SLOWLY)
        async with together() as group:
            tracks = {
                name: group.create_task(
                    self._past.tracks(expression, begin=at, steps=steps, step=STEP)
                )
                for name, expression in rows.quick.items()
            }
            slots, rest = (
                group.create_task(self._past.tracks(each, begin=at, steps=slowly, step=_SLOWLY))
                for each in (rows.slots, WITHOUT_A_WINDOW)
            )
        return _Part(
            held=tracks.pop("held").result(),
            slots={_id(each): int(_largest(each.values)) for each in slots.result()},
            tracks={
                name: {_id(each): each.values for each in found.result()}
                for name, found in tracks.items()
            },
            without_a_window=sum(map(_gpu_hours, rest.result())),
        )

    def _finish(self, holders: Sequence[Holder]) -> None:
        """Judge what has ended. Its samples are needed no more."""
        for each in holders:
            self._tally.add(self._running.pop(each), self._grid)


def _id(track: Track) -> str:
    return track.labels.get("allocation_id", "")


def _holder(track: Track) -> Holder:
    names = ("allocation_id", "task_id", "task_type", "username", "resource_pool")
    return Holder(*(track.labels.get(name, "") for name in names))


def _window(track: Track) -> timedelta:
    given = track.labels.get("window")
    found = parse_duration(given) if given else None
    return found if isinstance(found, timedelta) else _USUAL_WINDOW


def _largest(values: Iterable[float]) -> float:
    return max((each for each in values if not math.isnan(each)), default=0.0)


def _gpu_hours(track: Track) -> float:
    held = sum(each for each in track.values if not math.isnan(each))
    return held * (_SLOWLY / timedelta(hours=1))
