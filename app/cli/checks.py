"""`gpu-watchdog check` and `users check`: what is missing before the watchdog can do its work."""

import asyncio
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.adapters.slack_text import clean
from app.cli.terminal import SOMETHING_IS_MISSING, fail, read_settings
from app.errors import ConfigurationError, UpstreamError
from app.preflight import Finding, preflight
from app.reach import Reach, reaches

_LONGEST = 300  # characters of a name or a reason
_HOW_TO_REACH = """\
Nothing is stopped of whom nobody can be told. To be told, they need in the section `users` a
`slack_id`, an `email` or the `channel` of a team."""


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
