"""What every command of `gpu-watchdog` does alike: how it reads, how it fails, how it ends."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

import typer

from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.settings import Settings

SOMETHING_IS_MISSING = 1
CANNOT_BEGIN = 2
"""The exit code for wrong configuration and wrong arguments."""


def worded(parse: Callable[[str], datetime]) -> Callable[[str], datetime]:
    """Let the command line say what is wrong, and not only that something is."""

    def read(text: str) -> datetime:
        try:
            return parse(text)
        except ValueError as exc:
            raise typer.BadParameter(str(exc)) from exc

    return read


def end_of_output(exc: OSError) -> NoReturn:
    """End where nobody reads on, or the disk is full: what was written is not all."""
    # What is left in the buffer would be tried again at the very end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    typer.echo(f"the output ended early: {exc.strerror}", err=True)
    raise typer.Exit(SOMETHING_IS_MISSING)


def print_answer(written: Callable[[int | None], str], unknown: Iterable[str]) -> None:
    """Print an answer, and on standard error what in it is not known.

    `written` is given the width of the terminal; None: the answer goes into a file or a pipe.

    Raises:
        typer.Exit: it could not be written, or something is not known.
    """
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    try:
        sys.stdout.write(written(columns))
        sys.stdout.flush()
    except OSError as exc:
        end_of_output(exc)
    end_with(unknown)


def end_with(unknown: Iterable[str]) -> None:
    """Say what is not known or could not be read, and end with 1 if anything is."""
    lines = list(unknown)
    for each in lines:
        typer.echo(each, err=True)
    if lines:
        raise typer.Exit(SOMETHING_IS_MISSING)


def busy(words: str) -> AbstractContextManager[object]:
    """Show that something takes its time: on a terminal, where no answer is being written to it."""
    if not sys.stderr.isatty():
        return nullcontext()
    # To import these takes longer than most commands need for their answer.
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415
    from rich.spinner import Spinner  # noqa: PLC0415

    return Live(
        Spinner("dots", words),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=8,
        # The answer goes where it always goes, and not before the spinner.
        redirect_stdout=False,
        redirect_stderr=False,
    )


def read_settings() -> "Settings":
    # Most commands read none, and begin the sooner.
    from app.settings import load_settings  # noqa: PLC0415

    try:
        return load_settings()
    except ConfigurationError as exc:
        fail(str(exc))


def fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(CANNOT_BEGIN)
