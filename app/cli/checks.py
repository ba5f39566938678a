"""`gpu-watchdog check` and `users check`: what is missing before the watchdog can do its work."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.adapters.slack_text import clean
from app.cli.terminal import SOMETHING_IS_MISSING, fail, read_settings
from app.errors import ConfigurationError, UpstreamError
from app.preflight import Finding, State, preflight
from app.reach import Reach, reaches

_LONGEST = 300  # characters of a name or a reason
_WORDS = {
    State.OK: "ok",
    State.WARNING: "WARNING",
    State.MISSING: "MISSING",
    State.NOT_ASKED: "not asked",
}
_STYLES = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.MISSING: "bold red",
    State.NOT_ASKED: "dim",
}
_HOW_TO_REACH = """\
Nothing is stopped of whom nobody can be told. To be told, they need in the section `users` a
`slack_id`, an `email` or the `channel` of a team."""


def check(
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Read the configuration only, and ask no system.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write an array of JSON instead of a table.")
    ] = False,
) -> None:
    """Ask every system whether it is ready for the watchdog, and say what to do where it is not.

    Nothing is changed: no message is sent, no database made. Every question has a
    time limit, and a system that is down hides no other.

    Ends with 0 when nothing is missing (there may be warnings), with 1 when
    something is, and with 2 when the configuration is wrong.
    """
    settings = read_settings()
    if offline:
        typer.echo("[]" if as_json else "The configuration can be read.")
        return
    findings = asyncio.run(preflight(settings))
    if as_json:
        typer.echo(json.dumps([as_written(each) for each in findings], indent=2))
    else:
        print_findings(findings)
    if any(finding.state is State.MISSING for finding in findings):
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


def as_written(finding: Finding) -> dict[str, str]:
    """Return what programs may rely on: these fields, and the ids of docs/check.md."""
    return {
        "id": finding.id,
        "state": finding.state,
        "system": finding.system,
        "words": finding.words,
        "remedy": finding.remedy,
    }


def print_findings(findings: Sequence[Finding]) -> None:
    """Write a line for each; on a terminal a table, in which what is ok is short."""
    if not sys.stdout.isatty():
        for each in findings:
            fields = (_WORDS[each.state], each.id, each.words, each.remedy)
            typer.echo("\t".join(clean(field, _LONGEST) for field in fields))
        return
    print_table(findings)


def print_table(findings: Sequence[Finding]) -> None:
    table = Table("", "System", "What was found, and what to do", box=None)
    for _, group in groupby(findings, key=lambda each: each.system):
        _add_system(table, list(group))
    Console().print(table)
    typer.echo(_sum(findings))


def _add_system(table: Table, findings: Sequence[Finding]) -> None:
    _add_short(table, [each for each in findings if each.state is State.OK])
    for each in findings:
        if each.state in {State.MISSING, State.WARNING}:
            # Other systems' words: neither mark-up nor what moves the cursor comes of them.
            words = Text(clean(each.words, _LONGEST))
            if each.remedy:
                words.append(f"\n→ {each.remedy}", "bold")
            table.add_row(Text(_WORDS[each.state], _STYLES[each.state]), each.system, words)

    _add_short(table, [each for each in findings if each.state is State.NOT_ASKED])


def _add_short(table: Table, findings: Sequence[Finding]) -> None:
    """Add one row for all, with the names of the questions alone."""
    if findings:
        names = dict.fromkeys(each.id.partition(".")[2].replace("_", " ") for each in findings)
        mark = Text(_WORDS[findings[0].state], _STYLES[findings[0].state])
        table.add_row(mark, findings[0].system, Text(", ".join(names)))


def _sum(findings: Sequence[Finding]) -> str:
    count = Counter(each.state for each in findings)
    worse = (State.MISSING, State.WARNING, State.NOT_ASKED)
    parts = [f"{count[state]} {_WORDS[state].lower()}" for state in worse if count[state]]
    return ", ".join(parts) or "All is ready."
