"""Slack's Web API: the door with its token and its faults, and the table of methods."""

import asyncio
import contextlib
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from demo.slack import answering, chat, people, reading, response_urls, sockets
from demo.slack.arguments import Arguments, origin, read_arguments
from demo.slack.calls import Call, Fault, FaultKind
from demo.slack.errors import SlackError
from demo.slack.model import Json
from demo.slack.state import APP_TOKEN, BOT_TOKEN, SlackState

PREFIX = "/api/"
PREFIXES = (PREFIX, response_urls.PREFIX)
"""What is below them goes through the same door, with the same faults."""

Method = Callable[[SlackState, Arguments], Json]

# Each method with the scope that it always needs. Reading needs one per kind of conversation.
_METHODS: dict[str, tuple[Method, str | None]] = {
    "auth.test": (people.auth_test, None),
    "chat.postEphemeral": (chat.post_ephemeral, "chat:write"),
    "chat.postMessage": (chat.post_message, "chat:write"),
    "chat.update": (chat.update, "chat:write"),
    "conversations.history": (reading.history, None),
    "conversations.open": (people.open_conversation, "im:write"),
    "conversations.replies": (reading.replies, None),
    "users.info": (people.info, "users:read"),
    "users.lookupByEmail": (people.lookup_by_email, "users:read.email"),
}
_SOCKETS = "apps.connections.open"


class WebApi:
    """An ASGI application, given directly to the server: only so can it close a connection."""

    def __init__(self, state: SlackState) -> None:
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        answers = not path.startswith(PREFIX)
        method = answering.METHOD if answers else path.removeprefix(PREFIX)
        refusal: SlackError | None = None
        arguments: Json = {}
        request = Request(scope, receive)
        try:
            arguments = await read_arguments(request)
        except SlackError as error:
            refusal = error
        token = _token(Headers(scope=scope), str(arguments.pop("token", "")))
        call = Call(method, self._state.now(), arguments)
        # Recorded before: a caller that gives up must not hide what it asked for.
        self._state.calls.add(call)
        fault = self._state.faults.strike(method)

        def serve() -> Json:
            if refusal:
                return refusal.body()
            if answers:
                return _result(lambda: answering.answer(self._state, path, Arguments(arguments)))
            if method == _SOCKETS:
                return _result(lambda: self._open_socket(token, origin(request, scheme="ws")))
            return _result(lambda: self._call(method, token, Arguments(arguments)))

        if fault is not None:
            call.fault = fault.kind
            if not await self._struck(fault, serve, call, receive, send):
                return
        body = serve()
        call.outcome = "ok" if body["ok"] else body["error"]
        scopes = self._state.app_scopes if method == _SOCKETS else self._state.scopes
        headers = {"x-oauth-scopes": ",".join(sorted(scopes))}
        status = 404 if answers and not body["ok"] else 200
        await JSONResponse(body, status, headers)(scope, receive, send)

    async def _struck(
        self, fault: Fault, serve: Callable[[], Json], call: Call, receive: Receive, send: Send
    ) -> bool:
        """Do what the fault does; tell whether the call goes on as if there had been none."""
        if fault.kind is FaultKind.HANG:
            outwaited = await self._outwaited(fault, receive)
            call.outcome = None if outwaited else "gone"
            return outwaited
        if fault.kind in {FaultKind.LOSE_REPLY, FaultKind.MALFORMED}:
            serve()
        if fault.kind in {FaultKind.LOSE_REPLY, FaultKind.DROP}:
            await hang_up(receive, send)
            return False
        response, call.outcome = _failure(fault)
        await response({"type": "http"}, receive, send)
        return False

    async def _outwaited(self, fault: Fault, receive: Receive) -> bool:
        """Wait for the end of the fault, or of the caller's patience."""
        remaining = fault.until - self._state.now() if fault.until else None
        gone = asyncio.create_task(_disconnected(receive))
        cleared = asyncio.create_task(fault.cleared.wait())
        try:
            await asyncio.wait(
                {gone, cleared},
                timeout=remaining.total_seconds() if remaining else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            return not gone.done()
        finally:
            for task in (gone, cleared):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def _call(self, method: str, token: str, arguments: Arguments) -> Json:
        if method not in _METHODS:
            raise SlackError("unknown_method", req_method=method)
        self._admit(token, BOT_TOKEN)
        serve, scope = _METHODS[method]
        if scope:
            self._state.require(scope)
        return serve(self._state, arguments)

    def _open_socket(self, token: str, address: str) -> Json:
        self._admit(token, APP_TOKEN)
        if "connections:write" not in self._state.app_scopes:
            provided = ",".join(sorted(self._state.app_scopes))
            raise SlackError("missing_scope", needed="connections:write", provided=provided)
        ticket = self._state.sockets.issue_ticket()
        return {"url": f"{address}{sockets.PATH}?ticket={ticket}&app_id={sockets.APP_ID}"}

    def _admit(self, token: str, expected: str) -> None:
        if not token:
            raise SlackError("not_authed")
        if token not in {BOT_TOKEN, APP_TOKEN}:
            raise SlackError("invalid_auth")
        if self._state.bot.deleted:
            raise SlackError("account_inactive")
        if token != expected:
            raise SlackError("not_allowed_token_type")


def _result(serve: Callable[[], Json]) -> Json:
    try:
        return {"ok": True, **serve()}
    except SlackError as error:
        return error.body()


def _token(headers: Headers, argument: str) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else argument


def _failure(fault: Fault) -> tuple[Response, str]:
    """Return the answer of a fault, and its name in the record of calls."""
    if fault.kind is FaultKind.RATE_LIMIT:
        headers = {"Retry-After": str(fault.retry_after)}
        return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers), "ratelimited"
    if fault.kind is FaultKind.ERROR:
        return JSONResponse({"ok": False, "error": fault.error}), fault.error
    if fault.kind is FaultKind.MALFORMED:
        return Response('{"ok":true,"ts":"1', media_type="application/json"), "malformed"
    page = "<html><body>Something went wrong</body></html>"
    return Response(page, fault.status, media_type="text/html"), f"http_{fault.status}"


async def hang_up(receive: Receive, send: Send) -> None:
    """Close the connection without an answer.

    ASGI has no word for it, so this reaches for uvicorn's connection behind `send`.
    """
    connection = getattr(send, "__self__", None)
    if connection is None:
        raise TypeError("no middleware may stand between the server and the simulated Slack")
    connection.transport.close()
    await _disconnected(receive)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
