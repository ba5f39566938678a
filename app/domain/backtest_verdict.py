"""When the rule GPUAllocationIdle would have held, asked of the rows that it stands on.

The numbers and the conditions are those of alerting-rules/windows, verdicts and reclaim; tests hold
them together. Everything is as fresh as its step here, while Prometheus records a window once a
minute: an alert may begin up to two minutes later there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from app.domain.backtest_course import WHOLE, Course, Grid
from app.domain.marks import Marks, before, enough, first, within

_LAST_MINUTES = timedelta(minutes=10)
"""The quick rows that a verdict is held to, and the length of what proves a start before it."""
_SUMMARY = timedelta(minutes=5)
"""What one row of the longest window stands for."""


@dataclass(frozen=True, slots=True)
class IdleRule:
    window: timedelta | None = None
    """For every type of task; None: what the rules gave each allocation."""
    windows: Mapping[str, timedelta] = field(default_factory=dict)
    """By type of task, before the one above."""
    veto: timedelta = timedelta(hours=4)
    """How long work beside the GPUs is a reason to hold them."""
    start_up: timedelta = timedelta(minutes=10)
    coverage: float = 0.9
    """Ratio (0-1) of the samples of a window that must be there."""
    pending: timedelta = timedelta(minutes=5)
    """How long it must hold before the alert fires: the rule's `for`."""
    keep_firing: timedelta = timedelta(minutes=10)

    def window_of(self, course: Course) -> timedelta:
        return self.windows.get(course.holder.task_type) or self.window or course.window

    @property
    def looks_back(self) -> timedelta:
        """How much of the past before it the first verdict needs, at most."""
        longest = max(filter(None, (self.veto, self.window, *self.windows.values())))
        return longest + self.start_up + _LAST_MINUTES + self.pending + self.keep_firing


class Unjudged(StrEnum):
    """Why nobody knows whether an allocation was idle."""

    NO_WINDOW = "no_window"  # of a type that is never judged, or nobody knew whose it was
    NEVER_SEEN = "never_seen"  # not one sample of all its GPUs: they are instances of MIG, say
    GPUS_UNSEEN = "gpus_unseen"  # too few samples, or not of every GPU
    HOST_UNSEEN = "host_unseen"  # then the longest window alone counts
    SIGNALS_LOST = "signals_lost"  # something that could have spoken against it fell silent
    GAP = "gap"  # what came before the window was not recorded


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one course; all marks count from its begin."""

    idle: Marks
    by_window: Marks
    """Where it was idle by its own window, in which its host must have rested too."""
    unjudged: Mapping[Unjudged, Marks]


@dataclass(frozen=True, slots=True)
class _Window:
    """What was seen in one window, and what happened in it."""

    gpus_seen: Marks
    host_seen: Marks
    has_signals: Marks
    began_before: Marks
    gpu_active: Marks
    host_active: Marks

    @property
    def seen(self) -> Marks:
        return self.gpus_seen & self.host_seen & self.has_signals & self.began_before

    @property
    def idle(self) -> Marks:
        return self.seen & ~self.gpu_active & ~self.host_active

    @property
    def in_use(self) -> Marks:
        return self.gpu_active | self.host_active


def judge(course: Course, rule: IdleRule, grid: Grid) -> Verdict:
    own = _own(course, rule, grid)
    longest = _longest(course, rule, grid)
    recent = grid.steps(_LAST_MINUTES)
    now = (
        course.held
        & within(course.gpu_seen, recent)
        & ~within(course.gpu_active, recent)
        & _signals_are_there(course, recent)
    )
    host_rests = within(course.host_seen, recent) & ~within(course.host_active, recent)
    by_window = now & own.idle & host_rests
    idle = by_window | (now & longest.idle)
    young = before((first(course.held, 0) or 0) + grid.steps(_until_old(course, rule)))
    open_ = course.held & ~idle & ~own.in_use & (own.began_before | ~young)
    return Verdict(idle, by_window, dict(_reasons(course, open_, own)))


def _until_old(course: Course, rule: IdleRule) -> timedelta:
    return rule.window_of(course) + rule.start_up + _LAST_MINUTES


def _reasons(course: Course, open_: Marks, own: _Window) -> Iterator[tuple[Unjudged, Marks]]:
    """Yield why these steps were not judged, each of them once."""
    ever_seen = before(course.length) if course.covered else 0
    for reason, is_fine in (
        (Unjudged.NEVER_SEEN, ever_seen),
        (Unjudged.GPUS_UNSEEN, own.gpus_seen),
        (Unjudged.SIGNALS_LOST, own.has_signals),
        (Unjudged.HOST_UNSEEN, own.host_seen),
        (Unjudged.GAP, own.began_before),
    ):
        yield reason, open_ & ~is_fine
        open_ &= is_fine


def _own(course: Course, rule: IdleRule, grid: Grid) -> _Window:
    window = rule.window_of(course)
    steps, least = grid.steps(window), rule.coverage
    return _Window(
        gpus_seen=enough(course.coverage, WHOLE, steps, least, course.length),
        host_seen=enough({1: course.host_seen}, 1, steps, least, course.length),
        has_signals=_signals_are_there(course, steps),
        began_before=_began_before(course, window + rule.start_up, grid),
        gpu_active=within(course.gpu_active, steps),
        host_active=within(course.host_active, steps),
    )


def _longest(course: Course, rule: IdleRule, grid: Grid) -> _Window:
    steps, whole = grid.steps(rule.veto), before(course.length)
    summed_up = grid.steps(rule.veto + _SUMMARY)
    return _Window(
        gpus_seen=enough(course.coverage, WHOLE, steps, rule.coverage, course.length),
        host_seen=whole,
        has_signals=_signals_are_there(course, summed_up),
        began_before=_began_before(course, rule.veto + rule.start_up, grid),
        gpu_active=within(course.gpu_active, summed_up),
        host_active=0,
    )


def _signals_are_there(course: Course, steps: int) -> Marks:
    """Mark where there are as many signals as there ever were in the window."""
    found, more = 0, 0
    for level in sorted(course.signals, reverse=True):
        found |= course.signals[level] & ~more
        more |= within(course.signals[level], steps)
    return found


def _began_before(course: Course, span: timedelta, grid: Grid) -> Marks:
    return within(course.covered, grid.steps(_LAST_MINUTES)) << grid.steps(span)
