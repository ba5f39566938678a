"""The master's door: simulated failures, authentication, and the record of calls."""

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.cluster.calls import Call, Fault, FaultKind
from demo.cluster.cluster import Cluster
from demo.cluster.errors import ApiError, with_status
from demo.cluster.rest.gateway import echo_error_reply, error_reply

_OPEN_PATHS = frozenset({"/info", "/api/v1/master", "/api/v1/auth/login"})
_ECHO_PREFIXES = ("/prom/", "/debug/")


class Front:
    def __init__(self, app: ASGIApp, cluster: Cluster) -> None:
        self._app = app
        self._cluster = cluster

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._cluster.timeline.settle()
        method, path = scope["method"], scope["path"]
        authorization = _authorization(Headers(scope=scope))
        statuses: list[int] = []

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            await send(message)

        username = self._cluster.accounts.peek(authorization)
        fault = self._cluster.faults.strike(method, path)
        at = self._cluster.timeline.now()
        if fault is not None and fault.kind is not FaultKind.ANSWER:
            # Recorded before: a caller that gives up must not hide what it asked for.
            self._cluster.calls.add(Call(method, path, username, None, at))
            await self._fail(fault, scope, receive, send)
            return
        await self._answer(fault, scope, receive, watched)
        self._cluster.calls.add(Call(method, path, username, statuses[0] if statuses else None, at))

    async def _answer(
        self, fault: Fault | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        error = with_status(fault.status, fault.message) if fault else self._refusal(scope)
        if error is None:
            await self._app(scope, receive, send)
        else:
            echo = scope["path"].startswith(_ECHO_PREFIXES)
            response = echo_error_reply(error) if echo else error_reply(error)
            await response(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        """Return why the caller may not come in; else note who it is."""
        if scope["path"] in _OPEN_PATHS:
            return None
        authorization = _authorization(Headers(scope=scope))
        try:
            user = self._cluster.accounts.user_of(authorization)
        except ApiError as error:
            return error
        scope.setdefault("state", {})["user"] = user
        return None

    async def _fail(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind is FaultKind.HANG:
            await until_disconnected(receive)
            return
        if fault.kind is FaultKind.LOSE_REPLY:
            await self._answer(None, scope, receive, _nowhere)
        await cut(send)


def _authorization(headers: Headers) -> str | None:
    """Return the bearer header, or the same made from the cookie of a browser."""
    if "authorization" in headers:
        return headers["authorization"]
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "auth":
            return f"Bearer {value}"
    return None


async def _nowhere(_message: Message) -> None:
    pass


async def until_disconnected(receive: Receive) -> None:
    """Answer nothing until the caller gives up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def cut(send: Callable[[Message], Awaitable[None]]) -> None:
    """Promise a body and send none: the server then closes the connection."""
    headers = [(b"content-length", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
