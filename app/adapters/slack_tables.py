"""Tables in Slack: text in columns of one width, in a block where nothing is formatted."""

import unicodedata
from collections.abc import Iterable, Sequence

from app.adapters.slack_text import clean, escape

NAME_WIDTH = 24
_DOUBLE = frozenset("WF")
_MOST_EXACT = 1e9
_FEW = 100


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, the first column of names and the others of figures.

    A name that is too long is cut, whatever letters it is of.
    """
    text = "\n".join(aligned([[_cut(row[0]), *row[1:]] for row in (head, *rows)]))
    return f"```\n{escape(text)}\n```"


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines in columns of one width, the first to the left and the others to the right.

    The cells are shown as they are.
    """
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    return [_line(line, widths) for line in lines]


def figure(value: float | None) -> str:
    """Return GPU-hours; a question mark for what is not known."""
    if value is None:
        return "?"
    if abs(value) >= _MOST_EXACT:
        return f"{value:.2e}"
    return f"{value:,.1f}" if abs(value) < _FEW else f"{value:,.0f}"


def count(number: int) -> str:
    return f"{number:,}" if number < _MOST_EXACT else f"{number:.2e}"


def counted(number: int, what: str) -> str:
    """Return `1 task`, `2 tasks`."""
    return f"{count(number)} {what}{'' if number == 1 else 's'}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures = cells
    padded = [name + " " * (widths[0] - width(name))]
    padded += [each.rjust(wide) for each, wide in zip(figures, widths[1:], strict=True)]
    return "  ".join(padded).rstrip()


def _cut(name: str) -> str:
    # A fence ends at three backticks, wherever they stand.
    return fitting(name.replace("`", "'"), NAME_WIDTH) or "(without a name)"


def fitting(name: str, columns: int) -> str:
    """Return as much of a name as takes so many columns."""
    plain = clean(name, columns)
    while width(plain) > columns:
        plain = f"{plain[:-2]}…"
    return plain


def width(text: str) -> int:
    """Return how many columns it takes: some letters take two, some are put upon the one before."""
    return sum(
        0
        if unicodedata.combining(each)
        else 2
        if unicodedata.east_asian_width(each) in _DOUBLE
        else 1
        for each in text
    )
