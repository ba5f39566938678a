"""Socket Mode: connections that the app opens, through which Slack sends it payloads."""

import asyncio
import json
import random
import secrets
import uuid
from typing import Any, cast
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from demo.slack.model import Json

PATH = "/link/"
APP_ID = "A01WATCHDOG"
MAX_CONNECTIONS = 10
"""Of one app. One more is told so, and closed."""
_HOURS_5 = 18_060  # seconds; what Slack says of how long a connection lasts


class Connection:
    def __init__(self, number: int, send: Send) -> None:
        self.number = number
        """Counts from 1, over the life of the workspace."""
        self._send = send
        self._frozen = False

    async def say(self, body: Json) -> None:
        """
        Raises:
            OSError: the app has gone.
        """
        if self._frozen:
            return
        await self._send({"type": "websocket.send", "text": json.dumps(body)})

    async def disconnect(self, reason: str) -> None:
        """Ask the app to connect anew. It may still use this connection until it does."""
        await self.say({"type": "disconnect", "reason": reason, "debug_info": self.debug_info})

    async def close(self) -> None:
        await self._send({"type": "websocket.close", "code": 1000})

    def drop(self) -> None:
        """Break the connection without a word."""
        self._transport.abort()

    def freeze(self) -> None:
        """Let nothing through any more, in either direction, as a network does that lost the way.

        Neither side is told.
        """
        self._frozen = True
        self._transport.pause_reading()

    @property
    def _transport(self) -> asyncio.Transport:
        """ASGI has no word for it, so this reaches for uvicorn's connection behind `send`."""
        return cast("asyncio.Transport", self._send.__self__.transport)  # type: ignore[attr-defined]

    @property
    def debug_info(self) -> Json:
        return {"host": f"applink-{self.number}"}


class Sockets:
    """The connections of the one app of this workspace. An ASGI application for websockets."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self._opened = 0
        self._tickets: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Json]] = {}

    def issue_ticket(self) -> str:
        """Return what opens one connection, once."""
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        return ticket

    async def send(self, payload: Json) -> tuple[Connection, asyncio.Future[Json]] | None:
        """Send an interaction over one connection; return it, and what will be the answer.

        None: there is no connection.
        """
        while self.connections:
            connection = random.choice(self.connections)
            envelope_id = str(uuid.uuid4())
            answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
            self._waiting[envelope_id] = answer
            try:
                await connection.say(
                    {
                        "envelope_id": envelope_id,
                        "type": "interactive",
                        "accepts_response_payload": True,
                        "payload": payload,
                    }
                )
            except OSError:
                del self._waiting[envelope_id]
                self._remove(connection)
                continue
            return connection, answer
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        [ticket] = parse_qs(scope["query_string"].decode()).get("ticket", [""])[:1]
        if scope["path"] != PATH or ticket not in self._tickets:
            await send({"type": "websocket.close", "code": 1008})  # becomes HTTP 403
            return
        self._tickets.remove(ticket)
        await send({"type": "websocket.accept"})
        self._opened += 1
        await self._serve(Connection(self._opened, send), receive)

    async def _serve(self, connection: Connection, receive: Receive) -> None:
        if len(self.connections) >= MAX_CONNECTIONS:
            await connection.disconnect("too_many_websockets")
            await connection.close()
            return
        self.connections.append(connection)
        try:
            await connection.say(self._hello(connection))
            while (event := await receive())["type"] == "websocket.receive":
                self._hear(event.get("text") or "")
        finally:
            self._remove(connection)

    def _hello(self, connection: Connection) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.connections),
            "debug_info": connection.debug_info
            | {"build_number": 1, "approximate_connection_time": _HOURS_5},
            "connection_info": {"app_id": APP_ID},
        }

    def _hear(self, text: str) -> None:
        """Take an acknowledgement, over whichever connection it comes; ignore all else."""
        try:
            said: Any = json.loads(text)
        except ValueError:
            return
        envelope_id = said.get("envelope_id") if isinstance(said, dict) else None
        waiting = self._waiting.pop(envelope_id, None) if isinstance(envelope_id, str) else None
        # It may be too late: then nobody waits any more.
        if waiting is not None and not waiting.done():
            waiting.set_result(said)

    def _remove(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
