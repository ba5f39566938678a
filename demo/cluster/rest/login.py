"""Login, access tokens and users."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.cluster.auth import Session
from demo.cluster.errors import invalid_argument, not_found
from demo.cluster.model import User
from demo.cluster.rest.gateway import (
    Json,
    body_of,
    caller_of,
    cluster_of,
    page,
    path_number,
    query_number,
    reply,
    rfc3339,
)

_TOKEN_LIFE = timedelta(days=30)
"""Default and longest life of an access token, as in a master that was not configured."""


def user_view(user: User) -> Json:
    """Return a user. There is no e-mail address."""
    return {
        "id": user.user_id,
        "username": user.username,
        "admin": user.admin,
        "active": user.active,
        "agentUserGroup": None,
        "displayName": user.display_name,
        "modifiedAt": rfc3339(user.modified_at),
        "remote": user.remote,
        "lastAuthAt": None,
    }


async def log_in(request: Request) -> Response:
    body = await body_of(request)
    if not body.get("username"):
        raise invalid_argument("missing argument: username")
    token, user = cluster_of(request).accounts.login(
        str(body["username"]),
        str(body.get("password", "")),
        is_hashed=bool(body.get("isHashed", False)),
    )
    response = reply({"token": token, "user": user_view(user)})
    response.set_cookie("auth", token)
    return response


async def log_out(request: Request) -> Response:
    cluster_of(request).accounts.close(request.headers.get("authorization"))
    return reply({})


async def me(request: Request) -> Response:
    return reply({"user": user_view(caller_of(request))})


async def list_users(request: Request) -> Response:
    active = request.query_params.get("active")
    views = [
        user_view(user)
        for user in cluster_of(request).accounts.users.values()
        if active is None or user.active == (active == "true")
    ]
    limit = query_number(request, "limit", 0) or -1
    users, pagination = page(views, offset=query_number(request, "offset", 0), limit=limit)
    return reply({"users": users, "pagination": pagination})


def _token_view(session: Session) -> Json:
    return {
        "id": session.token_id,
        "userId": session.user_id,
        "expiry": rfc3339(session.expires_at),
        "createdAt": rfc3339(session.created_at),
        "tokenType": "TOKEN_TYPE_ACCESS_TOKEN",
        "revoked": session.revoked,
        "description": session.description,
    }


async def create_token(request: Request) -> Response:
    """Open an access token. `lifespan` is a Go duration, or -1 for as long as allowed."""
    cluster = cluster_of(request)
    body = await body_of(request)
    user = cluster.accounts.users.get(int(body.get("userId") or 0))
    if user is None:
        raise not_found("user not found")
    session = cluster.accounts.open_access_token(
        user,
        life=_lifespan(str(body.get("lifespan") or "")),
        description=str(body.get("description") or ""),
    )
    return reply({"token": session.token, "tokenId": session.token_id})


def _lifespan(text: str) -> timedelta:
    if text in {"", "-1"}:
        return _TOKEN_LIFE
    if not text.endswith("h") or not text[:-1].isdigit():
        raise invalid_argument(f"failed to parse lifespan {text}")
    life = timedelta(hours=int(text[:-1]))
    if life > _TOKEN_LIFE:
        raise invalid_argument("token lifespan must be less than max token lifespan")
    return life


async def list_tokens(request: Request) -> Response:
    views = [_token_view(session) for session in cluster_of(request).accounts.access_tokens()]
    tokens, pagination = page(views, offset=0, limit=-1)
    return reply({"tokenInfo": tokens, "pagination": pagination})


async def patch_token(request: Request) -> Response:
    number = path_number(request, "token_id")
    body = await body_of(request)
    for session in cluster_of(request).accounts.access_tokens():
        if session.token_id == number:
            session.revoked = session.revoked or bool(body.get("setRevoked"))
            session.description = str(body.get("description") or session.description)
            return reply({"tokenInfo": _token_view(session)})
    raise not_found(f"token with id {number} not found")


def routes() -> list[Route]:
    return [
        Route("/api/v1/auth/login", log_in, methods=["POST"]),
        Route("/api/v1/auth/logout", log_out, methods=["POST"]),
        Route("/api/v1/me", me),
        Route("/api/v1/users", list_users),
        Route("/api/v1/tokens", create_token, methods=["POST"]),
        Route("/api/v1/tokens", list_tokens),
        Route("/api/v1/tokens/{token_id}", patch_token, methods=["PATCH"]),
    ]
