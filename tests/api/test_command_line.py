"""`gpu-watchdog`: what it prints, and how it ends."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app import __version__
from app.cli import cli
from app.cli.terminal import busy
from tests.api.conftest import Configure


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def test_version_is_printed() -> None:
    result = run("version")

    assert (result.exit_code, result.stdout) == (0, f"gpu-watchdog {__version__}\n")


def test_configuration_that_can_be_read_passes_offline(
    configuration: dict[str, Any], configure: Configure
) -> None:
    configuration["determined"]["url"] = "http://nobody.invalid"
    configure(configuration)

    result = run("check", "--offline")

    assert (result.exit_code, result.stderr) == (0, "")


def everything_on(terminal: int) -> str:
    """Read what was written before the other side was closed, and close this one."""
    shown = b""
    with suppress(OSError):  # Linux's word for the end.
        while piece := os.read(terminal, 1000):
            shown += piece
    os.close(terminal)
    return shown.decode()


def test_what_takes_its_time_says_so_beside_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)

        with busy("Reading"):
            sys.stdout.write("the answer\n")

    shown = everything_on(ours)
    assert capsys.readouterr().out == "the answer\n"
    assert "Reading" in shown
    assert "the answer" not in shown


@pytest.mark.parametrize("command", [("check", "--offline"), ("check",), ("serve",)])
def test_wrong_configuration_ends_every_command_with_2(
    configuration: dict[str, Any], configure: Configure, command: tuple[str, ...]
) -> None:
    configure(configuration | {"moode": "warn"})

    result = run(*command)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "moode" in result.stderr


def test_missing_secret_ends_the_receiver_before_it_begins(
    configuration: dict[str, Any], configure: Configure, tmp_path: Path
) -> None:
    configure(configuration)
    (tmp_path / "slack_bot_token").unlink()

    result = run("serve")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "slack_bot_token: No such file" in result.stderr
