"""JSON as grpc-gateway v1 writes it, and access to the cluster behind a request.

camelCase, zero values present, unset messages null, enums as strings, int64 as strings.
"""

import json
from datetime import datetime
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from demo.cluster.cluster import Cluster
from demo.cluster.errors import ApiError, invalid_argument
from demo.cluster.model import User

Json = dict[str, Any]


def cluster_of(request: Request) -> Cluster:
    return cast("Cluster", request.app.state.cluster)


def caller_of(request: Request) -> User:
    """Return the user whose token came with the request."""
    return cast("User", request.state.user)


def rfc3339(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reply(body: object, *, status: int = 200) -> JSONResponse:
    return JSONResponse(body, status_code=status)


def error_reply(error: ApiError) -> Response:
    body = {"code": error.code, "reason": error.reason, "error": error.message}
    return reply({"error": body}, status=error.status)


def echo_error_reply(error: ApiError) -> Response:
    """Routes that the gateway does not serve write their errors in another shape."""
    return reply({"message": error.message}, status=error.status)


def path_number(request: Request, name: str) -> int:
    text = str(request.path_params[name])
    if not text.lstrip("-").isdigit():
        raise invalid_argument(f"type mismatch, parameter: {name}, error: invalid syntax: {text}")
    return int(text)


def query_number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if text and not text.lstrip("-").isdigit():
        raise invalid_argument(f"parsing field {name!r}: invalid syntax: {text}")
    return int(text) if text else default


async def body_of(request: Request) -> Json:
    """Return the request's JSON object; an empty body is an empty object."""
    raw = await request.body()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError as exc:
        raise invalid_argument(str(exc)) from exc
    if not isinstance(body, dict):
        raise invalid_argument("json: cannot unmarshal into an object")
    return body


def page(found: list[Json], *, offset: int, limit: int) -> tuple[list[Json], Json]:
    """Return one page and its description. A limit of -1 is everything."""
    end = len(found) if limit == -1 else min(len(found), offset + limit)
    pagination = {
        "offset": offset,
        "limit": limit,
        "startIndex": min(offset, len(found)),
        "endIndex": end,
        "total": len(found),
    }
    return found[offset:end], pagination
