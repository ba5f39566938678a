"""What is measured, and the arithmetic on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from benchmarks.rules.feed import Shortened

NOISE = 0.02
"""Seconds below which a time says nothing about growth."""


@dataclass(frozen=True, slots=True)
class RuleTime:
    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """One evaluation of one group, or the medians of several."""

    name: str
    series: int
    """Written by an evaluation; of alerts, the rows of ALERTS and ALERTS_FOR_STATE."""
    seconds: float
    rules: tuple[RuleTime, ...]

    @property
    def slowest(self) -> RuleTime:
        return max(self.rules, key=lambda rule: rule.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeFigures:
    """One generated cluster, measured."""

    gpus: int
    agents: int
    running: int
    ended: int
    """Allocations."""
    scraped: int
    """Series."""
    recorded: int
    """Series."""
    shortened: tuple[Shortened, ...]
    peak_memory: int
    """Of Prometheus, in bytes."""
    others: float
    """The share (0-1) of the processors that other programs took while the rules were timed."""
    bare: GroupFigures
    groups: tuple[GroupFigures, ...]

    def ratio(self, seconds: float) -> float:
        """Return how many times the bare query's evaluation this is."""
        return seconds / self.bare.rules[0].seconds


@dataclass(frozen=True, slots=True)
class Growth:
    group: str
    smaller: int
    larger: int
    """In GPUs."""
    rate: float
    """How time grew, divided by how the cluster grew: 1 is linear."""
    matters: bool
    """Whether the larger time is far enough from nothing to be judged."""


def medians(evaluations: Sequence[GroupFigures]) -> GroupFigures:
    """Return the medians over evaluations of one group."""
    rules = tuple(
        RuleTime(times[0].name, median(time.seconds for time in times))
        for times in zip(*(evaluation.rules for evaluation in evaluations), strict=True)
    )
    seconds = median(evaluation.seconds for evaluation in evaluations)
    return GroupFigures(evaluations[-1].name, evaluations[-1].series, seconds, rules)


def growths(sizes: Sequence[SizeFigures]) -> Iterator[Growth]:
    """Yield how each group grew from each size to the next larger one."""
    ordered = sorted(sizes, key=lambda size: size.gpus)
    for smaller, larger in pairwise(ordered):
        before = {group.name: group.seconds for group in smaller.groups}
        for group in larger.groups:
            rate = group.seconds / before[group.name] / (larger.gpus / smaller.gpus)
            matters = group.seconds >= NOISE
            yield Growth(group.name, smaller.gpus, larger.gpus, rate, matters)
