"""How each system is asked: with whose credentials, whose certificates, and by what way."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import respx
from prometheus_client import CollectorRegistry

from app.clients import Clients, open_clients
from app.errors import UpstreamError, UpstreamUnavailableError
from app.settings import Settings, load_settings
from app.telemetry import Telemetry
from tests.api.conftest import ALERTMANAGER, Configure, part

CERTIFICATE = Path(__file__).parent / "loopback.pem"
DETERMINED = "http://determined:8080"
AS_PROMETHEUS = {"status": "success", "data": {"alerts": []}}
BASIC = f"Basic {base64.b64encode(b'watchdog:s3cr3t').decode()}"


@asynccontextmanager
async def clients_of(settings: Settings) -> AsyncIterator[Clients]:
    async with AsyncExitStack() as stack:
        yield await open_clients(settings, Telemetry(CollectorRegistry()), stack)


@pytest.fixture
def login(tmp_path: Path) -> dict[str, str]:
    """What is added to a section for basic auth."""
    path = tmp_path / "login"
    path.write_text("s3cr3t\n")
    return {"username": "watchdog", "password_file": str(path)}


async def test_prometheus_and_alertmanager_are_asked_with_the_configured_login(
    configuration: dict[str, Any],
    configure: Configure,
    login: dict[str, str],
    upstream: respx.MockRouter,
) -> None:
    configuration["prometheus"] |= login
    configuration["alertmanagers"][0] |= login
    configure(configuration)

    async with clients_of(load_settings()) as clients:
        await clients.systems.rules.firing_alerts()
        await clients.systems.peers.read()

    asked = [upstream[name].calls.last.request for name in ("firing", "alerts", "silences")]
    assert [request.headers["Authorization"] for request in asked] == [BASIC] * 3


async def test_nobody_is_asked_with_a_login_where_none_is_configured(
    settings: Settings, upstream: respx.MockRouter
) -> None:
    async with clients_of(settings) as clients:
        await clients.systems.rules.firing_alerts()
        await clients.systems.peers.read()

    asked = [upstream[name].calls.last.request for name in ("firing", "alerts", "silences")]
    assert [request.headers.get("Authorization") for request in asked] == [None] * 3


async def test_determined_is_never_asked_with_basic_auth(
    configuration: dict[str, Any],
    configure: Configure,
    login: dict[str, str],
    upstream: respx.MockRouter,
) -> None:
    configuration["determined"] = {"url": DETERMINED} | login
    configure(configuration)
    upstream.post(f"{DETERMINED}/api/v1/auth/login").respond(json={"token": "t0k3n"})
    upstream.route(host="determined").respond(404)

    async with clients_of(load_settings()) as clients:
        with pytest.raises(UpstreamError):
            await clients.systems.cluster.snapshot()

    first, *others = [call.request for call in upstream.calls if call.request.url.port == 8080]
    assert "Authorization" not in first.headers
    assert others
    assert {request.headers["Authorization"] for request in others} == {"Bearer t0k3n"}


async def test_peers_behind_one_proxy_are_all_asked(
    configuration: dict[str, Any], configure: Configure, upstream: respx.MockRouter
) -> None:
    """S4: a stop needs the word of every peer."""
    urls = [f"{ALERTMANAGER}/am-1/", f"{ALERTMANAGER}/am-2"]
    configure(configuration | {"alertmanagers": [{"url": url} for url in urls]})
    upstream.get(path__regex="^/am-1/api/v2/").respond(json=[])
    upstream.get(path__regex="^/am-2/api/v2/").respond(503)

    async with clients_of(load_settings()) as clients:
        readings = await clients.systems.peers.read()

    assert [(each.peer, each.readable) for each in readings] == [
        ("alertmanager:9093/am-1", True),
        ("alertmanager:9093/am-2", False),
    ]


async def test_redirect_takes_no_credentials_elsewhere(
    settings: Settings, upstream: respx.MockRouter
) -> None:
    elsewhere = upstream.route(host="elsewhere").respond(json=AS_PROMETHEUS)
    upstream["firing"].respond(302, headers={"Location": "http://elsewhere/api/v1/alerts"})

    async with clients_of(settings) as clients:
        with pytest.raises(UpstreamError, match="302"):
            await clients.systems.rules.firing_alerts()

    assert not elsewhere.called


async def test_proxy_for_the_way_out_does_not_come_between(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody listens on this port.
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async with clients_of(settings) as clients:
        snapshot = await clients.systems.cluster.snapshot()

    assert snapshot.agent_slots


@asynccontextmanager
async def over_tls(body: bytes) -> AsyncIterator[str]:
    """Answer everything with one JSON, over TLS; give the address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        writer.write(head + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def read_peers(clients: Clients) -> None:
    [reading] = await clients.systems.peers.read()
    if not reading.readable:
        raise UpstreamUnavailableError(reading.error)


SECURE = pytest.mark.parametrize(
    ("section", "body", "ask"),
    [
        pytest.param(
            "determined", b'{"token": "t0k3n"}', lambda c: c.renew_session(), id="Determined"
        ),
        pytest.param(
            "prometheus",
            b'{"status": "success", "data": {"alerts": []}}',
            lambda c: c.systems.rules.firing_alerts(),
            id="Prometheus",
        ),
        pytest.param("alertmanagers", b"[]", read_peers, id="Alertmanager"),
    ],
)
Ask = Callable[[Clients], Awaitable[object]]


@SECURE
async def test_certificate_of_a_configured_authority_is_trusted(
    configuration: dict[str, Any], configure: Configure, section: str, body: bytes, ask: Ask
) -> None:
    async with over_tls(body) as url:
        part(configuration, section).update(url=url, ca_file=str(CERTIFICATE))
        configure(configuration)

        async with clients_of(load_settings()) as clients:
            await ask(clients)


@SECURE
async def test_certificate_of_another_authority_is_not_trusted(
    configuration: dict[str, Any], configure: Configure, section: str, body: bytes, ask: Ask
) -> None:
    async with over_tls(body) as url:
        part(configuration, section).update(url=url)
        configure(configuration)

        async with clients_of(load_settings()) as clients:
            with pytest.raises(UpstreamUnavailableError, match="ConnectError"):
                await ask(clients)
