"""What is measured of a backtest, and what it has to reach."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.rules.report import verdict_lines
from benchmarks.rules.targets import Verdict

BEGIN = "<!-- figures: begin (make bench-backtest writes what is between these two) -->"
SECONDS = 60.0
MEMORY = 500
"""In MiB."""
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    gpus: int
    days: int
    tasks: int
    samples: int
    """Recorded."""
    stops: int
    """That would have been."""
    seconds: float
    """From the start of the command to its end."""
    cpu: float
    """Seconds that it used of the processors."""
    served: float
    """Seconds that Prometheus used of them meanwhile."""
    others: float
    """The share (0-1) of the processors that other programs took meanwhile."""
    memory: int
    """The most that the command had, in bytes."""


def judge(figures: Figures) -> list[Verdict]:
    what = f"{figures.days} days of {figures.gpus} GPUs"
    memory = figures.memory / MIB
    return [
        Verdict(
            figures.seconds < SECONDS,
            f"{what} in under {SECONDS:g} s",
            f"{figures.seconds:.1f} s",
        ),
        Verdict(memory < MEMORY, f"{what} with less than {MEMORY} MiB", f"{memory:.0f} MiB"),
    ]


def page(described: str, figures: Figures) -> str:
    """Return all of it, as it stands between the two comments of a page."""
    facts = (
        f"{figures.days} days of {figures.gpus} GPUs: {figures.tasks:,} tasks, "
        f"{figures.samples:,} recorded samples, {figures.stops:,} would-be stops. The command took "
        f"{figures.seconds:.1f} s and had at most {figures.memory / MIB:.0f} MiB. It used "
        f"{figures.cpu:.1f} s of the processors, Prometheus {figures.served:.1f} s; other programs "
        f"took {figures.others:.0%} of them meanwhile."
    )
    lines: Sequence[str] = ["```text", *verdict_lines(judge(figures)), "```"]
    return "\n\n".join([described, facts, "\n".join(lines)])
