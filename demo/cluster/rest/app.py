"""The ASGI application of the simulated master."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from demo.cluster.cluster import Cluster
from demo.cluster.errors import ApiError, not_found
from demo.cluster.rest import experiments, infrastructure, login, observability, queue, tasks
from demo.cluster.rest.front import Front
from demo.cluster.rest.gateway import error_reply


async def _api_error(_request: Request, error: Exception) -> Response:
    if isinstance(error, ApiError):
        return error_reply(error)
    raise error


async def _no_route(_request: Request, _error: Exception) -> Response:
    return error_reply(not_found("Not Found"))


def create_app(cluster: Cluster) -> ASGIApp:
    """Return the master: the front keeps the door, the routes answer."""
    areas = (login, infrastructure, tasks, experiments, queue, observability)
    app = Starlette(
        routes=[route for area in areas for route in area.routes()],
        exception_handlers={ApiError: _api_error, HTTPException: _no_route},
    )
    app.state.cluster = cluster
    return Front(app, cluster)
