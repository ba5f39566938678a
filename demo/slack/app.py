"""The simulated Slack as one application: Web API, incoming webhook, control interface, pages."""

import contextlib
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, quote, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.slack import control_app, control_presses, incoming
from demo.slack.arguments import origin
from demo.slack.errors import ControlError
from demo.slack.page import latest_conversation, render_page
from demo.slack.pressing import Pressed, press
from demo.slack.state import SlackState
from demo.slack.web_api import PREFIXES, WebApi

_STATIC = Path(__file__).parent / "static"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def show_latest(request: Request) -> Response:
    state = _state(request)
    return HTMLResponse(render_page(state, latest_conversation(state)), headers=_HEADERS)


async def show_conversation(request: Request) -> Response:
    state = _state(request)
    conversation = state.conversations.get(request.path_params["channel_id"])
    status = 200 if conversation else 404
    name = request.query_params.get("as")
    viewer = state.user_named(name) if name else None
    return HTMLResponse(render_page(state, conversation, viewer), status, _HEADERS)


async def press_button(request: Request) -> Response:
    """Press as whoever reads the page, and show the page again when the app has heard."""
    state = _state(request)
    found = dict(request.query_params) | dict(parse_qsl((await request.body()).decode()))
    channel_id = request.path_params["channel_id"]
    pressed = Pressed(
        channel_id,
        found.get("ts", ""),
        found.get("action_id", ""),
        found.get("block_id", ""),
        found.get("option", ""),
    )
    user = state.user_named(found.get("as", ""))
    # What is not there any more when somebody presses it, the page shows without it.
    with contextlib.suppress(ControlError):
        await press(state, user, pressed, origin=origin(request))
    query = urlencode({"as": user.username})
    return RedirectResponse(f"/c/{quote(channel_id)}?{query}", 303, _HEADERS)


def create_app(state: SlackState) -> ASGIApp:
    """Return the application; its server must be uvicorn, with nothing in between."""
    web_api = WebApi(state)
    pages = Starlette(
        routes=[
            Route("/", show_latest),
            Route("/c/{channel_id}", show_conversation),
            Route("/c/{channel_id}/press", press_button, methods=["POST"]),
            Mount("/static", StaticFiles(directory=_STATIC)),
            Mount("/control", routes=[*control_app.ROUTES, *control_presses.ROUTES]),
            *incoming.ROUTES,
        ],
        exception_handlers=control_app.ERRORS,
    )
    pages.state.slack = state

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await state.sockets(scope, receive, send)
            return
        calls_api = scope["type"] == "http" and scope["path"].startswith(PREFIXES)
        await (web_api if calls_api else pages)(scope, receive, send)

    return app


def _state(request: Request) -> SlackState:
    return cast("SlackState", request.app.state.slack)
