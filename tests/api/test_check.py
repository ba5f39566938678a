"""`gpu-watchdog check` against the simulated Determined and Slack, and what the others answer."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx
from typer.testing import Result

from app.preflight import QUESTIONS, asking
from app.store.engine import create_engine
from app.store.sql import SqlIncidentStore
from demo.cluster.control import ControlClient
from demo.cluster.wire import SetUser
from demo.simulation import Addresses
from demo.slack.control import SlackControl
from demo.slack.state import APP_TOKEN
from tests.api.conftest import ALERTMANAGER, PROMETHEUS, Configure, part
from tests.api.test_command_line import run
from tests.preflight.parts import AGENTS
from tests.preflight.sound import Setup

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(scope="module")
def setup() -> Setup:
    """What Prometheus and Alertmanager report. It is the same for all tests: read it only."""
    return Setup()


@pytest.fixture
def ready(upstream: respx.MockRouter, setup: Setup) -> respx.MockRouter:
    """Let Prometheus and Alertmanager answer as in a sound set-up."""
    now = datetime.now(UTC)
    for name, answer in setup.prometheus_says().items():
        if name == "rules":
            for group in answer["data"]["groups"]:
                group["lastEvaluation"] = now.isoformat()
        route = upstream.get(f"{PROMETHEUS}/api/v1/{name}", name=name)
        route.respond(json=answer)
    upstream.post(f"{PROMETHEUS}/api/v1/query", name="query").mock(side_effect=_queried)
    status = upstream.get(f"{ALERTMANAGER}/api/v2/status", name="status")
    status.mock(side_effect=lambda _request: _dated(setup.alertmanager_says()))
    stranger = upstream.get(f"{ALERTMANAGER}/api/v2/receivers", name="receivers")
    stranger.respond(401)
    return upstream


def _dated(answer: dict[str, Any]) -> httpx.Response:
    """Return an answer that says what time it is, in the moment in which it is given."""
    return httpx.Response(200, json=answer, headers={"Date": format_datetime(datetime.now(UTC))})


def _queried(request: httpx.Request) -> httpx.Response:
    [expression] = parse_qs(request.content.decode())["query"]
    now = datetime.now(UTC).timestamp()
    if expression == "time()":
        data: dict[str, Any] = {"resultType": "scalar", "result": [now, str(now)]}
    else:
        none = expression in {asking.MIG, asking.NAMELESS}
        agents = {} if none else AGENTS
        rows = [
            {"metric": {"det_agent_id": agent}, "value": [now, str(number)]}
            for agent, number in agents.items()
        ]
        data = {"resultType": "vector", "result": rows}
    return httpx.Response(200, json={"status": "success", "data": data})


@pytest.fixture
def sound(
    configuration: dict[str, Any], configure: Configure, database_file: Path, tmp_path: Path
) -> dict[str, Any]:
    """A configuration of which nothing is missing, and a heartbeat that has just arrived."""
    token = tmp_path / "app_token"
    token.write_text(APP_TOKEN)
    token.chmod(0o600)
    configuration["slack"] |= {"app_token_file": str(token), "email_domain": "lab.example"}
    configure(configuration)
    asyncio.run(_beat(database_file))
    return configuration


async def _beat(path: Path) -> None:
    engine = create_engine(f"sqlite+aiosqlite:///{path}")
    await SqlIncidentStore(engine).receive((), heartbeat_at=datetime.now(UTC))
    await engine.dispose()


@pytest.fixture
def slack(simulation: Addresses) -> Iterator[SlackControl]:
    with SlackControl(simulation.slack) as control:
        yield control


def not_ok(result: Result) -> dict[str, tuple[str, str]]:
    """Return what is wrong by id: the mark and the words. What was not asked is left out."""
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    bad = {"WARNING", "MISSING"}
    return {name: (mark, words) for mark, name, words, _ in lines if mark in bad}


@pytest.mark.usefixtures("ready", "sound")
def test_check_passes_when_every_system_is_ready_and_changes_nothing(
    slack: SlackControl, tmp_path: Path
) -> None:
    result = run("check", "--json")

    found = json.loads(result.stdout)
    assert [each for each in found if each["state"] != "ok"] == []
    asked = [f"{system}.{question}" for system, each in QUESTIONS.items() for question in each]
    assert [each["id"] for each in found] == asked
    assert {frozenset(each) for each in found} == {
        frozenset({"id", "state", "system", "words", "remedy"})
    }
    assert result.exit_code == 0
    assert slack.calls("chat.postMessage") == []
    assert not (tmp_path / "determined_token").exists(), "the receiver alone writes it"


@pytest.mark.usefixtures("sound")
def test_check_asks_everything_when_nothing_is_ready(
    ready: respx.MockRouter, slack: SlackControl, tmp_path: Path
) -> None:
    (tmp_path / "determined_password").write_text("wrong")
    ready["rules"].respond(503)
    ready["status"].respond(503)
    slack.fail("invalid_auth")

    result = run("check")

    assert result.exit_code == 1
    assert {name: words for name, (mark, words) in not_ok(result).items() if mark == "MISSING"} == {
        "determined.login": "Determined refuses the login of watchdog",
        "prometheus.rules": "Prometheus answered 503",
        "alertmanager.reachable": "alertmanager:9093: answered 503",
        "slack.token": "Slack answered invalid_auth",
        "slack.buttons": "Socket Mode: Slack answered invalid_auth",
    }


@pytest.mark.usefixtures("ready", "sound")
def test_check_names_what_slack_and_determined_do_not_grant(
    slack: SlackControl, control: ControlClient
) -> None:
    slack.set_scopes("chat:write", "im:write", "users:read", "channels:history")
    control.start_idle_notebook("alice")
    control.set_user("watchdog", SetUser(active=False))

    result = run("check")

    found = not_ok(result)
    assert {name: mark for name, (mark, _) in found.items()} == {
        "determined.login": "MISSING",
        "slack.scopes": "MISSING",
    }
    assert "users:read.email" in found["slack.scopes"][1]


@pytest.mark.usefixtures("ready")
def test_check_names_a_channel_that_the_bot_is_not_in(
    sound: dict[str, Any], configure: Configure
) -> None:
    sound["slack"]["admin_channel"] = "C01ELSEWHERE"
    configure(sound)

    result = run("check")

    assert not_ok(result) == {
        "slack.admin_channel": ("MISSING", "the bot is not in C01ELSEWHERE (channel_not_found)")
    }


@pytest.mark.usefixtures("sound")
def test_an_alertmanager_that_anybody_may_ask_is_a_warning_and_ends_with_0(
    ready: respx.MockRouter,
) -> None:
    ready["receivers"].respond(json=[{"name": "gpu-watchdog"}])

    result = run("check")

    assert {name: mark for name, (mark, _) in not_ok(result).items()} == {
        "alertmanager.access": "WARNING"
    }
    assert result.exit_code == 0


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
@pytest.mark.usefixtures("ready")
def test_check_names_every_secret_that_cannot_be_read_and_asks_the_others(
    sound: dict[str, Any], configure: Configure, tmp_path: Path, section: str, key: str
) -> None:
    secret = str(tmp_path / "nowhere")
    part(sound, section)[key] = secret
    configure(sound)

    result = run("check")

    assert result.exit_code == 1
    found = not_ok(result)
    why = f"secret file {secret}: No such file or directory"
    assert found.pop("secrets.files") == ("MISSING", why)
    assert all(why in words for _, words in found.values()), found
    systems = {name.partition(".")[0] for name in found}
    assert systems <= {{"alertmanagers": "alertmanager"}.get(section, section)}, found


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(None, "No such file", id="missing"),
        pytest.param("no certificate", "no certificate", id="something else"),
    ],
)
@pytest.mark.usefixtures("ready")
def test_check_names_certificates_that_cannot_be_read(
    sound: dict[str, Any], configure: Configure, tmp_path: Path, content: str | None, why: str
) -> None:
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)
    sound["prometheus"]["ca_file"] = str(path)
    configure(sound)

    result = run("check")

    assert result.exit_code == 1
    [(name, (_, words))] = not_ok(result).items()
    assert name == "prometheus.reachable"
    assert str(path) in words
    assert why in words


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("slack_bot_token/watchdog.db", id="below a file"),
        pytest.param("", id="a folder"),
    ],
)
@pytest.mark.usefixtures("ready")
def test_check_says_that_the_database_cannot_be_used(
    sound: dict[str, Any], configure: Configure, tmp_path: Path, path: str
) -> None:
    configure(sound | {"database_url": f"sqlite+aiosqlite:///{tmp_path}/{path}"})

    result = run("check")

    assert result.exit_code == 1
    assert {name: mark for name, (mark, _) in not_ok(result).items()} == {
        "database.reachable": "MISSING"
    }
