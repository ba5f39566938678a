"""The simulated Slack as one application: Web API, incoming webhook, control interface, pages."""

from pathlib import Path
from typing import cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.slack import control_app, incoming
from demo.slack.page import latest_conversation, render_page
from demo.slack.state import SlackState
from demo.slack.web_api import PREFIX, WebApi

_STATIC = Path(__file__).parent / "static"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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
    return HTMLResponse(render_page(state, conversation), status, _HEADERS)


def create_app(state: SlackState) -> ASGIApp:
    """Return the application; its server must be uvicorn, with nothing in between."""
    web_api = WebApi(state)
    pages = Starlette(
        routes=[
            Route("/", show_latest),
            Route("/c/{channel_id}", show_conversation),
            Mount("/static", StaticFiles(directory=_STATIC)),
            Mount("/control", routes=control_app.ROUTES),
            *incoming.ROUTES,
        ],
        exception_handlers=control_app.ERRORS,
    )
    pages.state.slack = state

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        calls_api = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        await (web_api if calls_api else pages)(scope, receive, send)

    return app


def _state(request: Request) -> SlackState:
    return cast("SlackState", request.app.state.slack)
