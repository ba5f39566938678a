"""What is measured, what it has to reach, and how it is shown."""

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
_HEADINGS = (
    "database",
    "open incidents",
    "tick",
    "slowest",
    "processor",
    "bare SELECT",
    "ratio",
    "first tick after",
    "resident",
    "at most",
)


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the whole receiver, on an empty database."""

    database: str
    seconds: float
    """To the first 200 on `/-/ready`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One process on one database."""

    database: str
    incidents: int
    first: float
    """Seconds from the start of the process to the end of its first tick."""
    ticks: Sequence[float]
    """Seconds of each that followed."""
    processor: float
    """Seconds that the process itself had a processor, in one of them."""
    bare: Sequence[float]
    """Seconds of each bare SELECT of all open incidents, in the same process."""
    resident: int
    """Bytes, between two ticks."""
    peak: int
    """The most bytes, in the midst of one."""

    @property
    def tick(self) -> float:
        return median(self.ticks)

    @property
    def ratio(self) -> float:
        return self.tick / median(self.bare)


def judge(found: Sequence[Figures], starts: Sequence[Start]) -> list[Verdict]:
    """Judge the starts, and each database at the largest number of incidents."""
    largest = max(each.incidents for each in found)
    ready = [
        Verdict(
            each.seconds < READY_SECONDS,
            f"from the start to ready within {READY_SECONDS:g} s",
            f"{each.seconds:.2f} s on {each.database}",
        )
        for each in starts
    ]
    return ready + [v for each in found if each.incidents == largest for v in _of_a_tick(each)]


def _of_a_tick(figures: Figures) -> tuple[Verdict, ...]:
    having = f"with {figures.incidents:,} open incidents"
    where = f"on {figures.database}"
    return (
        Verdict(
            figures.tick < SECONDS,
            f"a tick under {SECONDS:g} s {having}",
            f"{figures.tick:.3f} s {where}",
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
    )


def page(
    machine: str,
    others: float,
    found: Sequence[Figures],
    starts: Sequence[Start],
) -> str:
    """Return all of it, as it stands between the two comments of a page.

    `others` is the share (0-1) of the processors that other programs took meanwhile.
    """
    said = f"{machine} Other programs took {others:.0%} of the processors meanwhile."
    rows = [_row(each) for each in found]
    lines = ["```text", *verdict_lines(judge(found, starts)), "```"]
    return "\n\n".join([said, "\n".join(table(_HEADINGS, rows)), "\n".join(lines)])


def _row(figures: Figures) -> tuple[str, ...]:
    return (
        figures.database,
        f"{figures.incidents:,}",
        f"{figures.tick * 1_000:,.0f} ms",
        f"{max(figures.ticks) * 1_000:,.0f} ms",
        f"{figures.processor * 1_000:,.0f} ms",
        f"{median(figures.bare) * 1_000:,.0f} ms",
        f"{figures.ratio:.1f}",
        f"{figures.first:.2f} s",
        f"{figures.resident // MIB:,} MiB",
        f"{figures.peak // MIB:,} MiB",
    )
