"""Do the clocks agree? Ages of samples, deadlines and silences are counted on many machines."""

from collections.abc import Iterator
from datetime import timedelta

from app.preflight.finding import Finding, not_asked, ok, warning

TOLERATED = timedelta(seconds=5)
"""An answer's date is of whole seconds, and takes its time on the way."""


def judge_clock(system: str, ahead: timedelta | None) -> Iterator[Finding]:
    if ahead is None:
        yield not_asked(f"{system}.clock", "its answers do not say what time it is there")
    elif abs(ahead) > TOLERATED:
        way = "before" if ahead > timedelta() else "behind"
        yield warning(
            f"{system}.clock",
            f"its clock is {abs(ahead).total_seconds():.0f} s {way} ours",
            "Let all machines keep their time by NTP: samples would look too old, or too young.",
        )
    else:
        yield ok(f"{system}.clock", f"its clock is ours, within {TOLERATED.total_seconds():.0f} s")
