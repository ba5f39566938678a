"""What all commands have in common that ask the receiver: their options, and how they fail."""

import inspect
import json
import os
import sys
from collections.abc import Callable
from functools import cached_property, wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import httpx
import typer

from app.cli.access import (
    CA_FILE_VARIABLE,
    TOKEN_FILE_VARIABLE,
    URL_VARIABLE,
    find_access,
    warning_of,
)
from app.cli.client import AnswerError, Client
from app.cli.terminal import fail
from app.errors import ConfigurationError

P = ParamSpec("P")
_PANEL = "The receiver"
_ENDS = """\
Ends with 0, with 1 when the receiver refuses it or what was named is not
there, and with 2 when it cannot be asked."""


class Session:
    """One command's way to the receiver, and to whoever typed it."""

    def __init__(
        self, url: str | None, token_file: Path | None, ca_file: Path | None, *, as_json: bool
    ) -> None:
        self._typed = url, token_file, ca_file
        self.as_json = as_json

    @cached_property
    def client(self) -> Client:
        """Open it. What is odd about how it was found is told on standard error."""
        try:
            access = find_access(*self._typed)
        except ConfigurationError as exc:
            fail(str(exc))
        if readers := warning_of(access.token_file):
            typer.echo(readers, err=True)
        if access.url_from:
            typer.echo(f"asking {access.url}, {access.url_from}", err=True)
        return Client(access)

    @property
    def on_terminal(self) -> bool:
        return sys.stdout.isatty() and not self.as_json

    def write_json(self, answer: object) -> None:
        """Write what the API has answered; letters beyond ASCII are escaped, and harm nobody."""
        typer.echo(json.dumps(answer, indent=2))


def quiet_client(timeout: float) -> Client:
    """Return a client for the completion of a word, which says nothing when something is wrong.

    Raises:
        ConfigurationError: it is not known where the receiver is, or there is no token.
    """

    def path(name: str) -> Path | None:
        found = os.environ.get(name)
        return Path(found) if found else None

    access = find_access(
        os.environ.get(URL_VARIABLE), path(TOKEN_FILE_VARIABLE), path(CA_FILE_VARIABLE)
    )
    return Client(access, httpx.Timeout(timeout))


def _options(
    *,
    url: Annotated[
        str | None,
        typer.Option(
            envvar=URL_VARIABLE,
            metavar="URL",
            help="Where it is. Otherwise where the configuration says, if there is one here.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            envvar=TOKEN_FILE_VARIABLE,
            metavar="FILE",
            help="The file that your token is in. What you do is noted under the token's name.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            envvar=CA_FILE_VARIABLE,
            metavar="FILE",
            help="Certificates of the authority to trust, in PEM.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write what the API answers, as JSON.")
    ] = False,
) -> Session:
    return Session(url, token_file, ca_file, as_json=as_json)


def asking(command: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Give a command the options of all that ask the receiver, and a session made of them."""
    own = list(inspect.signature(command).parameters.values())[1:]
    shared = inspect.signature(_options).parameters

    @wraps(command)
    def run(**given: Any) -> None:  # noqa: ANN401  # whatever typer has read
        session = _options(**{name: given.pop(name) for name in shared})
        try:
            command(session, **given)  # type: ignore[call-arg]
        except AnswerError as exc:
            typer.echo(str(exc), err=True)
            raise typer.Exit(exc.exit_code) from exc

    run.__doc__ = f"{inspect.getdoc(command)}\n\n{_ENDS}"
    run.__signature__ = inspect.Signature([*own, *shared.values()])  # type: ignore[attr-defined]
    return run
