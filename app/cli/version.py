"""`gpu-watchdog version`."""

import typer

from app import __version__


def version() -> None:
    """Print the version."""
    typer.echo(f"gpu-watchdog {__version__}")
