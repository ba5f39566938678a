"""`gpu-watchdog`: what it prints, and how it ends."""

from pathlib import Path
from typing import Any

import pytest
import respx
from typer.testing import CliRunner, Result

from app import __version__
from app.cli import cli
from demo.simulation import Addresses
from demo.slack.control import SlackControl
from tests.api.conftest import Configure, part


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def findings(result: Result) -> list[list[str]]:
    """Return what a check found: ok or MISSING, the system, the words."""
    return [line.split("\t") for line in result.stdout.splitlines()]


def missing(result: Result) -> list[tuple[str, str]]:
    return [(system, words) for mark, system, words in findings(result) if mark == "MISSING"]


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


@pytest.mark.usefixtures("upstream")
def test_check_passes_when_every_system_is_ready(
    configuration: dict[str, Any], configure: Configure
) -> None:
    configure(configuration)

    result = run("check")

    assert [(mark, system) for mark, system, _ in findings(result)] == [
        ("ok", "secrets"),
        ("ok", "database"),
        ("ok", "determined"),
        ("ok", "prometheus"),
        ("ok", "prometheus"),
        ("ok", "alertmanager"),
        ("ok", "slack"),
    ]
    assert result.exit_code == 0


def test_check_asks_everything_when_nothing_is_ready(
    configuration: dict[str, Any],
    configure: Configure,
    upstream: respx.MockRouter,
    simulation: Addresses,
    tmp_path: Path,
) -> None:
    configure(configuration)
    (tmp_path / "determined_password").write_text("wrong")
    upstream["rules"].respond(json={"status": "success", "data": {"groups": []}})
    upstream["silences"].respond(503)
    with SlackControl(simulation.slack) as slack:
        slack.fail("invalid_auth")

    result = run("check")

    assert result.exit_code == 1
    assert [system for system, _ in missing(result)] == [
        "determined",
        "prometheus",
        "prometheus",
        "alertmanager",
        "slack",
    ]
    words = dict(missing(result))
    assert "refuses the login of watchdog" in words["determined"]
    assert "the rule WatchdogHeartbeat is not loaded" in words["prometheus"]
    assert "alertmanager:9093: " in words["alertmanager"]
    assert "503" in words["alertmanager"]
    assert "invalid_auth" in words["slack"]


@pytest.mark.usefixtures("upstream")
def test_check_names_every_exemption_that_has_come_to_its_end(
    configuration: dict[str, Any], configure: Configure
) -> None:
    until = {"thesis": "2026-01-31", "for ever": "2999-01-01"}
    exempt = [
        {"matchers": ['username="alice"'], "reason": reason, "until": end}
        for reason, end in until.items()
    ]
    configure(configuration | {"exempt": exempt})

    result = run("check")

    assert result.exit_code == 1
    assert missing(result) == [
        ("exempt", "“thesis” ended 2026-02-01 00:00 UTC; remove or prolong it")
    ]


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("determined", "password_file"),
        ("prometheus", "password_file"),
        ("alertmanagers", "password_file"),
        ("slack", "bot_token_file"),
        ("slack", "app_token_file"),
        ("slack", "signing_secret_file"),
        ("api_tokens", "file"),
    ],
)
@pytest.mark.usefixtures("upstream")
def test_check_names_every_secret_that_cannot_be_read(
    configuration: dict[str, Any], configure: Configure, tmp_path: Path, section: str, key: str
) -> None:
    secret = str(tmp_path / "nowhere")
    part(configuration, section)[key] = secret
    configure(configuration)

    result = run("check")

    assert result.exit_code == 1
    assert missing(result) == [("secrets", f"secret file {secret}: No such file or directory")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(None, "No such file", id="missing"),
        pytest.param("no certificate", "no certificate", id="something else"),
    ],
)
@pytest.mark.usefixtures("upstream")
def test_check_names_certificates_that_cannot_be_read(
    configuration: dict[str, Any],
    configure: Configure,
    tmp_path: Path,
    content: str | None,
    why: str,
) -> None:
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)
    configuration["prometheus"]["ca_file"] = str(path)
    configure(configuration)

    result = run("check")

    assert result.exit_code == 1
    [(system, words)] = missing(result)
    assert system == "certificates"
    assert str(path) in words
    assert why in words


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("slack_bot_token/watchdog.db", id="below a file"),
        pytest.param("", id="a folder"),
    ],
)
@pytest.mark.usefixtures("upstream")
def test_check_says_that_the_database_cannot_be_used(
    configuration: dict[str, Any], configure: Configure, tmp_path: Path, path: str
) -> None:
    configure(configuration | {"database_url": f"sqlite+aiosqlite:///{tmp_path}/{path}"})

    result = run("check")

    assert result.exit_code == 1
    [(system, words)] = missing(result)
    assert system == "database"
    assert "check database_url" in words
