"""`gpu-watchdog backtest`."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.backtest import backtest as read_backtest
from app.cli.backtest_forms import BacktestForm, written
from app.cli.terminal import (
    SOMETHING_IS_MISSING,
    fail,
    print_answer,
    read_settings,
)
from app.day import parse_span
from app.domain.backtest import Backtest, Grouping
from app.errors import ConfigurationError, UpstreamError
from app.settings import Settings
from app.what_if import WhatIf, what_if


def backtest(
    *,
    since: Annotated[
        str,
        typer.Option(
            metavar="30d|DAY|MOMENT",
            help="So long before the end: 30d; or from then on: 2027-01-01, which begins in UTC, "
            "or 2027-01-01T18:00:00Z.",
        ),
    ] = "30d",
    until: Annotated[
        str | None,
        typer.Option(
            metavar="DAY|MOMENT",
            help="Up to the end of this day, 2027-01-31, or before 2027-01-31T18:00:00Z; "
            "else up to now.",
        ),
    ] = None,
    policy: Annotated[
        str, typer.Option(metavar="NAME", help="Whose grace periods and waking hours count.")
    ] = "reclaim",
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="What if: idle.window=45m, idle.window.TYPE, idle.veto, idle.start_up, "
            "idle.coverage, idle.for, idle.grace, idle.grace.TYPE, idle.waking_hours. "
            "May be given several times.",
        ),
    ] = None,
    by: Annotated[Grouping, typer.Option(help="What the rows are of.")] = Grouping.USER,
    form: Annotated[
        BacktestForm, typer.Option("--format", help="Every stop is in JSON.")
    ] = BacktestForm.TABLE,
) -> None:
    """Tell what would have happened, had idle tasks been stopped in the past.

    Prometheus is asked for what it recorded, and nobody else for anything: nobody
    is told, and nothing is stopped or stored.

    Ends with 0 when all of the time was recorded, with 1 when some was not, or
    Prometheus cannot be read, and with 2 when there is no such time, policy or
    value, or the configuration is wrong.
    """
    try:
        begin, end = parse_span(since, until, datetime.now(UTC))
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc
    settings = read_settings()
    asked = _asked(settings, policy, change or [])
    begin, end = (each.replace(second=0, microsecond=0) for each in (begin, end))
    found = _read(settings, asked, by, (begin, end))
    print_answer(lambda columns: written(found, form, columns), found.unknown)


def _asked(settings: Settings, policy: str, changes: list[str]) -> WhatIf:
    policies = settings.rulebook().policies
    if policy not in policies:
        raise typer.BadParameter(f"there is no policy {policy!r}; there are {', '.join(policies)}")
    try:
        return what_if(policies[policy], changes)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


def _read(
    settings: Settings, asked: WhatIf, by: Grouping, span: tuple[datetime, datetime]
) -> Backtest:
    hidden = not sys.stderr.isatty()
    with typer.progressbar(length=1, label="Reading", file=sys.stderr, hidden=hidden) as bar:

        def progress(done: int, parts: int) -> None:
            bar.length = parts
            bar.update(done - bar.pos)

        try:
            return asyncio.run(read_backtest(settings, asked, by, span, progress=progress))
        except ConfigurationError as exc:
            fail(str(exc))
        except UpstreamError as exc:
            typer.echo(f"Prometheus could not be read: {exc}", err=True)
            raise typer.Exit(SOMETHING_IS_MISSING) from exc
