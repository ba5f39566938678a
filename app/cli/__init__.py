"""The command line `gpu-watchdog`: one module for each family of commands."""

import typer
import uvicorn

from app import __version__
from app.cli.checks import check, check_users
from app.cli.history import export
from app.cli.report import report
from app.cli.terminal import fail, read_settings
from app.main import create_app
from app.preflight import secrets

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Tells the owners of idle GPU tasks, waits, and frees the GPUs, safely.",
)
history = typer.Typer(no_args_is_help=True, help="What happened to incidents.")
cli.add_typer(history, name="history")
users = typer.Typer(no_args_is_help=True, help="Owners of tasks, and how they are told.")
cli.add_typer(users, name="users")


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


cli.command()(check)
cli.command()(report)
users.command("check")(check_users)
history.command()(export)
