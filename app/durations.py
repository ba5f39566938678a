"""Durations as Prometheus writes them: `2h`, `30m`, `1h30m`, `150ms`."""

import re
from datetime import timedelta

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PART = re.compile(r"(\d+)(ms|[smhdw])")


def parse_duration(text: object) -> object:
    """Read a duration; what is no text is left to the caller's own validation.

    Raises:
        ValueError: the text is no duration.
    """
    if not isinstance(text, str):
        return text
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration; write for example 30s, 15m, 2h or 1h30m")
    try:
        return sum((int(number) * _UNITS[unit] for number, unit in parts), timedelta())
    except OverflowError:
        raise ValueError(f"{text!r} is longer than {timedelta.max.days} days") from None


def format_duration(duration: timedelta) -> str:
    """Write a duration of whole milliseconds."""
    left = duration // timedelta(milliseconds=1)
    if left <= 0:
        return "0s"
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        number, left = divmod(left, size)
        text += f"{number}{unit}" if number else ""
    return text
