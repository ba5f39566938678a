"""What the figures have to reach."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.rules.figures import SizeFigures, growths

SECONDS = 1.0
RATIO = 3.0
GROWTH = 1.25
"""As linear as the one of the two bare queries that grew more, and a quarter."""


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: bool
    target: str
    found: str


def judge(sizes: Sequence[SizeFigures]) -> list[Verdict]:
    """Judge time and ratios at the largest size, and growth between the sizes."""
    largest = max(sizes, key=lambda size: size.gpus)
    return [_time(largest), _ratio(largest), _growth(sizes)]


def _time(size: SizeFigures) -> Verdict:
    slowest = max(size.groups, key=lambda group: group.seconds)
    return Verdict(
        slowest.seconds < SECONDS,
        f"every group under {SECONDS:g} s at {size.gpus:,} GPUs",
        f"{slowest.name} takes {slowest.seconds:.3f} s",
    )


def _ratio(size: SizeFigures) -> Verdict:
    slowest = max(
        (rule for group in size.groups for rule in group.rules), key=lambda rule: rule.ratio
    )
    return Verdict(
        slowest.ratio <= RATIO,
        f"no rule above {RATIO:g} times the bare query at {size.gpus:,} GPUs",
        f"{slowest.name} takes {slowest.ratio:.2f} times as long",
    )


def _growth(sizes: Sequence[SizeFigures]) -> Verdict:
    judged = [growth for growth in growths(sizes) if growth.matters]
    target = "growth no worse than linear"
    if not judged:
        return Verdict(passed=True, target=target, found="nothing takes long enough to be judged")
    worst = max(judged, key=lambda growth: growth.excess)
    return Verdict(
        worst.excess <= GROWTH,
        target,
        f"{worst.group}, from {worst.smaller:,} to {worst.larger:,} GPUs: {worst.rate:.2f}, "
        f"{worst.excess:.2f} times what a bare query grew (the limit is {GROWTH:g})",
    )
