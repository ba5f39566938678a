"""A simulated Slack that listens, and the real client of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from demo.slack.control import SlackControl
from demo.slack.server import listening_aside
from demo.slack.state import SlackState
from demo.slack.wire import PressRecord

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def url() -> Iterator[str]:
    """The address of a workspace in which no time goes by."""
    with listening_aside(SlackState(clock=lambda: NOW)) as address:
        yield address


@pytest.fixture
def control(url: str) -> Iterator[SlackControl]:
    with SlackControl(url) as client:
        yield client


@pytest.fixture
def slack(url: str) -> AsyncWebClient:
    return AsyncWebClient("xoxb-demo", base_url=f"{url}/api/", timeout=5, retry_handlers=[])


@pytest.fixture
async def direct(slack: AsyncWebClient) -> str:
    """The id of the direct messages with alice."""
    opened = await slack.conversations_open(users="U01ALICE")
    return str(opened["channel"]["id"])


@pytest.fixture
def post(slack: AsyncWebClient, direct: str) -> Callable[..., Awaitable[str]]:
    """Post to alice; return the message's `ts`."""

    async def post_(text: str, **arguments: object) -> str:
        body = {"channel": direct, "text": text} | arguments
        return str((await slack.api_call("chat.postMessage", json=body))["ts"])

    return post_


BLOCKS: list[dict[str, Any]] = [
    {
        "type": "actions",
        "block_id": "all",
        "elements": [
            {
                "type": "button",
                "action_id": "keep.2h",
                "text": {"type": "plain_text", "text": "Keep 2 h"},
                "value": "i-7",
                "style": "primary",
            },
            {
                "type": "button",
                "action_id": "stop",
                "text": {"type": "plain_text", "text": "Stop now"},
                "value": "i-7/a-1",
                "style": "danger",
                "confirm": {
                    "title": {"type": "plain_text", "text": "Stop it?"},
                    "text": {"type": "plain_text", "text": "Its memory is lost."},
                    "confirm": {"type": "plain_text", "text": "Stop"},
                    "deny": {"type": "plain_text", "text": "Leave it"},
                },
            },
        ],
    },
    {
        "type": "section",
        "block_id": "one",
        "text": {"type": "mrkdwn", "text": "trial 7"},
        "accessory": {
            "type": "overflow",
            "action_id": "menu#0",
            "options": [
                {"text": {"type": "plain_text", "text": "Keep 8 h"}, "value": "keep.8h i-7"},
                {"text": {"type": "plain_text", "text": "Keep 24 h"}, "value": "keep.24h i-7"},
            ],
        },
    },
]
"""A message with two buttons and a menu."""


@pytest.fixture
def press(control: SlackControl) -> Callable[..., Awaitable[PressRecord]]:
    """Press as `SlackControl.press` does, and let the test's own loop hear of it."""

    async def press_(*what: str, **how: Any) -> PressRecord:  # noqa: ANN401 - Passed on.
        return await asyncio.to_thread(control.press, *what, **how)

    return press_


@dataclass(slots=True)
class Ears:
    """An app with a request URL."""

    url: str = ""
    status: int = 200
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers in lower case, and the raw body."""
    deaf: asyncio.Event | None = None
    """Set by a test: answer only after that."""

    async def hear(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.heard.append((headers, await request.read()))
        if self.deaf is not None:
            await self.deaf.wait()
        return web.Response(status=self.status, text="heard")


@pytest.fixture
async def ears(control: SlackControl) -> AsyncIterator[Ears]:
    """An app that Slack tells of presses, over HTTP."""
    ears = Ears()
    app = web.Application()
    app.router.add_post("/slack/interactions", ears.hear)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    ears.url = f"http://{host}:{port}/slack/interactions"
    await asyncio.to_thread(control.set_request_url, ears.url)
    yield ears
    await runner.cleanup()
