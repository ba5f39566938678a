"""The command line `gpu-watchdog`."""

import asyncio
import sys
from typing import Annotated, NoReturn

import typer
import uvicorn
from rich.console import Console
from rich.table import Table

from app import __version__
from app.errors import ConfigurationError
from app.logs import configure_logs
from app.main import create_app
from app.preflight import Finding, preflight, secrets
from app.settings import Settings, load_settings

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Tells the owners of idle GPU tasks, waits, and frees the GPUs, safely.",
)
_CONFIGURATION_IS_WRONG = 2
_SOMETHING_IS_MISSING = 1


def main() -> None:
    cli()


@cli.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"gpu-watchdog {__version__}")


@cli.command()
def serve() -> None:
    """Run the receiver until it is asked to stop."""
    settings = _settings()
    missing = [finding.words for finding in secrets(settings) if not finding.good]
    if missing:
        _fail("\n".join(missing))
    configure_logs()
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
    settings = _settings()
    if offline:
        typer.echo("The configuration can be read.")
        return
    findings = asyncio.run(preflight(settings))
    _print(findings)
    if any(not finding.good for finding in findings):
        raise typer.Exit(_SOMETHING_IS_MISSING)


def _settings() -> Settings:
    try:
        return load_settings()
    except ConfigurationError as exc:
        _fail(str(exc))


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(_CONFIGURATION_IS_WRONG)


def _print(findings: list[Finding]) -> None:
    if not sys.stdout.isatty():
        for each in findings:
            typer.echo(f"{'ok' if each.good else 'MISSING'}\t{each.system}\t{each.words}")
        return
    table = Table("", "System", "What was found", box=None)
    for each in findings:
        mark = "[green]ok[/]" if each.good else "[bold red]missing[/]"
        table.add_row(mark, each.system, each.words)
    Console().print(table)
