"""The simulated Slack on a free port of its own."""

import contextlib
from collections.abc import AsyncIterator, Iterator

from anyio.from_thread import start_blocking_portal

from demo.listener import Listener, reserve
from demo.slack.app import create_app
from demo.slack.state import SlackState


@contextlib.asynccontextmanager
async def listening(state: SlackState) -> AsyncIterator[str]:
    """Serve in this event loop; give the address of the page."""
    listener = Listener(create_app(state), reserve("127.0.0.1"))
    await listener.open()
    try:
        yield listener.url
    finally:
        await listener.release()


@contextlib.contextmanager
def listening_aside(state: SlackState) -> Iterator[str]:
    """Serve in a thread, so that a test may call `SlackControl`, which blocks, from its own loop.

    While it serves, the state belongs to that thread: read and change it through `SlackControl`.
    """
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(listening(state)) as url,
    ):
        yield url
