"""The Prometheus text format, as Go's client writes it."""

from collections.abc import Iterable


def go_float(value: float) -> str:
    """Return a number as Go's shortest %g: an exponent from 1e+06 on, and below 1e-04."""
    if value == int(value) and abs(value) < 1_000_000:
        return str(int(value))
    mantissa, _, exponent = f"{value:.16e}".partition("e")
    digits = repr(float(value))
    power = int(exponent)
    if -4 <= power < 6:
        return digits
    # repr has the shortest digits; only the place of the point changes.
    bare = digits.partition("e")[0].replace(".", "").replace("-", "").lstrip("0")
    bare = bare.rstrip("0") or "0"
    sign = "-" if mantissa.startswith("-") else ""
    fraction = f".{bare[1:]}" if len(bare) > 1 else ""
    return f"{sign}{bare[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"


def family(name: str, help_text: str, kind: str, rows: Iterable[str]) -> list[str]:
    """Return the lines of a metric; none at all without rows."""
    lines = [f"{name}{row}" for row in rows]
    return [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", *lines] if lines else []
