"""Slack's side of Socket Mode, on real connections: the test decides what it does."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

APP_TOKEN = "xapp-1-A01WATCHDOG-s3cr3t"
TICKET = "t1cket"
PATIENCE = 20.0  # seconds


class Link:
    """One connection of an app."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.closed = asyncio.Event()

    async def say(self, **message: object) -> None:
        await self._socket.send_json(message)

    async def greet(self) -> None:
        await self.say(type="hello", num_connections=1, connection_info={"app_id": "A01WATCHDOG"})

    async def tell(
        self, payload: object, envelope_id: str = "e1", type_: str = "interactive"
    ) -> None:
        await self.say(
            type=type_,
            envelope_id=envelope_id,
            payload=payload,
            accepts_response_payload=True,
        )

    async def acknowledged(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.heard.get(), PATIENCE)

    async def close(self) -> None:
        await self._socket.close()

    def cut(self) -> None:
        transport = self._socket._req.transport  # type: ignore[union-attr] # a cable is pulled
        assert transport is not None
        transport.abort()

    async def listen(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                self.heard.put_nowait(message.json())
        self.closed.set()


class SocketSlack:
    def __init__(self) -> None:
        self.api_url = ""
        self.greets = True
        self.refusals: list[dict[str, Any]] = []
        """What the next attempts to get an address are answered with."""
        self.turned_away = 0
        """How many of the next connections are refused, though their ticket is good."""
        self.silent = False
        """Whether nothing at all is answered."""
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.stop = asyncio.Event()
        self._links: asyncio.Queue[Link] = asyncio.Queue()
        self._tickets = itertools.count(1)
        self._valid: set[str] = set()

    async def link(self) -> Link:
        """Return the next connection, once it is there."""
        return await asyncio.wait_for(self._links.get(), PATIENCE)

    async def open_address(self, request: web.Request) -> web.Response:
        self.asked.put_nowait(request.headers.get("Authorization", ""))
        if self.silent:
            await self.stop.wait()
        if self.refusals:
            return web.json_response({"ok": False} | self.refusals.pop(0))
        ticket = f"{TICKET}-{next(self._tickets)}"
        self._valid.add(ticket)
        url = request.url.with_scheme("ws").with_path("/link").with_query(ticket=ticket)
        return web.json_response({"ok": True, "url": str(url)})

    async def connect(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._valid:
            return web.Response(status=403)
        # It is valid once.
        self._valid.remove(ticket)
        if self.turned_away:
            self.turned_away -= 1
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        link = Link(socket)
        if self.greets:
            await link.greet()
        self._links.put_nowait(link)
        await link.listen()
        return socket


@asynccontextmanager
async def socket_slack() -> AsyncIterator[SocketSlack]:
    slack = SocketSlack()
    app = web.Application()
    app.router.add_post("/api/apps.connections.open", slack.open_address)
    app.router.add_get("/link", slack.connect)
    server = TestServer(app)
    # Slack's own log is no matter of ours.
    await server.start_server(access_log=None)
    slack.api_url = str(server.make_url("/api/"))
    try:
        yield slack
    finally:
        slack.stop.set()
        await server.close()
