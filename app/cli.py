"""The command line `gpu-watchdog`."""

import asyncio
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
import uvicorn
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app import __version__
from app.adapters.slack_text import clean
from app.cli_report import report
from app.day import parse_begin, parse_end
from app.errors import ConfigurationError, StoreUnavailableError, UpstreamError
from app.export import export as export_history
from app.main import create_app
from app.preflight import Finding, preflight, secrets
from app.reach import Reach, reaches
from app.terminal import (
    SOMETHING_IS_MISSING,
    end_of_output,
    fail,
    read_settings,
    worded,
)

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Tells the owners of idle GPU tasks, waits, and frees the GPUs, safely.",
)
history = typer.Typer(no_args_is_help=True, help="What happened to incidents.")
cli.add_typer(history, name="history")
users = typer.Typer(no_args_is_help=True, help="Owners of tasks, and how they are told.")
cli.add_typer(users, name="users")
_LONGEST = 300  # characters of a name or a reason
_HOW_TO_REACH = """\
Nothing is stopped of whom nobody can be told. To be told, they need in the section `users` a
`slack_id`, an `email` or the `channel` of a team."""


@cli.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"gpu-watchdog {__version__}")


@cli.command()
def serve() -> None:
    """Run the receiver until it is asked to stop."""
    settings = read_settings()
    missing = [finding.words for finding in secrets(settings) if not finding.good]
    if missing:
        fail("\n".join(missing))
    uvicorn.run(
        create_app(settings),
        host=settings.listen_host,
        port=settings.listen_port,
        log_config=None,
        # Paths of requests can carry what no log should; what matters is logged by the routes.
        access_log=False,
        server_header=False,
    )


@cli.command()
def check(
    *,
    offline: Annotated[
        bool, typer.Option(help="Read the configuration only, and ask no system.")
    ] = False,
) -> None:
    """Read the configuration, and ask every system whether it is ready for the watchdog."""
    settings = read_settings()
    if offline:
        typer.echo("The configuration can be read.")
        return
    findings = asyncio.run(preflight(settings))
    print_findings(findings)
    if any(not finding.good for finding in findings):
        raise typer.Exit(SOMETHING_IS_MISSING)


cli.command()(report)


@users.command("check")
def check_users(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write an array of JSON instead of a table.")
    ] = False,
) -> None:
    """List how everybody would be told who has an account or runs something. No message is sent.

    Ends with 0 when everybody who runs something can be told, with 1 when
    somebody cannot, and with 2 when Determined or Slack cannot be asked, or the
    configuration is wrong.
    """
    settings = read_settings()
    try:
        found = asyncio.run(reaches(settings))
    except (ConfigurationError, UpstreamError) as exc:
        fail(str(exc))
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2))
    else:
        print_reaches(found)
        if not all(each.reached for each in found):
            typer.echo(_HOW_TO_REACH)
    if any(each.running and not each.reached for each in found):
        raise typer.Exit(SOMETHING_IS_MISSING)


@history.command()
def export(
    *,
    since: Annotated[
        datetime | None,
        typer.Option(
            parser=worded(parse_begin),
            metavar="DAY|MOMENT",
            help="From then on: 2027-01-01, which begins in UTC, or 2027-01-01T18:00:00Z.",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            parser=worded(parse_end),
            metavar="DAY|MOMENT",
            help="Up to the end of this day, 2027-01-31, or before 2027-01-31T18:00:00Z.",
        ),
    ] = None,
) -> None:
    """Write the history of all incidents as JSON lines, an entry a line, in the order of writing.

    Ends with 0 when all of it was written, with 1 when something could not be
    read or written, and with 2 when there is no database that can be read, or the
    configuration is wrong.
    """
    settings = read_settings()
    try:
        unreadable = asyncio.run(export_history(settings, since, until, sys.stdout.write))
        sys.stdout.flush()
    except (ConfigurationError, StoreUnavailableError) as exc:
        # The lines after the first one are for programmers.
        first, *_ = str(exc).splitlines()
        fail(first)
    except OSError as exc:
        end_of_output(exc)
    for what in unreadable:
        typer.echo(what, err=True)
    if unreadable:
        raise typer.Exit(SOMETHING_IS_MISSING)


def print_reaches(found: Iterable[Reach]) -> None:
    table = Table("", "User", "Runs", "How", box=None)
    for each in found:
        mark = Text("ok", "green") if each.reached else Text("nobody", "bold red")
        # Names are anybody's: neither mark-up nor what moves the cursor comes of them.
        name, how = (Text(clean(text, _LONGEST)) for text in (each.username, each.how))
        table.add_row(mark, name, str(each.running or ""), how)
    Console().print(table)


def print_findings(findings: list[Finding]) -> None:
    if not sys.stdout.isatty():
        for each in findings:
            typer.echo(f"{'ok' if each.good else 'MISSING'}\t{each.system}\t{each.words}")
        return
    table = Table("", "System", "What was found", box=None)
    for each in findings:
        mark = "[green]ok[/]" if each.good else "[bold red]missing[/]"
        table.add_row(mark, each.system, each.words)
    Console().print(table)
