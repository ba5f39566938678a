"""How commands show what they found: tables on a terminal, lines with tabs where a program reads.

Names are anybody's: neither mark-up, nor what moves the cursor, nor a tab comes of them.
"""

import sys
from collections.abc import Iterable, Sequence

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from app.adapters.slack_text import clean

_LONGEST_SHOWN = 500
Cell = str | Text
STYLES = {
    "firing": "yellow",
    "pending": "yellow",
    "notified": "cyan",
    "held": "blue",
    "stopping": "magenta",
    "escalated": "bold red",
    "acts": "bold",
    "waits": "yellow",
    "although": "yellow",
    "tripped": "bold red",
    "closed": "green",
}


def said(text: object, style: str = "") -> Text:
    """Return somebody's text as it may be shown on a terminal."""
    return Text(clean(str(text), _LONGEST_SHOWN), style)


def word(text: str) -> Text:
    """Return a word of ours, in its colour."""
    return said(text, STYLES.get(text, ""))


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, fixed: int = 1) -> Table:
    """Make a table, of which the first columns are never broken into lines."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, name in enumerate(head):
        made.add_column(name, no_wrap=number < fixed, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else said(cell) for cell in row))
    return made


def facts(rows: Iterable[tuple[str, Cell]]) -> Table:
    """Make a table of names and what they have; what has nothing is left out."""
    return grid((Text(name, "bold"), cell) for name, cell in rows if cell)


def grid(rows: Iterable[Sequence[Cell]]) -> Table:
    """Make a table without a head, whose first column is never broken into lines."""
    made = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        if not made.columns:
            for number in range(len(row)):
                made.add_column(no_wrap=not number, overflow="fold")
        made.add_row(*(cell if isinstance(cell, Text) else said(cell) for cell in row))
    return made


def show(*parts: RenderableType, err: bool = False) -> None:
    console = Console(stderr=err, highlight=False, markup=False, emoji=False)
    for part in parts:
        console.print(part)


def write_lines(rows: Iterable[Sequence[object]]) -> None:
    """Write lines for programs: nothing is cut, and an empty cell is empty."""
    for row in rows:
        typer.echo("\t".join(_plain(cell) for cell in row))


def _plain(cell: object) -> str:
    return "" if cell is None else clean(str(cell), sys.maxsize)
