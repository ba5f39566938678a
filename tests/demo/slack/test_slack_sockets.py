"""Socket Mode, against the client that the receiver uses."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from demo.slack.control import SlackControl
from demo.slack.pressing import Way
from demo.slack.wire import PressRecord
from tests.demo.slack.conftest import BLOCKS, Ears

Post = Callable[..., Awaitable[str]]
PressAs = Callable[..., Awaitable[PressRecord]]


@dataclass(slots=True)
class App:
    """An app that hears through slack_sdk's own client."""

    client: SocketModeClient
    deaf: bool = False
    heard: list[SocketModeRequest] = field(default_factory=list)

    async def hear(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self.heard.append(request)
        if not self.deaf:
            answer = SocketModeResponse(request.envelope_id, {"text": "ignored"})
            await client.send_socket_mode_response(answer)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Ask in a thread, so that the app goes on, until it is so; fail after 10 s."""
    deadline = time.monotonic() + 10
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, f"not within 10 s: {what}"
        await asyncio.sleep(0.02)


async def until_heard(app: App, press: PressAs, direct: str, ts: str) -> None:
    """Press again where the client takes a slow machine for another broken connection."""
    for _ in range(5):
        if not (await press("alice", direct, ts, "keep.2h")).warning:
            break
    assert app.heard


@asynccontextmanager
async def connected(slack: AsyncWebClient, *, ping: float = 5) -> AsyncIterator[App]:
    """`ping` is the client's own interval, in seconds: it finds out by itself in a few of them."""
    client = SocketModeClient("xapp-demo", web_client=slack, ping_interval=ping)
    app = App(client)
    client.socket_mode_request_listeners.append(app.hear)
    try:
        await client.connect()  # type: ignore[no-untyped-call]
        yield app
    finally:
        await client.close()  # type: ignore[no-untyped-call]


@pytest.fixture
async def app(slack: AsyncWebClient, control: SlackControl) -> AsyncIterator[App]:
    async with connected(slack) as app:
        await until(lambda: control.sockets() == [1], "the app is connected")
        yield app


@pytest.fixture
async def watchful(slack: AsyncWebClient, control: SlackControl) -> AsyncIterator[App]:
    """An app that looks often whether its connection still works."""
    async with connected(slack, ping=0.4) as app:
        await until(lambda: bool(control.sockets()), "the app is connected")
        yield app


async def test_press_comes_in_an_envelope_and_is_acknowledged(
    app: App, press: PressAs, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)

    made = await press("alice", direct, ts, "keep.2h")

    [request] = app.heard
    assert (request.type, request.payload) == ("interactive", made.payload)
    assert request.accepts_response_payload
    [delivery] = made.deliveries
    assert (delivery.way, delivery.outcome, delivery.connection) == (
        Way.SOCKET,
        "acknowledged",
        1,
    )
    assert delivery.answer == {
        "envelope_id": request.envelope_id,
        "payload": {"text": "ignored"},
    }


async def test_repeated_delivery_has_an_envelope_of_its_own(
    app: App, press: PressAs, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)

    made = await press("alice", direct, ts, "keep.2h", repeat=3)

    assert [one.outcome for one in made.deliveries] == ["acknowledged"] * 3
    assert len({request.envelope_id for request in app.heard}) == 3
    assert [request.payload for request in app.heard] == [made.payload] * 3


async def test_presser_is_warned_when_the_app_does_not_acknowledge(
    app: App, control: SlackControl, press: PressAs, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)
    app.deaf = True
    control.set_patience(0.2)

    made = await press("alice", direct, ts, "keep.2h")

    assert [one.outcome for one in made.deliveries] == ["timeout"]
    assert len(app.heard) == 1, "Slack does not try again"
    assert made.warning


async def test_request_url_is_for_when_no_socket_is_open(
    app: App, ears: Ears, press: PressAs, direct: str, post: Post, control: SlackControl
) -> None:
    ts = await post("idle", blocks=BLOCKS)

    await press("alice", direct, ts, "keep.2h")
    assert (len(app.heard), len(ears.heard)) == (1, 0)
    await app.client.close()  # type: ignore[no-untyped-call]
    await until(lambda: not control.sockets(), "the app has gone")
    await press("alice", direct, ts, "keep.2h")

    assert (len(app.heard), len(ears.heard)) == (1, 1)


async def test_each_press_goes_to_one_of_several_connections(
    slack: AsyncWebClient, control: SlackControl, press: PressAs, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)
    async with AsyncExitStack() as stack:
        apps = [await stack.enter_async_context(connected(slack)) for _ in range(2)]
        await until(lambda: len(control.sockets()) == 2, "both are connected")

        made = await press("alice", direct, ts, "keep.2h", repeat=40)

    assert [one.outcome for one in made.deliveries] == ["acknowledged"] * 40
    assert sum(len(app.heard) for app in apps) == 40
    assert all(app.heard for app in apps), "neither of 40 goes to one of two once in 10^12 runs"


@pytest.mark.parametrize("reason", ["refresh_requested", "warning"])
async def test_client_connects_anew_when_asked_to(
    app: App, control: SlackControl, press: PressAs, direct: str, post: Post, reason: str
) -> None:
    ts = await post("idle", blocks=BLOCKS)

    await asyncio.to_thread(control.refresh_sockets, reason)

    await until(lambda: 1 not in control.sockets() != [], "the app has another connection")
    made = await press("alice", direct, ts, "keep.2h")
    assert made.warning == ""
    assert len(app.heard) == 1


async def test_client_connects_anew_after_a_broken_connection(
    watchful: App, control: SlackControl, press: PressAs, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)

    await asyncio.to_thread(control.drop_sockets)

    await until(lambda: max(control.sockets(), default=0) > 1, "the app has another connection")
    await until_heard(watchful, press, direct, ts)


async def test_client_connects_anew_when_nothing_comes_through(
    watchful: App, control: SlackControl, press: PressAs, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)
    control.set_patience(0.2)

    await asyncio.to_thread(control.freeze_sockets)
    made = await press("alice", direct, ts, "keep.2h")

    assert [one.outcome for one in made.deliveries] == ["timeout"]
    assert not watchful.heard
    await until(lambda: max(control.sockets(), default=0) > 1, "the app has another connection")


async def test_client_comes_back_when_slack_was_down(
    watchful: App, control: SlackControl, press: PressAs, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)

    await asyncio.to_thread(control.take_down)
    await until(lambda: not control.sockets(), "the connection is broken")
    await until(lambda: bool(control.calls("apps.connections.open")[1:]), "the app has tried")
    assert not control.sockets()
    await asyncio.to_thread(control.clear_faults)

    await until(lambda: bool(control.sockets()), "the app is connected again")
    await until_heard(watchful, press, direct, ts)


async def test_connection_says_hello_and_answers_pings(slack: AsyncWebClient) -> None:
    opened = await slack.apps_connections_open(app_token="xapp-demo")

    async with aiohttp.ClientSession() as session, session.ws_connect(opened["url"]) as socket:
        hello = await socket.receive_json(timeout=5)
        await socket.ping(b"sdk-ping-pong:1")
        await socket.send_str("no JSON")
        await socket.send_str("[]")
        await socket.send_str('{"envelope_id": "of nothing"}')

    assert hello["type"] == "hello"
    assert hello["num_connections"] == 1
    assert hello["connection_info"] == {"app_id": "A01WATCHDOG"}


async def test_ticket_opens_one_connection(slack: AsyncWebClient) -> None:
    opened = await slack.apps_connections_open(app_token="xapp-demo")

    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(opened["url"]) as socket:
            await socket.receive_json(timeout=5)
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(opened["url"])


async def test_eleventh_connection_is_told_that_it_is_one_too_many(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        greetings = []
        for _ in range(11):
            opened = await slack.apps_connections_open(app_token="xapp-demo")
            socket = await stack.enter_async_context(session.ws_connect(opened["url"]))
            greetings.append(await socket.receive_json(timeout=5))

        assert [one["type"] for one in greetings] == ["hello"] * 10 + ["disconnect"]
        assert greetings[-1]["reason"] == "too_many_websockets"
        assert len(control.sockets()) == 10
