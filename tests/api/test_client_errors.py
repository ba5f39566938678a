"""What commands say when the receiver cannot be asked, or is not what they expect."""

import asyncio
import io
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import respx
from pydantic import BaseModel
from rich.console import Console
from typer.testing import CliRunner, Result

from app.api.actions import ActionView, EffectView, WarningView
from app.api.breaker import BreakerView, LimitsView, StopView
from app.api.explanation import (
    ConditionView,
    ExplanationView,
    LookView,
    MeasureView,
    MilestoneView,
)
from app.api.incidents import EntryView, HoldView, IncidentView, IncidentWithHistory, TargetView
from app.api.tasks import (
    ActivityView,
    AllocationView,
    OpenIncidentView,
    ProspectView,
    TaskListView,
    TaskView,
)
from app.api.users import HeldView, UserListView, UserView
from app.cli import cli, shapes
from app.cli.access import TOKEN_FILE_VARIABLE, URL_VARIABLE, configured_url
from app.cli.incidents import listed
from app.cli.moments import Clock, span
from app.settings import CONFIG_VARIABLE
from tests.api.at_work import lines, run
from tests.api.test_clients import CERTIFICATE
from tests.docs.client_commands import held, running

KEEP = ("keep", "0" * 36, "--for", "2h", "--reason", "a demo", "--yes", "--key", "k1")


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        pytest.param(httpx.ConnectError("Connection refused"), 2, "nobody answers", id="nobody"),
        pytest.param(httpx.ReadTimeout("late"), 1, "with --key k1 does it once", id="no answer"),
        pytest.param(httpx.Response(502, text="<h1>no"), 1, "with --key k1", id="a proxy"),
        pytest.param(httpx.Response(302), 1, "not as the watchdog does", id="another site"),
        pytest.param(httpx.Response(200, text="hello"), 2, "not as the watchdog", id="no JSON"),
        pytest.param(httpx.Response(200, json={}), 2, "another version", id="other fields"),
        pytest.param(
            httpx.Response(429, json={"detail": "Too many."}, headers={"Retry-After": "30"}),
            1,
            "Too many. Try again in 30 s.",
            id="too often",
        ),
        pytest.param(
            httpx.Response(503, json={"detail": "Send it \x1b[31magain."}),
            1,
            "Send it [31magain.\n",
            id="colours",
        ),
    ],
)
def test_every_failure_is_a_sentence_and_an_exit_code(
    receiver: respx.Route, answer: httpx.Response | Exception, code: int, words: str
) -> None:
    if isinstance(answer, httpx.Response):
        receiver.mock(return_value=answer)
    else:
        receiver.mock(side_effect=answer)

    result = run(*KEEP)

    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_what_was_lost_once_may_be_done_though_nobody_answers_any_more(
    receiver: respx.Route,
) -> None:
    receiver.mock(side_effect=[httpx.ReadTimeout("late"), httpx.ConnectError("gone")])

    result = run(*KEEP)

    assert result.exit_code == 1
    assert "Nobody knows whether it was done; the same command with --key k1" in result.stderr


@pytest.mark.usefixtures("receiver")
def test_certificate_that_nobody_vouches_for_is_called_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one failure whose words lie three errors deep."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)

    async def ask() -> Result:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            monkeypatch.setenv(URL_VARIABLE, f"https://127.0.0.1:{port}")
            return await asyncio.to_thread(run, *KEEP)

    result = asyncio.run(ask())

    assert result.exit_code == 2
    assert "self-signed certificate" in result.stderr
    assert "--ca-file" in result.stderr


def test_token_is_sent_as_it_is_and_its_readers_are_named(
    receiver: respx.Route, tmp_path: Path
) -> None:
    receiver.respond(json=[])
    (tmp_path / "my_token").chmod(0o644)

    result = run("incidents", "list")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "my_token can be read by everybody on this machine" in result.stderr
    [call] = receiver.calls
    assert dict(call.request.headers.raw)[b"Authorization"] == b"Bearer " + "tökên".encode()


@pytest.mark.parametrize(
    ("content", "url", "source"),
    [
        ("public_url: https://watchdog.lab.example", "https://watchdog.lab.example", "public_url"),
        ("listen_host: 0.0.0.0\nlisten_port: 9000", "http://127.0.0.1:9000", "listen_host"),
        ("listen_host: '::1'", "http://[::1]:8090", "listen_host"),
    ],
)
def test_address_is_that_of_a_configuration_which_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, url: str, source: str
) -> None:
    path = tmp_path / "watchdog.yaml"
    path.write_text(content)
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))

    found, words = configured_url()

    assert (found, words) == (url, f"{source} of {path}")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({URL_VARIABLE: ""}, "where is the watchdog?"),
        ({TOKEN_FILE_VARIABLE: ""}, "whose token is it?"),
        ({URL_VARIABLE: "localhost:8090"}, "no address of the watchdog"),
        ({TOKEN_FILE_VARIABLE: "nowhere"}, "nowhere: No such file"),
    ],
)
@pytest.mark.usefixtures("receiver")
def test_what_is_missing_is_said_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], words: str
) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "none.yaml"))
    for name, value in changes.items():
        monkeypatch.setenv(name, value)

    result = run("incidents", "list")

    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


@pytest.mark.parametrize(
    ("typed", "answer", "offered"),
    [
        ("kill 0f4c", [held()], [held()["incident_id"]]),
        ("kill 9", [held()], []),
        ("explain c7", {"tasks": running(), "total": 2, "unknown": []}, [running()[1]["task_id"]]),
    ],
)
def test_ids_are_completed_where_the_receiver_answers_and_nowhere_else(
    receiver: respx.Route, typed: str, answer: object, offered: list[str]
) -> None:
    receiver.respond(json=answer)
    found = completed(typed)
    receiver.mock(side_effect=httpx.ConnectError)

    assert (found.stdout.split(), found.stderr) == (offered, "")
    assert (completed(typed).output.strip(), completed(typed).stderr) == ("", "")


def completed(typed: str) -> Result:
    """Return what the shell offers when somebody goes on from here with the key for it."""
    words = f"gpu-watchdog {typed}"
    shell = {
        "_GPU_WATCHDOG_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    return CliRunner().invoke(cli, [], prog_name="gpu-watchdog", env=shell)


def test_names_command_no_terminal_and_no_column(receiver: respx.Route) -> None:
    incident = held()
    incident["username"] = "[red]mallory[/]\x1b[2J\t\u202ebob"
    output = io.StringIO()
    clock = Clock(datetime(2026, 11, 24, 13, tzinfo=UTC), UTC)

    console = Console(file=output, width=200, force_terminal=True, color_system=None)
    for part in listed([incident], clock):
        console.print(part)

    receiver.respond(json=[incident])
    [row] = lines(run("incidents", "list"))

    assert (row[2], len(row)) == ("[red]mallory[/][2J bob", 11)
    assert row[2] in output.getvalue()
    assert not {"\x1b", "\t", "\u202e"} & set(output.getvalue())


def test_spans_are_told_in_their_two_largest_units() -> None:
    told = {
        "0 s": timedelta(),
        "119 s": timedelta(seconds=119.9),
        "2 min": timedelta(seconds=120),
        "1 h": timedelta(minutes=60),
        "1 h 1 min": timedelta(minutes=61),
        "1 d": timedelta(days=1, minutes=5),
        "3 d 4 h": timedelta(days=3, hours=4, minutes=5),
    }

    assert {words: span(length) for words, length in told.items()} == dict(
        zip(told, told, strict=True)
    )


@pytest.mark.parametrize(
    ("shape", "model"),
    [
        (shapes.IncidentShape, IncidentView),
        (shapes.HistoryShape, IncidentWithHistory),
        (shapes.TargetShape, TargetView),
        (shapes.HoldShape, HoldView),
        (shapes.EntryShape, EntryView),
        (shapes.ActionShape, ActionView),
        (shapes.EffectShape, EffectView),
        (shapes.WarningShape, WarningView),
        (shapes.BreakerShape, BreakerView),
        (shapes.LimitsShape, LimitsView),
        (shapes.StopShape, StopView),
        (shapes.ActivityShape, ActivityView),
        (shapes.ProspectShape, ProspectView),
        (shapes.OpenIncidentShape, OpenIncidentView),
        (shapes.AllocationShape, AllocationView),
        (shapes.TaskShape, TaskView),
        (shapes.TaskListShape, TaskListView),
        (shapes.ConditionShape, ConditionView),
        (shapes.LookShape, LookView),
        (shapes.MeasureShape, MeasureView),
        (shapes.MilestoneShape, MilestoneView),
        (shapes.ExplanationShape, ExplanationView),
        (shapes.HeldShape, HeldView),
        (shapes.UserShape, UserView),
        (shapes.UserListShape, UserListView),
    ],
)
def test_commands_expect_what_the_api_answers(shape: type, model: type[BaseModel]) -> None:
    assert set(shape.__annotations__) <= set(model.model_fields)
