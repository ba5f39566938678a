"""Commands that ask a receiver, as somebody types them."""

import io
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import respx
from anyio.from_thread import BlockingPortal
from typer.testing import CliRunner, Result

from app.cli import cli

HOST = "watchdog.example"
URL = f"http://{HOST}"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def run_at_terminal(patch: pytest.MonkeyPatch, typed: str, *arguments: str) -> tuple[int, str]:
    """Run a command that asks at a terminal; return how it ends, and what it said there."""
    ours, theirs = os.openpty()
    os.write(ours, typed.encode())
    said = io.StringIO()
    with os.fdopen(theirs) as stdin, patch.context() as patched:
        for name, stream in (("stdin", stdin), ("stdout", io.StringIO()), ("stderr", said)):
            patched.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as ended:
            cli(arguments)
    os.close(ours)
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.getvalue()


@dataclass(frozen=True, slots=True)
class Lab:
    """The whole receiver, with an address at which commands find it."""

    client: httpx.AsyncClient
    portal: BlockingPortal
    route: respx.Route

    def do(self, ask: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:  # noqa: ANN401  # any answer
        """Ask the receiver something without a command."""
        return self.portal.call(ask, self.client, *arguments)

    def pass_on(self, request: httpx.Request) -> httpx.Response:
        async def send(client: httpx.AsyncClient) -> httpx.Response:
            return await client.request(
                request.method,
                request.url.raw_path.decode(),
                content=request.content,
                headers=request.headers.raw,
            )

        answer: httpx.Response = self.do(send)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def asked(self) -> list[httpx.Request]:
        return [call.request for call in self.route.calls]


def lines(result: Result) -> list[list[str]]:
    return [line.split("\t") for line in result.stdout.splitlines()]


def parsed(result: Result) -> Any:  # noqa: ANN401  # parsed JSON
    return json.loads(result.stdout)
