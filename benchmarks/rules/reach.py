"""What a set of expressions reads of the past of each metric, as a cautious reading of their text.

Only PromQL's own parser knows for sure, and no tool of Prometheus shows what it knows.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from demo.scaling import MILLISECONDS

LOOKBACK = 300
"""Seconds for which an instant selector takes an old sample."""

_TEXT = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|#[^\n]*')
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_SELECTOR = re.compile(
    r"""
    (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*) \s* (?:\{[^}]*\})? \s*
    (?:\[(?P<range>[^\]]*)\])? \s*
    (?:offset \s+ (?P<offset>\w+))?
    """,
    re.VERBOSE,
)
_NAMES = re.compile(r'__name__\s*=~\s*"([^"]*)"')
_SUBQUERY = re.compile(r"\)\s*\[(?P<range>[^\]:]*):[^\]]*\]\s*(?:offset\s+(?P<offset>\w+))?")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """In seconds: it ends `offset` before the evaluation, and is this long."""

    offset: int
    length: int


def reach(expressions: Iterable[str]) -> dict[str, set[Window]]:
    """Return the windows through which each name is read.

    Words of the language are taken for names too, which does no harm: no series is called so.
    """
    windows: dict[str, set[Window]] = {}
    for expression in expressions:
        for name, window in _reads(_TEXT.sub("", expression)):
            windows.setdefault(name, set()).add(window)
    return windows


def names_read(expressions: Iterable[str], known: Iterable[str]) -> set[str]:
    """Return the names that are read, among them those known ones that a pattern takes in."""
    texts = list(expressions)
    patterns = [found[1] for text in texts for found in _NAMES.finditer(text)]
    alike = {name for name in known if any(re.fullmatch(one, name) for one in patterns)}
    return reach(texts).keys() | alike


def farthest(windows: Iterable[Window]) -> int:
    """Return how many seconds before the evaluation the first of them begins."""
    return max((window.offset + window.length for window in windows), default=0)


def _reads(expression: str) -> Iterator[tuple[str, Window]]:
    subqueries = [
        (_opening(expression, found.start()), found) for found in _SUBQUERY.finditer(expression)
    ]
    for found in _SELECTOR.finditer(expression):
        around = [
            subquery
            for opening, subquery in subqueries
            if opening <= found.start() < subquery.start()
        ]
        offset = sum(seconds(part["offset"]) for part in (found, *around))
        length = seconds(found["range"]) or LOOKBACK
        yield found["name"], Window(offset, length + sum(seconds(one["range"]) for one in around))


def _opening(expression: str, closing: int) -> int:
    """Return where the parenthesis was opened that is closed here."""
    depth = 0
    for place in range(closing, -1, -1):
        depth += {")": 1, "(": -1}.get(expression[place], 0)
        if depth == 0:
            return place
    raise ValueError(f"a parenthesis is closed that was never opened: {expression}")


def seconds(duration: str | None) -> int:
    """Return the whole seconds of `1h30m`, or of the window of `30m:15s`; 0 for nothing."""
    window = (duration or "").partition(":")[0]
    parts = _PART.findall(window)
    return sum(int(number) * MILLISECONDS[unit] for number, unit in parts) // 1_000
