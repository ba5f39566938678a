"""Socket Mode: Slack tells what is pressed over a connection that we open, and needs no way in.

slack-sdk's client speaks the protocol. How it reconnects is left out: it would try an address that
is valid once again and again, at one pace for ever, and log what is secret in it. So each
connection is a client of its own, and ends where that one would reconnect.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import structlog
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack_errors import slack_errors, word
from app.adapters.slack_reception import Reception
from app.domain.outbox import Pace
from app.errors import UpstreamError, UpstreamUnavailableError
from app.loops import contained

log = structlog.get_logger()
_INTERACTIVE = "interactive"
_CLOSING = 2.0  # seconds that Slack has to take its leave
_UNACKNOWLEDGED = 3.0  # seconds after which Slack has given up on an acknowledgement


@dataclass(frozen=True, slots=True)
class SocketSettings:
    app_token: str
    pace: Pace
    """How a connection that could not be made, or did not last, is tried again."""
    patience: timedelta
    """How long Slack's greeting is waited for."""
    through_proxy: bool = True
    """Whether the environment's proxy for the way out is used."""
    ping: timedelta = timedelta(seconds=5)
    """Four of these without an answer mean that the connection is dead."""


async def socket_address(client: AsyncWebClient, app_token: str) -> str:
    """Return an address to connect to. It is valid once, for a short time, and a secret.

    Raises:
        UpstreamError: Slack gives none; a token of another kind is refused.
    """
    with slack_errors():
        return word(await client.apps_connections_open(app_token=app_token), "url")


class SocketMode:
    def __init__(
        self,
        client: AsyncWebClient,
        settings: SocketSettings,
        reception: Reception,
        *,
        connected: Callable[[bool], None],
        failed: Callable[[str], None],
    ) -> None:
        """`connected` is told whether Slack can tell us anything, `failed` of errors of ours."""
        self._client = client
        self._settings = settings
        self._reception = reception
        self._connected = connected
        self._failed = failed
        self._asked_to_wait = timedelta()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen while the context is open. Neither its begin nor its end waits for Slack."""
        task = asyncio.create_task(self._listen(), name="slack_socket")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _listen(self) -> None:
        clock = asyncio.get_running_loop().time
        old: _Connection | None = None
        connection: _Connection | None = None
        attempts = 0
        try:
            while True:
                began = clock()
                with contained("slack_socket", self._failed, through=()):
                    old, connection = connection, await self._next()
                    # Only now: what Slack still tells over the old one is not lost.
                    leaving = [old.leave()] if old else []
                    staying = [self._stay(connection)] if connection else []
                    await asyncio.gather(*leaving, *staying)
                lasted = timedelta(seconds=clock() - began)
                attempts = 0 if lasted >= self._settings.pace.longest else attempts + 1
                await asyncio.sleep(self._pause(attempts).total_seconds())
        finally:
            for each in (old, connection):
                if each:
                    await each.leave()

    def _pause(self, attempts: int) -> timedelta:
        """Return how long to wait; not at all after a connection that had lasted."""
        wait = self._settings.pace.after(attempts - 1) if attempts else timedelta()
        return max(wait, self._asked_to_wait)

    async def _next(self) -> "_Connection | None":
        """Return a connection over which Slack has greeted us; None if there is none to be had."""
        self._asked_to_wait = timedelta()
        try:
            url = await socket_address(self._client, self._settings.app_token)
            connection = _Connection(self._client, self._settings, self._reception)
            await connection.greeted(url)
        except UpstreamError as exc:
            log.warning("slack_socket_not_connected", why=str(exc))
            if isinstance(exc, UpstreamUnavailableError) and exc.retry_after:
                self._asked_to_wait = exc.retry_after
            return None
        return connection

    async def _stay(self, connection: "_Connection") -> None:
        log.info("slack_socket_connected")
        self._connected(True)  # noqa: FBT003 -- the gauge of it is 1 or 0.
        try:
            why = await connection.over
        finally:
            self._connected(False)  # noqa: FBT003 -- likewise.
        log.info("slack_socket_over", why=why)


class _Connection(SocketModeClient):
    """One connection, from its address to its end."""

    def __init__(
        self, client: AsyncWebClient, settings: SocketSettings, reception: Reception
    ) -> None:
        loop = asyncio.get_running_loop()
        self.greeting: asyncio.Future[str] = loop.create_future()
        self.over: asyncio.Future[str] = loop.create_future()
        """Why it is; set once."""
        super().__init__(
            settings.app_token,
            logger=_Overheard(self._end),
            web_client=client,
            ping_interval=settings.ping.total_seconds(),
        )
        if not settings.through_proxy:
            # The client takes the environment's proxy for every address.
            self.proxy = None
        self._patience = settings.patience.total_seconds()
        self._reception = reception
        self._opening: asyncio.Task[None] | None = None
        self._taking: set[asyncio.Task[object]] = set()
        self.message_listeners.append(self._note)
        self.socket_mode_request_listeners.append(self._take)

    async def greeted(self, url: str) -> None:
        """Open it, and wait for Slack's greeting.

        Raises:
            UpstreamUnavailableError: there was none. Nothing is left open.
        """
        self.wss_uri = url
        self._opening = asyncio.create_task(self.connect())  # type: ignore[no-untyped-call] # it is not ours.
        first = asyncio.FIRST_COMPLETED
        try:
            await asyncio.wait(
                {self.greeting, self.over}, timeout=self._patience, return_when=first
            )
        finally:
            if not self.greeting.done():
                await self.leave()
        if not self.greeting.done():
            why = self.over.result() if self.over.done() else "it did not greet us in time"
            raise UpstreamUnavailableError(f"Slack cannot be reached over a websocket ({why})")

    async def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 -- the signature is the client's.
        """End here. Slack asks for it, has closed the connection, or answers no ping."""
        self._end("Slack asked for another, or does not answer")

    async def leave(self) -> None:
        """Close it, once all that came over it is acknowledged; however Slack is."""
        if self._taking:
            await asyncio.wait(self._taking, timeout=_UNACKNOWLEDGED)
        self.closed = True
        running = [
            task
            for task in (
                self._opening,
                self.message_processor,
                self.current_session_monitor,
                self.message_receiver,
            )
            if task is not None
        ]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with asyncio.timeout(_CLOSING):
                if self.current_session is not None:
                    await self.current_session.close()
        await self.aiohttp_client_session.close()

    def _end(self, why: str) -> None:
        if not self.over.done():
            self.over.set_result(why)

    async def _note(
        self, _client: AsyncBaseSocketModeClient, message: dict[str, object], _raw: str | None
    ) -> None:
        if message.get("type") == "hello" and not self.greeting.done():
            self.greeting.set_result("hello")

    async def _take(self, _client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("listeners run in tasks")
        # Held here as well: the client itself holds none of them.
        self._taking.add(task)
        try:
            if request.type == _INTERACTIVE:
                await self._reception.take(request.payload)
            else:
                self._reception.refuse("It is no interaction.")
            answer = SocketModeResponse(envelope_id=request.envelope_id)
            await self.send_socket_mode_response(answer)
        finally:
            self._taking.discard(task)


class _Overheard(logging.Logger):
    """Takes what the client logs as a sign that the connection is no good.

    Its words are left out: they quote addresses, which hold what lets one connect, and messages.
    """

    def __init__(self, heard: Callable[[str], None]) -> None:
        super().__init__("slack_socket", logging.WARNING)
        self._heard = heard

    def handle(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        self._heard(kind.__name__ if kind else record.funcName)
