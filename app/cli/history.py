"""`gpu-watchdog history`."""

import asyncio
import sys
from contextlib import nullcontext
from datetime import datetime
from typing import Annotated

import typer

from app.cli.terminal import (
    busy,
    end_of_output,
    end_with,
    fail,
    read_settings,
    worded,
)
from app.day import parse_begin, parse_end
from app.errors import ConfigurationError, StoreUnavailableError
from app.export import export as export_history


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

    Then, as lines of the same form, every trip and reset of the breaker.

    Ends with 0 when all of it was written, with 1 when something could not be
    read or written, and with 2 when there is no database that can be read, or the
    configuration is wrong.
    """
    settings = read_settings()
    try:
        with nullcontext() if sys.stdout.isatty() else busy("Reading the history"):
            unreadable = asyncio.run(export_history(settings, since, until, sys.stdout.write))
        sys.stdout.flush()
    except (ConfigurationError, StoreUnavailableError) as exc:
        # The lines after the first one are for programmers.
        first, *_ = str(exc).splitlines()
        fail(first)
    except OSError as exc:
        end_of_output(exc)
    end_with(unreadable)
