"""`gpu-watchdog report`."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.cli.report_forms import Form, written
from app.cli.terminal import busy, fail, print_answer, read_settings
from app.day import parse_span
from app.domain.report import By
from app.errors import ConfigurationError
from app.report import read_report


def report(
    *,
    since: Annotated[
        str,
        typer.Option(
            metavar="7d|DAY|MOMENT",
            help="So long before the end: 7d; or from then on: 2027-01-01, which begins in UTC, "
            "or 2027-01-01T18:00:00Z.",
        ),
    ] = "7d",
    until: Annotated[
        str | None,
        typer.Option(
            metavar="DAY|MOMENT",
            help="Up to the end of this day, 2027-01-31, or before 2027-01-31T18:00:00Z; "
            "else up to now.",
        ),
    ] = None,
    by: Annotated[By, typer.Option(help="What the rows are of.")] = By.USER,
    form: Annotated[
        Form, typer.Option("--format", help="Sums are in all of them but CSV.")
    ] = Form.TABLE,
) -> None:
    """Tell the GPU-hours held, used, idle and reclaimed in a time, and what was done.

    What is not known is a question mark, in JSON null, and never a zero. Why
    stands on standard error.

    Ends with 0 when everything is known, with 1 when something is not, and with 2
    when there is no such time, or the configuration is wrong.
    """
    now = datetime.now(UTC)
    try:
        begin, end = parse_span(since, until, now)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc
    settings = read_settings()
    try:
        with busy("Reading Prometheus and the history"):
            found = asyncio.run(read_report(settings, by, begin, end, now=now))
    except ConfigurationError as exc:
        fail(str(exc))
    print_answer(lambda columns: written(found, form, columns), found.unknown)
