"""Writes the past of series into Prometheus, many samples of one series at once."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from benchmarks.rules.reach import Window
from benchmarks.rules.remote_write import encode_labels, encode_samples, encode_series
from benchmarks.rules.series import INTERVAL, Course, Series

BUDGET = 40_000_000
"""The most samples of one name: about as many as Prometheus takes in within a minute."""

_SHORTEST = 120
"""Seconds of the past of what no rule reads."""

_DRIFT = 3_600
"""Seconds for which a window in the past is filled in advance, as it moves on with time."""

REQUEST = 4_000_000
"""Bytes after which a request is sent, and another one begun."""

Reach = Mapping[str, Iterable[Window]]


@dataclass(frozen=True, slots=True)
class Shortened:
    """A metric that has less of a past than the rules read."""

    name: str
    samples: int
    wanted: int
    """For each of its series, as the number before it."""


@dataclass(frozen=True, slots=True)
class _Row:
    labels: bytes
    course: Course


class Feed:
    """Series of any names, and how far each name has been written."""

    def __init__(
        self,
        series: Iterable[Series],
        reach: Reach,
        *,
        now: int,
        interval: int = INTERVAL,
        budget: int = BUDGET,
        request: int = REQUEST,
    ) -> None:
        """`now` is the Unix time from which the rules will look back, `interval` the seconds
        between two samples.
        """
        self._interval = interval
        self._reach = reach
        self._now = now
        self._budget = budget
        self._request = request
        self._rows: dict[str, list[_Row]] = {}
        for one in series:
            row = _Row(encode_labels(one.name, one.labels), one.course)
            self._rows.setdefault(one.name, []).append(row)
        for rows in self._rows.values():
            # Series of one course share the bytes of their samples.
            rows.sort(key=lambda row: row.course)
        self._until: dict[str, int] = {}
        self.shortened: list[Shortened] = []

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def write(
        self, send: Callable[[bytes], None], *, until: int, names: Collection[str] | None = None
    ) -> int:
        """Write what the rules may read up to this Unix time, once; return how many samples.

        `names` leaves all others as they are.
        """
        chosen = self._rows.keys() if names is None else self._rows.keys() & names
        ticks = {name: self._ticks(name, until) for name in self._rows if name in chosen}
        self._send(send, self._encoded(ticks))
        self._until |= dict.fromkeys(ticks, until)
        return sum(len(some) * len(self._rows[name]) for name, some in ticks.items())

    def ends_before(self, moment: int, names: Collection[str]) -> bool:
        """Say whether one of these names has not been written as far as that."""
        return any(self._until.get(name, 0) < moment for name in self._rows.keys() & names)

    def _ticks(self, name: str, until: int) -> list[int]:
        """Return the moments to write: at first the past, and then what has come since."""
        if name in self._until:
            # Nobody misses what nobody reads.
            if name not in self._reach:
                return []
            return _grid(self._until[name] + 1, until, self._interval)
        wanted = _past(self._reach.get(name, ()), self._now, until, self._interval)
        kept = wanted[-(self._budget // len(self._rows[name])) :]
        if len(kept) < len(wanted):
            self.shortened.append(Shortened(name, len(kept), len(wanted)))
        return kept

    def _encoded(self, ticks: Mapping[str, list[int]]) -> Iterator[bytes]:
        for name, moments in ticks.items():
            if not moments:
                continue
            for course, alike in groupby(self._rows[name], key=lambda row: row.course):
                samples = encode_samples((moment, course.at(moment)) for moment in moments)
                for row in alike:
                    yield encode_series(row.labels, samples)

    def _send(self, send: Callable[[bytes], None], parts: Iterable[bytes]) -> None:
        request: list[bytes] = []
        size = 0
        for part in parts:
            request.append(part)
            size += len(part)
            if size >= self._request:
                send(b"".join(request))
                request, size = [], 0
        if request:
            send(b"".join(request))


def _past(windows: Iterable[Window], now: int, until: int, interval: int) -> list[int]:
    moments = set(_grid(now - max(_SHORTEST, interval), until, interval))
    for window in windows:
        end = now - window.offset
        moments.update(_grid(end - window.length, min(end + _DRIFT, until), interval))
    return sorted(moments)


def _grid(begin: int, until: int, interval: int) -> list[int]:
    """Return the moments of samples from the first on or after `begin` to the last."""
    return list(range(-(-begin // interval) * interval, until + 1, interval))
