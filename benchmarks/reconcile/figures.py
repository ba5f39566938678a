"""What is measured, what it has to reach, and how it is shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.rules.report import table, verdict_lines
from benchmarks.rules.targets import Verdict

BEGIN = "<!-- figures: begin (make bench-reconcile writes what is between these two) -->"
SECONDS = 1.0
READY_SECONDS = 3.0
MIB = 2**20
RESIDENT = 200 * MIB
_OF_TWENTY = 19
"""So many of twenty ticks have to be in time. One may meet what is none of its doing."""
_TICK_HEADINGS = (
    "database",
    "open incidents",
    "tick",
    "19 of 20",
    "slowest",
    "processor",
    "bare SELECT",
    "ratio",
    "resident",
    "at most",
)
_START_HEADINGS = (
    "database",
    "open incidents",
    "ready after",
    "slowest",
    "processor",
    "first tick over after",
    "at most",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of the whole receiver, from the start of its process."""

    ready: float
    """Seconds to the first 200 on `/-/ready`."""
    processor: float
    """Seconds that the process itself had a processor until then."""
    ticked: float
    """Seconds to the end of the first tick."""
    peak: int
    """The most bytes that it had: until then, or in the last of several starts until some more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One database with so many open incidents."""

    database: str
    incidents: int
    ticks: Sequence[float]
    """Seconds of each that followed the first, in one process."""
    processor: float
    """Seconds that the process itself had a processor, in one of them."""
    bare: Sequence[float]
    """Seconds of each bare SELECT of all open incidents, in the same process."""
    resident: int
    """Bytes, between two ticks."""
    peak: int
    """The most bytes, in the midst of one."""
    starts: Sequence[Start] = ()

    @property
    def tick(self) -> float:
        return median(self.ticks)

    @property
    def most_ticks(self) -> float:
        """Within how many seconds nineteen of twenty ticks were over."""
        return sorted(self.ticks)[math.ceil(len(self.ticks) * _OF_TWENTY / 20) - 1]

    @property
    def ratio(self) -> float:
        return self.tick / median(self.bare)


def judge(found: Sequence[Figures]) -> list[Verdict]:
    """Judge each database at the largest number of incidents."""
    largest = max(each.incidents for each in found)
    return [v for each in found if each.incidents == largest for v in _judged(each)]


def _judged(figures: Figures) -> list[Verdict]:
    having = f"with {figures.incidents:,} open incidents"
    where = f"on {figures.database}"
    slowest = max(start.ready for start in figures.starts)
    return [
        Verdict(
            slowest < READY_SECONDS,
            f"each start ready within {READY_SECONDS:g} s {having}",
            f"{slowest:.2f} s at most {where}",
        ),
        Verdict(
            figures.most_ticks < SECONDS,
            f"19 of 20 ticks under {SECONDS:g} s {having}",
            f"{figures.most_ticks:.3f} s {where}",
        ),
        Verdict(
            figures.resident < RESIDENT,
            f"under {RESIDENT // MIB} MiB resident {having}",
            f"{figures.resident // MIB} MiB {where}",
        ),
        Verdict(
            figures.peak < RESIDENT,
            f"at most {RESIDENT // MIB} MiB in the midst of a tick {having}",
            f"{figures.peak // MIB} MiB {where}",
        ),
    ]


def page(machine: str, others: float, yardsticks: Sequence[float], found: Sequence[Figures]) -> str:
    """Return all of it, as it stands between the two comments of a page.

    `others` is the share (0-1) of the processors that other programs took meanwhile, `yardsticks`
    the seconds of `benchmarks.machine.yardstick`, each time that it was taken.
    """
    said = (
        f"{machine} Other programs took {others:.0%} of the processors meanwhile, and five million "
        f"additions in Python {min(yardsticks):.2f} to {max(yardsticks):.2f} s."
    )
    ticks = table(_TICK_HEADINGS, [_tick_row(each) for each in found])
    starts = table(_START_HEADINGS, [_start_row(each) for each in found if each.starts])
    lines = ["```text", *verdict_lines(judge(found)), "```"]
    return "\n\n".join([said, "\n".join(ticks), "\n".join(starts), "\n".join(lines)])


def _tick_row(figures: Figures) -> tuple[str, ...]:
    return (
        figures.database,
        f"{figures.incidents:,}",
        _ms(figures.tick),
        _ms(figures.most_ticks),
        _ms(max(figures.ticks)),
        _ms(figures.processor),
        _ms(median(figures.bare)),
        f"{figures.ratio:.1f}",
        f"{figures.resident // MIB:,} MiB",
        f"{figures.peak // MIB:,} MiB",
    )


def _start_row(figures: Figures) -> tuple[str, ...]:
    starts = figures.starts
    return (
        figures.database,
        f"{figures.incidents:,}",
        f"{median(each.ready for each in starts):.2f} s",
        f"{max(each.ready for each in starts):.2f} s",
        f"{median(each.processor for each in starts):.2f} s",
        f"{median(each.ticked for each in starts):.2f} s",
        f"{max(each.peak for each in starts) // MIB:,} MiB",
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1_000:,.0f} ms"
