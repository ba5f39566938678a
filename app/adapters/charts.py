"""How much the GPUs of a task worked in the last hours: asked of Prometheus, and made drawable."""

import asyncio
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.readings import Series
from app.errors import UpstreamError
from app.ports import Trends

SPAN = timedelta(hours=6)
_STEP = timedelta(minutes=3)
"""121 points at most. Prometheus looks back five minutes, so no row falls between two points."""
_PATIENCE = 4.0  # seconds; a person waits for the page
BUSIEST, MEAN = "allocation_id:DCGM_FI_DEV_GPU_UTIL:max", "allocation_id:DCGM_FI_DEV_GPU_UTIL:avg"
"""Percent, 0 to 100; alerting-rules/usage.rules.yaml."""
WIDTH, HEIGHT = 320, 80
"""Of the plot, in units of the drawing."""

Point = tuple[datetime, float]


@dataclass(frozen=True, slots=True)
class Chart:
    """One task's utilization."""

    begin: datetime
    end: datetime
    busiest: tuple[Point, ...]
    mean: tuple[Point, ...]
    """Empty where it is the same: there is one GPU."""

    @property
    def most(self) -> float:
        return max(value for _, value in self.busiest)

    @property
    def average(self) -> float:
        """Of all its GPUs together."""
        values = [value for _, value in self.mean or self.busiest]
        return sum(values) / len(values)

    @property
    def latest(self) -> Point:
        return self.busiest[-1]

    @property
    def busiest_path(self) -> str:
        return self._path(self.busiest)

    @property
    def mean_path(self) -> str:
        return self._path(self.mean)

    @property
    def hours(self) -> Iterator[float]:
        """Yield where the full hours are, from the left."""
        first = self.begin.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        for number in range(SPAN // timedelta(hours=1)):
            yield self._x(first + timedelta(hours=number))

    def _path(self, points: Sequence[Point]) -> str:
        """Return the path of a line, which is broken where nothing was measured."""
        parts, last = [], None
        for at, value in points:
            joined = last is not None and at - last <= _STEP * 1.5
            parts.append(f"{'L' if joined else 'M'}{self._x(at):.1f} {_y(value):.1f}")
            if not joined:
                # A line of no length: its round ends make a dot of a single point.
                parts.append("h0")
            last = at
        return "".join(parts)

    def _x(self, at: datetime) -> float:
        return WIDTH * ((at - self.begin) / (self.end - self.begin))


def _y(percent: float) -> float:
    return HEIGHT * (1 - min(max(percent, 0.0), 100.0) / 100)


@dataclass(frozen=True, slots=True)
class Charts:
    by_allocation: Mapping[str, Chart]
    """What nothing was measured of is not there."""
    unreachable: bool = False
    """Prometheus did not tell of one of them at least."""


async def measured(trends: Trends, allocation_ids: Sequence[str], now: datetime) -> Charts:
    """Ask Prometheus about each, all at the same time. Never raises for what it does not answer."""
    results = await asyncio.gather(*(_one(trends, each, now) for each in allocation_ids))
    found = {
        allocation_id: chart
        for allocation_id, chart in zip(allocation_ids, results, strict=True)
        if isinstance(chart, Chart)
    }
    return Charts(found, unreachable=any(chart is False for chart in results))


async def _one(trends: Trends, allocation_id: str, now: datetime) -> Chart | bool | None:
    """Return the chart; None where nothing was measured, False where that is not known."""
    name = f"{BUSIEST}|{MEAN}"
    expression = f'{{__name__=~"{name}",allocation_id={json.dumps(allocation_id)}}}'
    try:
        async with asyncio.timeout(_PATIENCE):
            series = await trends.range(expression, begin=now - SPAN, end=now, step=_STEP)
    except (UpstreamError, TimeoutError):
        return False
    busiest, mean = _points(series, BUSIEST), _points(series, MEAN)
    if not busiest:
        return None
    return Chart(now - SPAN, now, busiest, () if mean == busiest else mean)


def _points(series: Iterable[Series], name: str) -> tuple[Point, ...]:
    """Return the numbers under a name; of several rows at one time the highest."""
    found: dict[datetime, float] = {}
    for each in series:
        if each.labels.get("__name__") == name:
            for at, value in each.points:
                if math.isfinite(value):
                    found[at] = max(value, found.get(at, value))
    return tuple(sorted(found.items()))
