"""What is measured, and the arithmetic on it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.rules.feed import Shortened
from benchmarks.rules.rule_files import PREFIX

NOISE = 0.02
"""Seconds below which a time says nothing about growth."""


@dataclass(frozen=True, slots=True)
class RuleTime:
    name: str
    seconds: float
    ratio: float
    """How many times the bare query of the same evaluation it takes."""


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """One evaluation of one group, or the medians of several."""

    name: str
    series: int
    """Written by an evaluation; of alerts, the rows of ALERTS and ALERTS_FOR_STATE."""
    seconds: float
    """Without the bare query that is evaluated before them."""
    ratio: float
    """How many times that bare query they take together."""
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
    bare_mapping: GroupFigures
    groups: tuple[GroupFigures, ...]


@dataclass(frozen=True, slots=True)
class Growth:
    group: str
    smaller: int
    larger: int
    """In GPUs."""
    rate: float
    """How the ratio to the bare query grew: 1 is as linear as one window for each GPU is.

    The times themselves are minutes apart, and tell more of what the machine did meanwhile.
    """
    mapping_rate: float
    """How the bare mapping query grew meanwhile: what looks into memory outgrows its caches."""
    matters: bool
    """Whether the larger time is far enough from nothing to be judged."""

    @property
    def excess(self) -> float:
        """Return how much more it grew than the bare query that grew more: 1 is no more."""
        return self.rate / max(1.0, self.mapping_rate)


def group_figures(evaluated: Mapping[str, Any], series: int) -> GroupFigures:
    """Read one group from an answer of `/api/v1/rules`.

    Before its own rules there are one that counts for nothing, and the bare query. Where that is
    the last, it is what is measured.
    """
    warm_up, bare, *others = evaluated["rules"]
    yardstick = bare["evaluationTime"]
    rules = tuple(
        RuleTime(
            rule["name"].removeprefix(PREFIX),
            rule["evaluationTime"],
            rule["evaluationTime"] / yardstick,
        )
        for rule in others or [bare]
    )
    before = warm_up["evaluationTime"] + (yardstick if others else 0.0)
    seconds = evaluated["evaluationTime"] - before
    return GroupFigures(evaluated["name"], series, seconds, seconds / yardstick, rules)


def medians(evaluations: Sequence[GroupFigures]) -> GroupFigures:
    """Return the medians over evaluations of one group."""
    rules = tuple(
        RuleTime(
            times[0].name,
            median(time.seconds for time in times),
            median(time.ratio for time in times),
        )
        for times in zip(*(evaluation.rules for evaluation in evaluations), strict=True)
    )
    return GroupFigures(
        evaluations[-1].name,
        evaluations[-1].series,
        median(evaluation.seconds for evaluation in evaluations),
        median(evaluation.ratio for evaluation in evaluations),
        rules,
    )


def growths(sizes: Sequence[SizeFigures]) -> Iterator[Growth]:
    """Yield how each group grew from each size to the next larger one."""
    ordered = sorted(sizes, key=lambda size: size.gpus)
    for smaller, larger in pairwise(ordered):
        before = {group.name: group.ratio for group in smaller.groups}
        mapping_rate = larger.bare_mapping.ratio / smaller.bare_mapping.ratio
        for group in larger.groups:
            rate = group.ratio / before[group.name]
            matters = group.seconds >= NOISE
            yield Growth(group.name, smaller.gpus, larger.gpus, rate, mapping_rate, matters=matters)
