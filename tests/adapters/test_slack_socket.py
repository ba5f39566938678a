"""Socket Mode: what is pressed is taken, and Slack's comings and goings do no harm."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack_reception import PrivateAnswers, Reception
from app.adapters.slack_socket import SocketMode, SocketSettings
from app.domain.outbox import Pace
from app.domain.press import Press
from app.logs import _LOUD
from app.ports import PressHandler
from tests.adapters.slack_payloads import KEEP, block_actions, button
from tests.adapters.slack_sockets import APP_TOKEN, PATIENCE, TICKET, SocketSlack, socket_slack

PRESS = block_actions(button())
TICK = timedelta(milliseconds=10)
Listening = Callable[..., AbstractAsyncContextManager["Connected"]]


class Connected:
    """The gauge, as it changes."""

    def __init__(self, *, broken: int = 0) -> None:
        self.now = False
        self.broken = broken
        """How often it still cannot be told anything."""
        self.changes: asyncio.Queue[bool] = asyncio.Queue()
        self.failures: Counter[str] = Counter()

    def change(self, connected: bool) -> None:  # noqa: FBT001 -- as the gauge is told.
        if self.broken:
            self.broken -= 1
            raise ZeroDivisionError
        self.now = connected
        self.changes.put_nowait(connected)

    def fail(self, loop: str) -> None:
        self.failures[loop] += 1

    async def becomes(self, *, connected: bool) -> None:
        async with asyncio.timeout(PATIENCE):
            while await self.changes.get() is not connected:
                pass


async def nobody(_press: Press) -> str:
    return ""


@pytest.fixture
async def slack() -> AsyncIterator[SocketSlack]:
    async with socket_slack() as slack:
        yield slack


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def listening(slack: SocketSlack, session: aiohttp.ClientSession) -> Listening:
    @asynccontextmanager
    async def listening_(
        handler: PressHandler = nobody,
        *,
        broken: int = 0,
        patience: timedelta = timedelta(seconds=PATIENCE),
        within: timedelta = timedelta(seconds=PATIENCE),
    ) -> AsyncIterator[Connected]:
        connected = Connected(broken=broken)
        client = AsyncWebClient(
            "xoxb-demo", base_url=slack.api_url, session=session, retry_handlers=[]
        )
        reception = Reception(
            handler,
            PrivateAnswers(session, slack.api_url, timeout=patience),
            counted=lambda *_: None,
            failed=connected.fail,
            within=within,
        )
        settings = SocketSettings(
            APP_TOKEN,
            Pace(TICK, TICK),
            patience=patience,
            through_proxy=False,
            ping=timedelta(milliseconds=100),
        )
        socket = SocketMode(
            client, settings, reception, connected=connected.change, failed=connected.fail
        )
        async with socket.listening():
            yield connected
        await reception.end()

    return listening_


class Pressed:
    """The other side of the port; each press waits for the test, if it says so."""

    def __init__(self, *, waits: bool = False) -> None:
        self.presses: asyncio.Queue[Press] = asyncio.Queue()
        self.go_on = asyncio.Event()
        if not waits:
            self.go_on.set()

    async def __call__(self, press: Press) -> str:
        self.presses.put_nowait(press)
        await self.go_on.wait()
        return ""

    async def next(self) -> Press:
        return await asyncio.wait_for(self.presses.get(), PATIENCE)


async def test_press_is_taken_and_acknowledged(slack: SocketSlack, listening: Listening) -> None:
    pressed = Pressed()

    async with listening(pressed):
        link = await slack.link()
        await link.tell(PRESS, "e7")

        assert await pressed.next() == KEEP
        assert (await link.acknowledged())["envelope_id"] == "e7"


async def test_address_is_asked_for_with_the_apps_token(
    slack: SocketSlack, listening: Listening
) -> None:
    async with listening():
        await slack.link()

    assert slack.asked.get_nowait() == f"Bearer {APP_TOKEN}"


async def test_slow_handler_is_acknowledged_in_time(
    slack: SocketSlack, listening: Listening
) -> None:
    pressed = Pressed(waits=True)

    async with listening(pressed, within=TICK):
        link = await slack.link()
        await link.tell(PRESS)

        assert (await link.acknowledged())["envelope_id"] == "e1"
        pressed.go_on.set()


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("interactive", {"type": "view_submission"}),
        ("slash_commands", {"command": "/keep"}),
        ("events_api", {"event": {}}),
    ],
)
async def test_what_is_no_press_is_acknowledged_and_reaches_nobody(
    slack: SocketSlack, listening: Listening, type_: str, payload: object
) -> None:
    pressed = Pressed()

    async with listening(pressed):
        link = await slack.link()
        await link.tell(payload, type_=type_)
        await link.acknowledged()

    assert pressed.presses.empty()


async def test_connection_is_there_when_slack_has_greeted(
    slack: SocketSlack, listening: Listening
) -> None:
    slack.greets = False

    async with listening() as connected:
        link = await slack.link()
        assert not connected.now
        await link.greet()
        await connected.becomes(connected=True)

    assert not connected.now


async def test_slack_that_asks_for_another_connection_gets_it_before_the_old_one_ends(
    slack: SocketSlack, listening: Listening
) -> None:
    pressed = Pressed(waits=True)

    async with listening(pressed) as connected:
        old = await slack.link()
        await old.tell(PRESS, "told over the old one")
        await pressed.next()
        await old.say(type="disconnect", reason="refresh_requested")
        new = await slack.link()
        await connected.becomes(connected=False)
        await connected.becomes(connected=True)
        assert not old.closed.is_set()
        pressed.go_on.set()

        assert (await old.acknowledged())["envelope_id"] == "told over the old one"
        await asyncio.wait_for(old.closed.wait(), PATIENCE)
        await new.tell(PRESS, "told over the new one")
        assert (await new.acknowledged())["envelope_id"] == "told over the new one"


@pytest.mark.parametrize("how", ["close", "cut"])
async def test_connection_that_ends_is_followed_by_another(
    slack: SocketSlack, listening: Listening, how: str
) -> None:
    pressed = Pressed()

    async with listening(pressed):
        old = await slack.link()
        if how == "close":
            await old.close()
        else:
            old.cut()
        new = await slack.link()
        await new.tell(PRESS)

        assert await pressed.next() == KEEP
        await new.acknowledged()


@pytest.mark.parametrize(
    "refusal", [{"error": "invalid_auth"}, {"error": "internal_error"}, {"ok": True}]
)
async def test_address_that_slack_does_not_give_is_asked_for_again(
    slack: SocketSlack, listening: Listening, refusal: dict[str, object]
) -> None:
    slack.refusals = [refusal, refusal]

    async with listening() as connected:
        await slack.link()

    assert slack.asked.qsize() == 3
    assert connected.failures == {}, "Slack's absence is no error of ours"


async def test_connection_that_slack_turns_away_is_tried_with_a_new_address(
    slack: SocketSlack, listening: Listening
) -> None:
    """The old one has a ticket that is valid once."""
    slack.turned_away = 2

    async with listening():
        await slack.link()

    assert slack.asked.qsize() == 3


async def test_slack_that_does_not_greet_is_left_for_another_connection(
    slack: SocketSlack, listening: Listening
) -> None:
    slack.greets = False

    async with listening(patience=timedelta(milliseconds=200)) as connected:
        silent = await slack.link()
        slack.greets = True
        await connected.becomes(connected=True)
        await asyncio.wait_for(silent.closed.wait(), PATIENCE)


async def test_message_that_nobody_can_read_costs_a_connection_and_no_more(
    slack: SocketSlack, listening: Listening
) -> None:
    pressed = Pressed()

    async with listening(pressed):
        link = await slack.link()
        await link._socket.send_str("{")
        link = await slack.link()
        await link.tell(PRESS)

        assert await pressed.next() == KEEP


async def test_error_of_ours_is_counted_and_followed_by_another_connection(
    listening: Listening,
) -> None:
    async with listening(broken=1) as connected:
        await connected.becomes(connected=True)

    assert connected.failures == {"slack_socket": 1}


async def test_end_does_not_wait_for_a_slack_that_is_silent(
    slack: SocketSlack, listening: Listening
) -> None:
    slack.silent = True

    async with asyncio.timeout(PATIENCE):
        async with listening(patience=timedelta(hours=1)):
            await slack.asked.get()


async def test_press_is_acknowledged_before_the_end(
    slack: SocketSlack, listening: Listening
) -> None:
    pressed = Pressed(waits=True)

    async with listening(pressed):
        link = await slack.link()
        await link.tell(PRESS)
        await pressed.next()
        asyncio.get_running_loop().call_soon(pressed.go_on.set)

    assert (await link.acknowledged())["envelope_id"] == "e1"


async def test_neither_token_nor_ticket_is_in_any_log(
    slack: SocketSlack, listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in _LOUD:
        caplog.set_level(logging.WARNING, name)
    slack.turned_away = 1
    slack.refusals = [{"error": "invalid_auth"}]

    with structlog.testing.capture_logs() as logs:
        async with listening() as connected:
            link = await slack.link()
            await link._socket.send_str("{")
            await connected.becomes(connected=False)
            await connected.becomes(connected=True)

    assert [line["event"] for line in logs] == [
        "slack_socket_not_connected",
        "slack_socket_not_connected",
        "slack_socket_connected",
        "slack_socket_over",
        "slack_socket_connected",
    ]
    written = f"{logs} {caplog.text}"
    assert APP_TOKEN not in written
    assert TICKET not in written
