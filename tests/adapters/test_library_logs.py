"""No library writes our secrets to the log, whatever level somebody sets."""

import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.determined import Determined
from app.adapters.determined_session import Password, Session
from app.logs import configure_logs
from demo.cluster.cluster import Cluster
from demo.cluster.rest.app import create_app
from demo.listener import Listener, reserve
from demo.plain import PLAIN


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """What the program's own logging writes when somebody lets everything through."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    configure_logs()
    root.setLevel(logging.DEBUG)
    logging.getLogger("some.library").debug("everything is let through")
    yield capsys
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
async def listening_master(cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    """A client over a real connection: what runs in memory leaves the loudest library out."""
    listener = Listener(create_app(cluster), reserve("127.0.0.1"))
    await listener.open()
    async with httpx.AsyncClient(base_url=listener.url, verify=PLAIN) as client:
        yield client
    await listener.release()


async def test_slack_token_is_in_no_log(slack_url: str, log: pytest.CaptureFixture[str]) -> None:
    client = AsyncWebClient("xoxb-demo", base_url=f"{slack_url}/api/", retry_handlers=[])

    await client.auth_test()
    await client.chat_postMessage(channel="C01GPUADMINS", text="s3cret")

    written = log.readouterr().err
    assert "everything is let through" in written
    assert "xoxb-demo" not in written
    assert "s3cret" not in written


async def test_determined_token_is_in_no_log(
    listening_master: httpx.AsyncClient, log: pytest.CaptureFixture[str]
) -> None:
    session = Session(listening_master, Password("watchdog", "watchdog"))

    await Determined(listening_master, session).snapshot()

    written = log.readouterr().err
    assert "everything is let through" in written
    assert "v2.public" not in written, "the answer to the login has the token in a cookie too"
