"""What every command asks for that does something: a reason, and whether it is really meant."""

import sys
from typing import Annotated

import typer

from app.cli.terminal import SOMETHING_IS_MISSING, fail

Reason = Annotated[
    str, typer.Option(metavar="TEXT", help="Why: for the history, and for whoever asks later.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell what would come of it, and do nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether it is meant.")]


def demand_somebody(*, unless: bool) -> None:
    """End where nobody can be asked whether it is meant, before anything is done."""
    if not unless and not sys.stdin.isatty():
        fail("nobody is at a terminal to be asked: look with --dry-run, and say --yes")


def agree(question: str) -> None:
    # Standard output is for the answer alone, so the question goes elsewhere.
    typer.echo(f"{question} [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        typer.echo("Nothing was done.", err=True)
        raise typer.Exit(SOMETHING_IS_MISSING)
