"""A simulated Slack that listens, and the real client of it."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from demo.slack.control import SlackControl
from demo.slack.server import listening_aside
from demo.slack.state import SlackState

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
