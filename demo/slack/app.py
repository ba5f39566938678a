"""The simulated Slack as one application: Web API, control interface, pages."""

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.slack import control_app
from demo.slack.state import SlackState
from demo.slack.web_api import PREFIX, WebApi


def create_app(state: SlackState) -> ASGIApp:
    """Return the application; its server must be uvicorn, with nothing in between."""
    web_api = WebApi(state)
    rest = Starlette(
        routes=[Mount("/control", routes=control_app.ROUTES)],
        exception_handlers=control_app.ERRORS,
    )
    rest.state.slack = state

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        calls_api = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        await (web_api if calls_api else rest)(scope, receive, send)

    return app
