"""Who may call what: a row for each endpoint, and every way to be nobody."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from app.domain.access import Role
from app.main import create_app
from app.settings import Settings
from tests.api.receiver import NEXT_TOKEN, PROBLEM, TOKENS, bearer, message, until_ticked

NOBODY = {"no token": {}, "a wrong token": {"Authorization": "Bearer wrong"}}
CALLERS: dict[str, dict[str, str]] = NOBODY | {role: bearer(role) for role in Role}


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    answers: dict[str, int]
    """The status for each caller."""
    body: dict[str, Any] | None = None


def public(path: str) -> Endpoint:
    return Endpoint("GET", path, dict.fromkeys(CALLERS, 200))


def kept_for(*roles: Role, status: int) -> dict[str, int]:
    """Return the answers where these roles get the status; others 403, and nobody 401."""
    return {
        caller: 401 if caller in NOBODY else status if caller in roles else 403
        for caller in CALLERS
    }


SENDERS = (Role.ALERTMANAGER, Role.ADMIN)
READERS = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)
OPERATORS = (Role.OPERATOR, Role.ADMIN)
# Where an id is asked for there is no such incident: that is told to those alone who may know.
ENDPOINTS = [
    Endpoint("POST", "/api/v1/alerts", kept_for(*SENDERS, status=204), body=message()),
    Endpoint("GET", "/api/v1/incidents", kept_for(*READERS, status=200)),
    Endpoint("GET", "/api/v1/incidents/{incident_id}", kept_for(*READERS, status=404)),
    Endpoint(
        "POST",
        "/api/v1/incidents/{incident_id}/keep",
        kept_for(*OPERATORS, status=404),
        body={"duration": "2h", "reason": "a long evaluation"},
    ),
    Endpoint(
        "POST",
        "/api/v1/incidents/{incident_id}/kill",
        kept_for(*OPERATORS, status=404),
        body={"reason": "maintenance"},
    ),
    Endpoint(
        "POST",
        "/api/v1/incidents/{incident_id}/pause",
        kept_for(*OPERATORS, status=404),
        body={"reason": "maintenance"},
    ),
    Endpoint(
        "POST",
        "/api/v1/incidents/{incident_id}/dismiss",
        kept_for(Role.ADMIN, status=404),
        body={"reason": "a false alarm"},
    ),
    Endpoint("GET", "/api/v1/tasks", kept_for(*READERS, status=200)),
    Endpoint("GET", "/api/v1/tasks/{task_id}", kept_for(*READERS, status=404)),
    Endpoint("GET", "/api/v1/tasks/{task_id}/explanation", kept_for(*READERS, status=404)),
    Endpoint(
        "POST",
        "/api/v1/tasks/{task_id}/kill",
        kept_for(Role.ADMIN, status=404),
        body={"reason": "maintenance"},
    ),
    Endpoint(
        "POST",
        "/api/v1/tasks/{task_id}/pause",
        kept_for(Role.ADMIN, status=404),
        body={"reason": "maintenance"},
    ),
    Endpoint("GET", "/api/v1/users", kept_for(*READERS, status=200)),
    Endpoint("GET", "/api/v1/breaker", kept_for(*READERS, status=200)),
    Endpoint(
        "POST",
        "/api/v1/breaker",
        kept_for(Role.ADMIN, status=200),
        body={"action": "trip", "reason": "the exporter is broken"},
    ),
    public("/-/healthy"),
    public("/-/ready"),
    public("/metrics"),
    public("/openapi.json"),
    public("/docs"),
    public("/docs/oauth2-redirect"),
    public("/redoc"),
]


def test_every_endpoint_has_a_row(settings: Settings) -> None:
    routes = iter_route_contexts(create_app(settings).routes)
    found = [(method, route.path) for route in routes for method in route.methods or ["?"]]

    rows = [(endpoint.method, endpoint.path) for endpoint in ENDPOINTS]

    assert sorted(one for one in found if one[0] != "HEAD") == sorted(rows)


@pytest.mark.parametrize(
    "endpoint", [pytest.param(each, id=f"{each.method} {each.path}") for each in ENDPOINTS]
)
async def test_endpoint_serves_those_alone_whom_it_is_for(
    client: httpx.AsyncClient, endpoint: Endpoint
) -> None:
    await until_ticked(client)

    answers = {
        caller: await client.request(
            endpoint.method, endpoint.path, json=endpoint.body, headers=headers
        )
        for caller, headers in CALLERS.items()
    }

    assert {caller: each.status_code for caller, each in answers.items()} == endpoint.answers


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="no header"),
        pytest.param(b"Bearer wrong", id="unknown token"),
        pytest.param(b"Bearer", id="no token"),
        pytest.param(b"Bearer ", id="empty token"),
        pytest.param(b"Bearer " + TOKENS[Role.ADMIN].encode()[:-1], id="part of a token"),
        pytest.param(b"Basic " + TOKENS[Role.ADMIN].encode(), id="another scheme"),
        pytest.param("Bearer tökên".encode(), id="token in UTF-8"),
        pytest.param(b"Bearer \xff\xfe", id="token in no encoding"),
    ],
)
async def test_who_is_nobody_learns_how_to_sign_and_nothing_else(
    client: httpx.AsyncClient, authorization: bytes | None
) -> None:
    headers = {b"Authorization": authorization} if authorization is not None else {}

    answer = await client.get("/api/v1/incidents", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "Send one of the configured api_tokens as a bearer token.",
    }


async def test_refusal_of_a_role_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/incidents", headers=bearer(Role.ALERTMANAGER))

    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.json()["status"] == 403


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(TOKENS[Role.VIEWER], id="the old one"),
        pytest.param(NEXT_TOKEN, id="the new one, which is no ASCII"),
    ],
)
async def test_two_tokens_are_valid_while_one_replaces_the_other(
    client: httpx.AsyncClient, token: str
) -> None:
    headers = {b"Authorization": f"Bearer {token}".encode()}

    answer = await client.get("/api/v1/incidents", headers=headers)

    assert answer.status_code == 200
