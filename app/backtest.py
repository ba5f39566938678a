"""What would have happened, had the idle rule been enforced: read from Prometheus, part by part.

Nothing is stored, nobody is told, and nothing is stopped: Prometheus is asked, and nobody else.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.adapters.upstream import together
from app.backtest_rows import RECORDED, RECORDED_MINUTES, WITHOUT_A_WINDOW
from app.clients import open_past
from app.domain.backtest import Backtest, Grouping, Tally, summed_up
from app.domain.backtest_course import STEP, Course, Grid, Holder, Tracks
from app.domain.backtest_outcome import Enforcement
from app.domain.backtest_verdict import Unjudged
from app.domain.marks import Levels, Marks, anywhere, before
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
        begins = range(0, self._end, self._grid.steps(PART))
        [minutes] = await self._recorded_minutes(len(begins)) or [Track({}, {})]
        recorded = anywhere(minutes.levels.values())
        wanted = [begin for number, begin in enumerate(begins) if recorded & 1 << number]
        async with together() as group:
            coming = [group.create_task(self._ask(begin)) for begin in wanted[:1]]
            for number, begin in enumerate(wanted):
                # While one part is read, Prometheus is busy with the next one.
                coming += [group.create_task(self._ask(each)) for each in wanted[number + 1 :][:1]]
                self._add(begin, await coming.pop(0))
                progress(number + 1, len(wanted))
        self._finish(list(self._running))
        asked = self._tally.enforcement
        found = _sum(minutes, of=~before(self._before))
        return min(found / ((asked.until - asked.since) / _MINUTE), 1.0)

    async def _recorded_minutes(self, parts: int) -> Sequence[Track]:
        """Return in how many of the minutes of each part the rules were evaluated."""
        return await self._past.tracks(
            RECORDED_MINUTES, begin=self._grid.origin + PART, steps=parts, step=PART
        )

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

    async def _ask(self, begin: int) -> _Part:
        at = self._grid.at(begin)
        steps = min(self._grid.steps(PART), self._end - begin)
        slowly = -(-steps * STEP // _SLOWLY)
        async with together() as group:
            tracks = {
                name: group.create_task(
                    self._past.tracks(expression, begin=at, steps=steps, step=STEP)
                )
                for name, expression in RECORDED.quick.items()
            }
            slots, rest = (
                group.create_task(self._past.tracks(each, begin=at, steps=slowly, step=_SLOWLY))
                for each in (RECORDED.slots, WITHOUT_A_WINDOW)
            )
        return _Part(
            steps=steps,
            held=tracks.pop("held").result(),
            slots={_id(each): round(max(each.levels, default=0)) for each in slots.result()},
            tracks={
                name: {_id(each): each.levels for each in found.result()}
                for name, found in tracks.items()
            },
            without_a_window=sum(map(_sum, rest.result())) * (_SLOWLY / _HOUR),
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


def _sum(track: Track, *, of: Marks = -1) -> float:
    """Return the sum of all its values; `of`: of those at these steps."""
    return sum(value * (marks & of).bit_count() for value, marks in track.levels.items())
