"""`gpu-watchdog users check`: who would be told how, and what it means for the exit code."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.checks import print_reaches
from app.reach import Reach, reaches
from app.settings import load_settings
from demo.cluster.control import ControlClient
from demo.cluster.wire import SetUser
from demo.simulation import Addresses
from demo.slack.control import SlackControl
from tests.api.conftest import Configure
from tests.api.test_command_line import run

NOBODY = {"slack_id": "U01NOBODY"}


@pytest.fixture
def slack(simulation: Addresses) -> Iterator[SlackControl]:
    with SlackControl(simulation.slack) as control:
        yield control


@pytest.fixture
def people(configuration: dict[str, Any], configure: Configure) -> dict[str, Any]:
    """What the configuration says of owners; it is written with the e-mail rule beside."""
    configuration["slack"]["email_domain"] = "lab.example"
    configuration["users"] = {"bob": {"slack_id": "U01BOB"}, "carol": {"channel": "C01TEAM"}}
    configure(configuration)
    users: dict[str, Any] = configuration["users"]
    return users


@pytest.mark.usefixtures("people")
def test_everybody_is_listed_with_where_they_are_told_and_nobody_is_sent_anything(
    control: ControlClient, slack: SlackControl
) -> None:
    control.start_idle_notebook("alice")

    result = run("users", "check", "--json")

    found = {each["username"]: each for each in json.loads(result.stdout)}
    assert {name: each["how"] for name, each in found.items() if each["reached"]} == {
        "alice": "directly, by the e-mail address",
        "bob": "directly, by the Slack id U01BOB",
        "carol": "in the channel C01TEAM that is configured",
        "dan": "directly, by the e-mail address",
    }
    assert "admin@lab.example (users_not_found)" in found["admin"]["how"]
    assert [name for name, each in found.items() if each["running"]] == ["alice"]
    assert result.exit_code == 0, "who is not reached runs nothing"
    assert slack.calls("chat.postMessage") == []


def test_who_runs_something_and_is_not_reached_comes_first_and_ends_it_with_1(
    configuration: dict[str, Any],
    configure: Configure,
    people: dict[str, Any],
    control: ControlClient,
    slack: SlackControl,
) -> None:
    people["dan"] = NOBODY
    configure(configuration)
    slack.deactivate("alice")
    for username in ("dan", "dan", "alice", "bob"):
        control.start_idle_notebook(username)
    control.set_user("bob", SetUser(active=False))

    result = run("users", "check")

    _, *lines = result.stdout.splitlines()
    marks = [line.split()[:3] for line in lines if {"alice", "bob", "dan"} & {*line.split()[1:2]}]
    assert marks == [["nobody", "dan", "2"], ["nobody", "alice", "1"], ["nobody", "bob", "1"]]
    assert lines[0].split()[1] == "dan"
    assert "the account in Determined is not active" in result.stdout
    assert lines[-2].startswith("Nothing is stopped of whom nobody can be told.")
    assert result.exit_code == 1


@pytest.mark.usefixtures("people")
async def test_slack_has_the_pauses_that_it_asks_for(slack: SlackControl) -> None:
    slack.limit_rate(method="users.lookupByEmail", retry_after=7, times=2)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    found = await reaches(load_settings(), pause=pause)

    assert pauses == [7, 7]
    assert {each.username for each in found if each.reached} == {"alice", "bob", "carol", "dan"}


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("system", ["slack", "determined"])
def test_a_system_that_cannot_be_asked_ends_it_with_2(
    slack: SlackControl, control: ControlClient, system: str
) -> None:
    if system == "slack":
        slack.fail("invalid_auth")
    else:
        control.fail("/api/v1/", 503)

    result = run("users", "check")

    assert (result.exit_code, result.stdout) == (2, "")
    assert {"slack": "invalid_auth", "determined": "503"}[system] in result.stderr


def test_a_table_is_80_columns_wide_and_obeys_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    print_reaches([Reach("\x1b[2J[bold]x[/]" * 9, 1, reached=False, how="no [red]one " * 30)])

    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) == 80
    assert "[bold]x[/]" in printed
    assert "\x1b" not in printed


@pytest.mark.usefixtures("people")
def test_what_is_logged_meanwhile_does_not_stand_in_the_answer(
    configuration: dict[str, Any], configure: Configure, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    configuration["determined"]["prometheus_token_file"] = str(tmp_path / "file/token")
    configure(configuration)

    command = [sys.executable, "-m", "app", "users", "check", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- ours.

    assert {each["username"] for each in json.loads(result.stdout)} >= {"alice", "bob"}
    assert json.loads(result.stderr)["event"] == "token_file_not_written"
