"""A Prometheus with a past: as if it had scraped the cluster and run the rules for a long time."""

import time
from collections.abc import Collection, Iterable, Iterator

from benchmarks.rules.feed import Feed, Shortened
from benchmarks.rules.reach import names_read, reach
from benchmarks.rules.rule_files import Recording, RuleFiles
from benchmarks.rules.series import Course, Series
from benchmarks.rules.server import Prometheus

_AHEAD = 300
_NEARLY_OVER = 60


class Past:
    """What was scraped, and what the rules have recorded from it.

    What a rule has recorded is made up from one evaluation: the same values for as long as other
    rules look back. It is written some minutes ahead. Samples of the future are invisible until
    their time comes, so that nothing has to be written while rules are timed.

    As time goes on, a name is written on when a rule is about to read it, and no other: writing
    costs the Prometheus that is measured, for a while after it is done.
    """

    def __init__(self, prometheus: Prometheus, scraped: Iterable[Series], rules: RuleFiles) -> None:
        self._prometheus = prometheus
        self._reach = reach(rules.expressions)
        self._recorded: list[Feed] = []
        self._scraped = Feed(scraped, self._reach, now=_now())
        self.samples = self._write(self._scraped)
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

    def keep_ahead(self, expressions: Iterable[str]) -> bool:
        """Write the next minutes of what these expressions read; say if there was need to.

        There is when those that are written are over, or nearly so.
        """
        names = names_read(expressions, self._reach)
        soon = _now() + _NEARLY_OVER
        if not any(feed.ends_before(soon, names) for feed in self._feeds):
            return False
        self.samples += sum(self._write(feed, names) for feed in self._feeds)
        return True

    @property
    def _feeds(self) -> list[Feed]:
        return [self._scraped, *self._recorded]

    def _record(self, recording: Recording) -> None:
        self.keep_ahead([recording.expression])
        series = self._evaluate(recording)
        feed = Feed(series, self._reach, now=_now(), interval=recording.interval)
        self.samples += self._write(feed)
        self._recorded.append(feed)

    def _evaluate(self, recording: Recording) -> Iterator[Series]:
        for row in self._prometheus.query(recording.expression):
            labels = {name: value for name, value in row["metric"].items() if name != "__name__"}
            course = Course(float(row["value"][1]))
            yield Series(recording.name, {**labels, **recording.labels}, course)

    def _write(self, feed: Feed, names: Collection[str] | None = None) -> int:
        return feed.write(self._prometheus.write, until=_now() + _AHEAD, names=names)


def _now() -> int:
    return int(time.time())
