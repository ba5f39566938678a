"""What `gpu-watchdog backtest` tells: what would have become of the tasks of a past."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from app.domain.backtest_course import Course, Grid, Holder
from app.domain.backtest_outcome import Enforcement, Outcome, Stop
from app.domain.backtest_verdict import Unjudged, Verdict, judge
from app.domain.exemption import WORKSPACE, Exemption
from app.domain.marks import Marks, before

_HOUR = timedelta(hours=1)
NOT_RECORDED = frozenset({"experiment_label", WORKSPACE})
_ALL_SIGNALS = 4
"""Of a GPU whose profiling metrics are there, too."""


class Grouping(StrEnum):
    """What the rows are of."""

    USER = "user"
    POOL = "pool"
    TYPE = "type"

    def name_of(self, holder: Holder) -> str:
        match self:
            case Grouping.USER:
                return holder.username
            case Grouping.POOL:
                return holder.resource_pool
            case Grouping.TYPE:
                return holder.task_type


@dataclass(slots=True)
class Sum:
    """What was counted of some allocations."""

    tasks: int = 0
    """Allocations, that is: a trial that began anew is another one."""
    held: float = 0.0
    """GPU-hours."""
    warned: int = 0
    """Allocations, however often their owner would have been told."""
    stopped: int = 0
    reclaimed: float = 0.0
    """GPU-hours from each stop to the end of the task, or to its next use."""
    used_again: int = 0
    """Stops of what was used again later."""


@dataclass(frozen=True, slots=True)
class WouldBeStopped:
    """A stop that would have been made."""

    holder: Holder
    slots: int
    stop: Stop

    @property
    def reclaimed(self) -> float:
        """Return GPU-hours."""
        return self.stop.freed / _HOUR * self.slots


@dataclass(slots=True)
class Tally:
    """What is counted while courses are judged, one after the other."""

    by: Grouping
    enforcement: Enforcement
    zone: tzinfo
    """Of owners who have none of their own."""
    zones: Mapping[str, tzinfo] = field(default_factory=dict)
    exempt: Sequence[Exemption] = ()
    """By what is known of the past: no labels of experiments, and no workspaces."""
    exempted: int = 0
    """Allocations."""
    sums: defaultdict[str, Sum] = field(default_factory=lambda: defaultdict(Sum))
    stops: list[WouldBeStopped] = field(default_factory=list)
    unjudged: defaultdict[Unjudged, float] = field(default_factory=lambda: defaultdict(float))
    """GPU-hours."""
    without_profiling: int = 0
    """Allocations that were judged by fewer signals than there are."""

    def add(self, course: Course, grid: Grid) -> None:
        begin, end = (
            grid.index(each) - course.begin
            for each in (self.enforcement.since, self.enforcement.until)
        )
        asked = before(end) & ~before(begin)
        held = _gpu_hours(course, course.held & asked, grid)
        if not held:
            return
        verdict = judge(course, self.enforcement.rule, grid)
        self._count(course, held, self._outcome(course, verdict, grid))
        for reason, marks in verdict.unjudged.items():
            self.unjudged[reason] += _gpu_hours(course, marks & asked, grid)
        self.without_profiling += 0 < course.most_signals < _ALL_SIGNALS * course.slots

    def _outcome(self, course: Course, verdict: Verdict, grid: Grid) -> Outcome:
        if self._is_exempt(course.holder):
            self.exempted += 1
            return Outcome((), None)
        zone = self.zones.get(course.holder.username, self.zone)
        return self.enforcement.outcome(course, verdict, grid, zone)

    def _is_exempt(self, holder: Holder) -> bool:
        fields = {
            "policy": (self.enforcement.policy.name,),
            "resource_pool": (holder.resource_pool,),
            "username": (holder.username,),
            "task_type": (holder.task_type,),
        }
        return any(each.covers(fields) for each in self.exempt if not is_forgotten(each))

    def _count(self, course: Course, held: float, outcome: Outcome) -> None:
        row = self.sums[self.by.name_of(course.holder)]
        row.tasks += 1
        row.held += held
        row.warned += bool(outcome.warned)
        if outcome.stop:
            stopped = WouldBeStopped(course.holder, course.slots, outcome.stop)
            self.stops.append(stopped)
            row.stopped += 1
            row.reclaimed += stopped.reclaimed
            row.used_again += outcome.stop.used_again is not None


def is_forgotten(exemption: Exemption) -> bool:
    """Tell whether it hangs on something that nobody has recorded."""
    return any(each.name in NOT_RECORDED for each in exemption.matchers)


def _gpu_hours(course: Course, marks: Marks, grid: Grid) -> float:
    return marks.bit_count() * (grid.step / _HOUR) * course.slots


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not as it is configured."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Backtest:
    by: Grouping
    since: datetime
    until: datetime
    policy: str
    changes: tuple[Change, ...]
    rows: Mapping[str, Sum]
    """The largest first. Names are untrusted text."""
    total: Sum
    stops: tuple[WouldBeStopped, ...]
    """In the order of time."""
    unjudged: Mapping[Unjudged, float]
    """GPU-hours; only what there is of it."""
    without_profiling: int
    exempted: int
    unknown: tuple[str, ...] = ()
    """What is not known, in sentences."""

    @property
    def wrong_stops(self) -> list[WouldBeStopped]:
        """Return those that were used again, soonest first: the worst."""
        found = [each for each in self.stops if each.stop.used_again]
        return sorted(found, key=lambda each: (each.stop.freed, each.holder.allocation_id))


def summed_up(tally: Tally, changes: tuple[Change, ...], unknown: tuple[str, ...]) -> Backtest:
    rows = dict(sorted(tally.sums.items(), key=lambda each: (-each[1].held, each[0])))
    asked = tally.enforcement
    return Backtest(
        tally.by,
        asked.since,
        asked.until,
        asked.policy.name,
        changes,
        rows,
        _total(rows.values()),
        tuple(sorted(tally.stops, key=lambda each: (each.stop.at, each.holder.allocation_id))),
        {reason: hours for reason, hours in tally.unjudged.items() if hours},
        tally.without_profiling,
        tally.exempted,
        unknown,
    )


def _total(rows: Iterable[Sum]) -> Sum:
    total = Sum()
    for each in rows:
        total.tasks += each.tasks
        total.held += each.held
        total.warned += each.warned
        total.stopped += each.stopped
        total.reclaimed += each.reclaimed
        total.used_again += each.used_again
    return total
