"""A Prometheus with a past: as if it had scraped the cluster and run the rules for a long time."""

import time
from collections.abc import Iterable, Iterator

from benchmarks.rules.feed import Feed, Shortened
from benchmarks.rules.reach import reach
from benchmarks.rules.rule_files import Recording, RuleFiles
from benchmarks.rules.series import Course, Series
from benchmarks.rules.server import Prometheus

_AHEAD = 300
_NEARLY_OVER = 60


class Past:
    """What was scraped, and what the rules have recorded from it.

    What a rule has recorded is made up from one evaluation: the same values for as long as other
    rules look back. All of it is written some minutes ahead. Samples of the future are invisible
    until their time comes, so that nothing has to be written while rules are timed.
    """

    def __init__(self, prometheus: Prometheus, scraped: Iterable[Series], rules: RuleFiles) -> None:
        self._prometheus = prometheus
        self._reach = reach(rules.expressions)
        self._until = 0
        self._recorded: list[Feed] = []
        self._scraped = Feed(scraped, self._reach, now=_now())
        self.samples = 0
        for recording in rules.recordings():
            self._record(recording)

    @property
    def scraped(self) -> int:
        """How many series come from exporters."""
        return len(self._scraped)

    @property
    def recorded(self) -> int:
        """How many series the rules have written."""
        return sum(map(len, self._recorded))

    @property
    def shortened(self) -> tuple[Shortened, ...]:
        return tuple(one for feed in self._feeds for one in feed.shortened)

    def keep_ahead(self) -> bool:
        """Write the next minutes when those that are written are nearly over; say if it was so."""
        if _now() + _NEARLY_OVER <= self._until:
            return False
        self._until = _now() + _AHEAD
        self.samples += sum(self._write(feed) for feed in self._feeds)
        return True

    @property
    def _feeds(self) -> list[Feed]:
        return [self._scraped, *self._recorded]

    def _record(self, recording: Recording) -> None:
        self.keep_ahead()
        series = self._evaluate(recording)
        feed = Feed(series, self._reach, now=_now(), interval=recording.interval)
        self.samples += self._write(feed)
        self._recorded.append(feed)

    def _evaluate(self, recording: Recording) -> Iterator[Series]:
        for row in self._prometheus.query(recording.expression):
            labels = {name: value for name, value in row["metric"].items() if name != "__name__"}
            course = Course(float(row["value"][1]))
            yield Series(recording.name, {**labels, **recording.labels}, course)

    def _write(self, feed: Feed) -> int:
        return feed.write(self._prometheus.write, until=self._until)


def _now() -> int:
    return int(time.time())
