"""What would have become of an allocation, had the idle rule been enforced, and nobody answered."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from app.domain.backtest_course import Course, Grid
from app.domain.backtest_verdict import IdleRule, Verdict
from app.domain.cluster import UNSAVED, TaskType
from app.domain.marks import Marks, first, runs
from app.domain.policy import Policy, StopAction
from app.domain.waking import ALWAYS


class Use(StrEnum):
    """How a task was used again after its stop."""

    GPU = "gpu"
    HOST = "host"  # on the CPU, the network or the disk, which would have kept it from being idle


@dataclass(frozen=True, slots=True)
class UsedAgain:
    at: datetime
    on: Use


@dataclass(frozen=True, slots=True)
class Stop:
    at: datetime
    warned_at: datetime
    """The warning whose grace period ended with it."""
    ended_at: datetime
    """Until when its GPUs were held all the same; or the end of the time that is looked at."""
    used_again: UsedAgain | None
    """None: it was never used again, so the stop was right."""

    @property
    def freed(self) -> timedelta:
        """Return for how long its GPUs did nothing after it: to its end, or to its next use."""
        return (self.used_again.at if self.used_again else self.ended_at) - self.at


@dataclass(frozen=True, slots=True)
class Outcome:
    warned: tuple[datetime, ...]
    stop: Stop | None


def firing(idle: Marks, rule: IdleRule, grid: Grid) -> Iterator[tuple[int, int]]:
    """Yield from which step on the alert fires, and the one at which it does no more.

    What hides the condition for less than `keep_firing` does not end it; but it begins only after
    the condition has held for all of `pending`.
    """
    pending, keep = grid.steps(rule.pending), grid.steps(rule.keep_firing)
    begun: int | None = None
    ends = 0
    for begin, end in runs(idle):
        if begun is not None and begin > ends:
            yield begun, ends
            begun = None
        if begun is None and end - begin > pending:
            begun = begin + pending
        ends = end + keep
    if begun is not None:
        yield begun, ends


@dataclass(frozen=True, slots=True)
class Enforcement:
    """The idle rule, enforced from a moment on under a policy."""

    rule: IdleRule
    policy: Policy
    since: datetime
    until: datetime

    def outcome(self, course: Course, verdict: Verdict, grid: Grid, zone: tzinfo) -> Outcome:
        """Return what would have happened. `zone`: the owner's, for the waking hours."""
        told: list[datetime] = []
        action = self.policy.action_for(_waits_like(course.holder.task_type))
        stops = action is not StopAction.NONE
        for begin, end in firing(verdict.idle, self.rule, grid):
            begun = max(grid.at(course.begin + begin), self.since)
            over = min(grid.at(course.begin + end), self.until)
            for warned_at, due, night in self._rounds(course, begun, over, zone):
                told.append(warned_at)
                after = min(night, over)
                at = self._first_idle(course, verdict, grid, due, after) if stops else None
                if at is not None:
                    return Outcome(tuple(told), self._stop(course, verdict, grid, at, warned_at))
        return Outcome(tuple(told), None)

    def _rounds(
        self, course: Course, begun: datetime, over: datetime, zone: tzinfo
    ) -> Iterator[tuple[datetime, datetime, datetime]]:
        """Yield when each round is told, when it is due, and when the night ends it.

        A round that the night breaks is followed by another one in the morning.
        """
        task_type = _waits_like(course.holder.task_type)
        hours = self.policy.waking_hours if task_type in UNSAVED else ALWAYS
        grace = self.policy.grace_for(task_type)
        at = hours.next_begin(begun, zone) or begun
        while at < over:
            night = hours.next_end(at, zone) or over
            yield at, at + grace, night
            if night >= over:
                return
            at = hours.next_begin(night, zone) or night

    def _first_idle(
        self, course: Course, verdict: Verdict, grid: Grid, due: datetime, before: datetime
    ) -> int | None:
        """Return the first step from the deadline on at which the proof would have been there."""
        begin, end = (grid.index(each) - course.begin for each in (due, before))
        return first(verdict.idle, begin, end)

    def _stop(
        self, course: Course, verdict: Verdict, grid: Grid, at: int, warned_at: datetime
    ) -> Stop:
        end = min(grid.at(course.begin + course.held.bit_length()), self.until)
        before = grid.index(end) - course.begin
        found = [(first(course.gpu_active, at + 1, before), Use.GPU)]
        if verdict.by_window >> at & 1:
            found.append((first(course.host_active, at + 1, before), Use.HOST))
        used = min(((step, on) for step, on in found if step is not None), default=None)
        again = UsedAgain(grid.at(course.begin + used[0]), used[1]) if used else None
        return Stop(grid.at(course.begin + at), warned_at, end, again)


def _waits_like(task_type: str) -> TaskType:
    """Return the type whose grace period holds: one that nobody knows waits as a notebook does."""
    return TaskType(task_type) if task_type in set(TaskType) else TaskType.NOTEBOOK
