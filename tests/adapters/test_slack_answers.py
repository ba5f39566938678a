"""Answers to Slack's client that are not Slack's: a proxy's, a captive portal's, half of one."""

from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal
from slack_sdk.web.async_client import AsyncWebClient
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from app.adapters.slack import Addresses, Directory, SlackMessenger
from app.errors import (
    UpstreamError,
    UpstreamMalformedError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from demo.listener import Listener, reserve
from tests.adapters.conftest import LINKS
from tests.adapters.slack_examples import ADMINS, NOTICE

ANSWERS: dict[str, tuple[Response, type[UpstreamError]]] = {
    "plain-text": (PlainTextResponse("OK"), UpstreamMalformedError),
    "portal": (HTMLResponse("<p>Please log in: xoxb-demo</p>"), UpstreamMalformedError),
    "empty": (Response(), UpstreamMalformedError),
    "list": (JSONResponse([1]), UpstreamMalformedError),
    "number": (JSONResponse(7), UpstreamMalformedError),
    "half": (Response('{"ok": tr', media_type="application/json"), UpstreamMalformedError),
    "no-word": (JSONResponse({"ok": False}), UpstreamMalformedError),
    "nothing-in-it": (JSONResponse({"ok": True}), UpstreamMalformedError),
    "gateway": (PlainTextResponse("Bad Gateway", 502), UpstreamUnavailableError),
    "broken-502": (
        Response("{", 502, media_type="application/json"),
        UpstreamUnavailableError,
    ),
    "forbidden": (HTMLResponse("<p>no</p>", 403), UpstreamRejectedError),
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what the first part of the path names."""
    name = Request(scope).url.path.split("/")[1]
    await ANSWERS[name][0](scope, receive, send)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with start_blocking_portal() as portal:
        listener = Listener(app, reserve("127.0.0.1"))
        portal.call(listener.open)
        yield listener.url
        portal.call(listener.release)


@pytest.mark.parametrize("name", ANSWERS)
async def test_strange_answer_is_one_of_our_errors(url: str, name: str) -> None:
    client = AsyncWebClient("xoxb-demo", base_url=f"{url}/{name}/api/", retry_handlers=[])
    messenger = SlackMessenger(client, Directory(client, Addresses("C01GPUADMINS")), LINKS)

    with pytest.raises(UpstreamError) as raised:
        await messenger.post(ADMINS, NOTICE, message_ids=["m1"])

    assert type(raised.value) is ANSWERS[name][1], raised.value
    assert "xoxb" not in str(raised.value)
