"""The receiver beside a simulated Determined and Slack, and what the other systems answer."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import yaml
from anyio.from_thread import start_blocking_portal

from app.cli.access import TOKEN_FILE_VARIABLE, URL_VARIABLE
from app.errors import ConfigurationError
from app.settings import CONFIG_VARIABLE, Settings, load_settings
from app.store.engine import create_engine
from app.store.sql import SqlIncidentStore
from demo.cluster.cluster import Options
from demo.cluster.control import ControlClient
from demo.simulation import Addresses
from demo.simulation import simulation as simulated_world
from demo.slack.state import BOT_TOKEN
from tests.api.at_work import HOST, URL
from tests.api.receiver import NEXT_TOKEN, TOKENS, running
from tests.sqlite import Prepare

PROMETHEUS = "http://prometheus:9090"
ALERTMANAGER = "http://alertmanager:9093"
RULES = ("GPUAllocationIdle", "GPULowEfficiency", "WatchdogHeartbeat")

Configure = Callable[[Mapping[str, Any]], Path]
"""Writes watchdog.yaml, and returns where it is."""


def refusal() -> str:
    """Return the words with which the configuration is refused."""
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    return str(refused.value)


def part(configuration: dict[str, Any], section: str) -> dict[str, Any]:
    """Return a section of the configuration; where there are several, the first."""
    found = configuration[section]
    only: dict[str, Any] = found[0] if isinstance(found, list) else found
    return only


@pytest.fixture
def simulation() -> Iterator[Addresses]:
    """The addresses of a listening simulation, a hundred times as fast."""
    world = simulated_world(Options(speed=100))
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(world) as addresses,
    ):
        yield addresses


@pytest.fixture
def control(simulation: Addresses) -> Iterator[ControlClient]:
    with ControlClient(simulation.control) as client:
        yield client


@pytest.fixture
def determined_is_down(control: ControlClient) -> None:
    """Alerts about tasks that nobody runs are taken as long as Determined does not deny them."""
    control.fail("/api/v1/", 503)


@pytest.fixture
def upstream() -> Iterator[respx.MockRouter]:
    """Prometheus and Alertmanager: nothing fires, nothing is silenced, until the test says so."""
    with respx.mock(assert_all_called=False) as router:
        router.route(host="127.0.0.1").pass_through()
        loaded = {"severity": "warning", "policy": "reclaim"}
        rules = [{"rules": [{"name": name, "labels": loaded} for name in RULES]}]
        for name, path, found in (
            ("firing", "alerts", {"alerts": []}),
            ("rules", "rules", {"groups": rules}),
        ):
            route = router.get(f"{PROMETHEUS}/api/v1/{path}", name=name)
            route.respond(json={"status": "success", "data": found})
        nothing = {"resultType": "vector", "result": []}
        query = router.post(f"{PROMETHEUS}/api/v1/query", name="query")
        query.respond(json={"status": "success", "data": nothing})
        router.get(f"{ALERTMANAGER}/api/v2/alerts", name="alerts").respond(json=[])
        router.get(f"{ALERTMANAGER}/api/v2/silences", name="silences").respond(json=[])
        silence = router.post(f"{ALERTMANAGER}/api/v2/silences", name="silence")
        silence.respond(json={"silenceID": "e8f0d4f6-4f0b-4d3b-8a4e-6a2b8a0d2c11"})
        yield router


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[respx.Route]:
    """Somebody at the address where commands ask the receiver."""
    token = tmp_path / "my_token"
    token.write_text("tökên\n")
    token.chmod(0o600)
    monkeypatch.setenv(URL_VARIABLE, URL)
    monkeypatch.setenv(TOKEN_FILE_VARIABLE, str(token))
    with respx.mock(assert_all_called=False) as router:
        router.route(host="127.0.0.1").pass_through()
        yield router.route(host=HOST)


@pytest.fixture
def database_file(tmp_path: Path, prepare_database: Prepare) -> Path:
    """The database, which a receiver has used before."""
    path = tmp_path / "state/watchdog.db"
    prepare_database(path)
    return path


@pytest.fixture
def changes() -> dict[str, Any]:
    """What a module of tests has otherwise in its configuration."""
    return {}


@pytest.fixture
def configuration(
    tmp_path: Path, database_file: Path, simulation: Addresses, changes: dict[str, Any]
) -> dict[str, Any]:
    """What watchdog.yaml holds. Every secret has a file; there is one tick, and then no more."""

    def secret(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(f"{text}\n")
        path.chmod(0o600)
        return str(path)

    return {
        "database_url": f"sqlite+aiosqlite:///{database_file}",
        "determined": {
            "url": simulation.determined,
            "password_file": secret("determined_password", "watchdog"),
            "prometheus_token_file": str(tmp_path / "determined_token"),
        },
        "prometheus": {"url": PROMETHEUS},
        "alertmanagers": [{"url": ALERTMANAGER}],
        "slack": {
            "api_url": f"{simulation.slack}/api/",
            "bot_token_file": secret("slack_bot_token", BOT_TOKEN),
            "admin_channel": "C01GPUADMINS",
        },
        "api_tokens": [
            *(
                {"name": f"the {role}", "role": str(role), "file": secret(f"{role}_token", token)}
                for role, token in TOKENS.items()
            ),
            {"name": "next", "role": "viewer", "file": secret("next_token", NEXT_TOKEN)},
        ],
        "tick_interval": "1h",
        "limits": {"tick_gap": "2h"},
        "tick_spacing": "10ms",
    } | changes


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Write watchdog.yaml, and name it in the environment."""
    path = tmp_path / "watchdog.yaml"
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))

    def configure_(content: Mapping[str, Any]) -> Path:
        path.write_text(yaml.safe_dump(dict(content)))
        return path

    return configure_


@pytest.fixture
def settings(configuration: dict[str, Any], configure: Configure) -> Settings:
    configure(configuration)
    return load_settings()


@pytest.fixture
async def client(
    settings: Settings,
    upstream: respx.MockRouter,  # noqa: ARG001 -- it has to answer before the app starts
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole app, its lifespan included."""
    async with running(settings) as client:
        yield client


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[SqlIncidentStore]:
    """What is on disk, read over a connection of its own."""
    engine = create_engine(settings.database_url)
    yield SqlIncidentStore(engine)
    await engine.dispose()
