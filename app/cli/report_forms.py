"""A report as text: a table, CSV, JSON, Markdown. Pure.

Names are anybody's. None of them commands a terminal, is a formula of a spreadsheet, or is more
than text in Markdown. In JSON they come out as they are, in the others as far as they can be seen.
"""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum

from app.adapters.slack_tables import aligned, count, figure, fitting, width
from app.adapters.slack_text import clean
from app.domain.report import By, Report, ReportRow

_LONGEST = 300
_NARROWEST = 8
"""Columns that are left for names, however narrow a terminal is."""
_UNKNOWN = "?"
_TOTAL = "total"
_FORMULAS = tuple("=+-@＝＋－＠")
"""What makes a formula of a cell, in its narrow and its wide form."""
_HOURS = ("held", "used", "idle")
_RECLAIMED = "reclaimed"
_LOOK_ALIKE = str.maketrans({"`": "'", "|": "¦", "\\": "⧵"})
_MEANING = """\
held, used, idle: GPU-hours that tasks had, in which GPUs worked, and did not;
reclaimed: for which GPUs had been held idle when a stop freed them.
warned to stopped: how often; dismissed: as a false alarm."""
_MEANING_OF_ALERTS = """\
found to stopped: how often; dismissed: as a false alarm; reclaimed: GPU-hours
for which GPUs had been held when a stop freed them."""

Cell = float | int | None


class Form(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MARKDOWN = "markdown"


def written(report: Report, form: Form, columns: int | None = None) -> str:
    """`columns`: how wide a table may be, by which names are cut; None: as wide as it is."""
    match form:
        case Form.TABLE:
            return _table(report, columns)
        case Form.CSV:
            return _csv(report)
        case Form.JSON:
            return _json(report)
        case Form.MARKDOWN:
            return _markdown(report)


def _head(by: By) -> list[str]:
    hours = () if by is By.ALERT else _HOURS
    return [by, *hours, *map(str, by.deeds), _RECLAIMED]


def _cells(row: ReportRow, by: By) -> list[Cell]:
    """Return the figures of a row, in the order of the head."""
    hours = [] if by is By.ALERT else [row.held, row.used, row.idle]
    deeds = [None if row.deeds is None else row.deeds.get(each, 0) for each in by.deeds]
    return [*hours, *deeds, row.reclaimed]


def _name(row: ReportRow) -> str:
    return clean(row.name, _LONGEST) or "(without a name)"


def _lines(report: Report) -> Iterator[list[str]]:
    """Yield the lines of a table for people, the last one with the sums."""
    yield _head(report.by)
    for row in report.rows:
        yield [_name(row), *map(_shown, _cells(row, report.by))]
    yield [_TOTAL, *map(_shown, _cells(report.total, report.by))]


def _shown(cell: Cell) -> str:
    return count(cell) if isinstance(cell, int) else figure(cell)


def _table(report: Report, columns: int | None) -> str:
    lines = list(_lines(report))
    if columns is not None:
        figures = aligned([["", *line[1:]] for line in lines])
        left = max(columns - max(map(width, figures)), _NARROWEST)
        lines = [[fitting(line[0], left), *line[1:]] for line in lines]
    meaning = _MEANING_OF_ALERTS if report.by is By.ALERT else _MEANING
    return "\n".join([_title(report), "", *aligned(lines), "", meaning, ""])


def _title(report: Report) -> str:
    return f"By {report.by}, from {_minute(report.since)} to {_minute(report.until)}."


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _csv(report: Report) -> str:
    """Without the sums, which would be added to the others."""
    text = io.StringIO()
    # Texts in quotes: what separates the cells is another character in other countries.
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(_head(report.by))
    for row in report.rows:
        cells = [_UNKNOWN if each is None else _exact(each) for each in _cells(row, report.by)]
        writer.writerow([_no_formula(_name(row)), *cells])
    return text.getvalue()


def _no_formula(name: str) -> str:
    return f"'{name}" if name.startswith(_FORMULAS) else name


def _exact(cell: float) -> float:
    return cell if isinstance(cell, int) else round(cell, 3)


def _json(report: Report) -> str:
    head, by = _head(report.by)[1:], report.by

    def figures(row: ReportRow) -> dict[str, Cell]:
        cells = [None if each is None else _exact(each) for each in _cells(row, by)]
        return dict(zip(head, cells, strict=True))

    told = {
        "by": by,
        "since": report.since.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "until": report.until.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "rows": [{str(by): row.name, **figures(row)} for row in report.rows],
        "total": figures(report.total),
        "unknown": report.unknown,
    }
    return f"{json.dumps(told, indent=2, allow_nan=False)}\n"


def _markdown(report: Report) -> str:
    head, *rows, total = _lines(report)
    ruler = ["---", *["---:"] * (len(head) - 1)]
    named = [[_code(name), *figures] for name, *figures in rows]
    lines = [f"| {' | '.join(line)} |" for line in (head, ruler, *named, total)]
    return "\n".join([_title(report), "", *lines, ""])


def _code(name: str) -> str:
    """Return a name as code, in which nothing is formatted, linked or mentioned.

    What would end the code or the cell becomes what looks like it.
    """
    return f"`{name.translate(_LOOK_ALIKE)}`"
