"""What would have happened, had the idle rule been enforced: read from Prometheus, part by part.

Nothing is stored, nobody is told, and nothing is stopped: Prometheus is asked, and nobody else.
"""

from asyncio import Task, TaskGroup
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from app import backtest_raw as raw
from app.adapters.upstream import together
from app.backtest_rows import (
    MINUTES_OF_DETERMINED,
    MINUTES_OF_RULES,
    RECORDED,
    SLOTS,
    WITHOUT_A_WINDOW,
)
from app.clients import open_past
from app.domain.backtest import Backtest, Grouping, Tally, summed_up
from app.domain.backtest_course import STEP, Course, Grid, Holder, Tracks
from app.domain.backtest_outcome import Enforcement
from app.domain.backtest_verdict import Unjudged
from app.domain.marks import Levels
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
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_USUAL_WINDOW = timedelta(hours=1)
"""Where the rules did not say which."""
_ID = "allocation_id"
_OLDER = (
    "{} % of this time was not recorded by the rules: what held GPUs then is known from "
    "det-state-metrics, which names no owner and hardly a type, and forgets what runs when the "
    "master restarts."
)


@dataclass(frozen=True, slots=True)
class _Part:
    """What was recorded in a part of the past."""

    steps: int
    held: Sequence[Track]
    slots: Mapping[str, int]
    """By allocation."""
    tracks: Mapping[str, Mapping[str, Levels]]
    """By what they are of, and by allocation."""
    without_a_window: float
    """GPU-hours."""

    def of(self, allocation_id: str, held: Levels) -> Tracks:
        found = {name: rows.get(allocation_id, {}) for name, rows in self.tracks.items()}
        return Tracks(held=held, **found)


_Read = Callable[[datetime, int], Coroutine[None, None, _Part]]
"""How a part is read that begins then, and has so many steps."""


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
        coverage = await Reading(past, tally).read(progress)
    return summed_up(tally, asked.changes, coverage.unknown)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which share (0-1) of the time is known, and from where."""

    recorded: float
    raw: float

    @property
    def unknown(self) -> tuple[str, ...]:
        """Return what is not known, in sentences."""
        if self.recorded + self.raw <= 0:
            return (f"{NO_RECORD}.",)
        found = list(incomplete(min(self.recorded + self.raw, 1.0)))
        if self.raw:
            found.append(_OLDER.format(max(round(100 * self.raw), 1)))
        return tuple(found)


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

    async def read(self, progress: Callable[[int, int], None]) -> Coverage:
        """Read all of it into the tally, and return what of it is known."""
        begins = range(0, self._end, self._grid.steps(PART))
        recorded, others = [
            await self._minutes(expression, len(begins))
            for expression in (MINUTES_OF_RULES, MINUTES_OF_DETERMINED)
        ]
        wanted = [
            (begin, self._recorded if recorded[number] else self._raw)
            for number, begin in enumerate(begins)
            if recorded[number] or others[number]
        ]
        async with together() as group:
            coming = [group.create_task(self._ask(*each)) for each in wanted[:1]]
            for number, (begin, _) in enumerate(wanted):
                # While one part is read, Prometheus is busy with the next one.
                after = wanted[number + 1 :][:1]
                coming += [group.create_task(self._ask(*each)) for each in after]
                self._add(begin, await coming.pop(0))
                progress(number + 1, len(wanted))
        self._finish(list(self._running))
        return self._coverage(recorded[self._before :], others[self._before :])

    def _coverage(self, recorded: Sequence[float], raw: Sequence[float]) -> Coverage:
        asked = self._tally.enforcement
        minutes = (asked.until - asked.since) / _MINUTE
        older = [other for own, other in zip(recorded, raw, strict=True) if not own]
        return Coverage(min(sum(recorded) / minutes, 1.0), min(sum(older) / minutes, 1.0))

    async def _minutes(self, expression: str, parts: int) -> Sequence[float]:
        """Return for how many minutes of each part there is something."""
        found = await self._past.tracks(
            expression, begin=self._grid.origin + PART, steps=parts, step=PART
        )
        levels = [(value, marks) for each in found for value, marks in each.levels.items()]
        return [sum(value for value, marks in levels if marks >> n & 1) for n in range(parts)]

    def _add(self, begin: int, part: _Part) -> None:
        seen = set()
        for track in part.held:
            holder = _holder(track)
            course = self._running.setdefault(holder, Course(holder, begin, _window(track)))
            course.slots = max(course.slots, part.slots.get(holder.allocation_id, 0))
            course.extend(begin, part.steps, part.of(holder.allocation_id, track.levels))
            seen.add(holder)
        if begin >= self._grid.index(self._tally.enforcement.since):
            self._tally.unjudged[Unjudged.NO_WINDOW] += part.without_a_window
        self._finish([each for each in self._running if each not in seen])

    async def _ask(self, begin: int, read: _Read) -> _Part:
        return await read(self._grid.at(begin), min(self._grid.steps(PART), self._end - begin))

    async def _recorded(self, at: datetime, steps: int) -> _Part:
        slowly = -(-steps * STEP // _SLOWLY)
        async with together() as group:
            tracks = self._asked(group, RECORDED, at, steps)
            slots, rest = (
                group.create_task(self._past.tracks(each, begin=at, steps=slowly, step=_SLOWLY))
                for each in (SLOTS, WITHOUT_A_WINDOW)
            )
        return _Part(
            steps=steps,
            held=tracks.pop("held").result(),
            slots={_id(each): round(max(each.levels, default=0)) for each in slots.result()},
            tracks={name: _by(_ID, found.result()) for name, found in tracks.items()},
            without_a_window=sum(map(_sum, rest.result())) * (_SLOWLY / _HOUR),
        )

    async def _raw(self, at: datetime, steps: int) -> _Part:
        async with together() as group:
            gpus = self._asked(group, raw.GPUS, at, steps)
            containers = self._asked(group, raw.CONTAINERS, at, steps)
            held = group.create_task(self._past.tracks(raw.HELD, begin=at, steps=steps, step=STEP))
            standing = {
                name: group.create_task(self._standing(*one, at + steps * STEP))
                for name, one in raw.STANDING.items()
            }
        scraped = raw.Raw(
            tuple(held.result()),
            {name: _by("gpu_uuid", each.result()) for name, each in gpus.items()},
            {name: _by("container_runtime_id", each.result()) for name, each in containers.items()},
            {name: each.result() for name, each in standing.items()},
        )
        return _joined(scraped, steps)

    def _asked(
        self, group: TaskGroup, expressions: Mapping[str, str], at: datetime, steps: int
    ) -> dict[str, Task[Sequence[Track]]]:
        return {
            name: group.create_task(self._past.tracks(each, begin=at, steps=steps, step=STEP))
            for name, each in expressions.items()
        }

    async def _standing(self, metric: str, label: str, other: str, end: datetime) -> dict[str, str]:
        """Return where a label leads, of all that was there in the part that has ended."""
        asked = f"group by ({label}, {other}) (present_over_time({metric}[6h]))"
        found = await self._past.tracks(asked, begin=end, steps=1, step=STEP)
        return {each.labels.get(label, ""): each.labels.get(other, "") for each in found}

    def _finish(self, holders: Sequence[Holder]) -> None:
        """Judge what has ended. Its samples are needed no more."""
        for each in holders:
            self._tally.add(self._running.pop(each), self._grid)


def _joined(scraped: raw.Raw, steps: int) -> _Part:
    holdings = scraped.holdings()
    tracks = {one: holding.tracks for one, holding in holdings.items()}
    return _Part(
        steps=steps,
        held=[Track(each.labels, tracks[one].held) for one, each in holdings.items()],
        slots={one: each.slots for one, each in holdings.items()},
        tracks={
            name: {one: getattr(each, name) for one, each in tracks.items()}
            for name in RECORDED
            if name != "held"
        },
        without_a_window=0.0,
    )


def _by(label: str, tracks: Sequence[Track]) -> dict[str, Levels]:
    return {each.labels.get(label, ""): each.levels for each in tracks}


def _id(track: Track) -> str:
    return track.labels.get(_ID, "")


def _holder(track: Track) -> Holder:
    names = ("allocation_id", "task_id", "task_type", "username", "resource_pool")
    return Holder(*(track.labels.get(name, "") for name in names))


def _window(track: Track) -> timedelta:
    given = track.labels.get("window")
    found = parse_duration(given) if given else None
    return found if isinstance(found, timedelta) else _USUAL_WINDOW


def _sum(track: Track) -> float:
    return sum(value * marks.bit_count() for value, marks in track.levels.items())
