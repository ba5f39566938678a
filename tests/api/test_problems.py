"""Errors are problems (RFC 9457), also those that the framework finds."""

import httpx
import pytest

from app.domain.access import Role
from tests.api.receiver import PROBLEM, bearer

KEEP = "/api/v1/incidents/i-1/keep"


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        pytest.param("GET", "/api/v1/nothing", 404, "Not Found", id="no such path"),
        pytest.param("DELETE", KEEP, 405, "Method Not Allowed", id="no such method"),
    ],
)
async def test_request_that_no_route_takes_is_a_problem(
    client: httpx.AsyncClient, method: str, path: str, status: int, title: str
) -> None:
    answer = await client.request(method, path, headers=bearer(Role.ADMIN))

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.json() == {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": title,
    }


async def test_refused_method_is_answered_with_those_that_are_taken(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.request("DELETE", KEEP)

    assert answer.headers["Allow"] == "POST"


async def test_nobody_can_make_us_read_a_long_body(client: httpx.AsyncClient) -> None:
    answer = await client.post(KEEP, json={"duration": "2h", "reason": "x" * 2**16})

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("content", "named"),
    [
        pytest.param(b'{"duration": ', "body.", id="half of a JSON"),
        pytest.param(b"[]", "body: ", id="a list"),
        pytest.param(b"", "body: ", id="nothing"),
        pytest.param(b'{"duration": "2h"}', "body.reason: ", id="a field is missing"),
        pytest.param(
            b'{"duration": "2h", "reason": "\\ud800"}', "body.reason: ", id="half of a character"
        ),
    ],
)
async def test_body_that_cannot_be_read_is_a_problem(
    client: httpx.AsyncClient, content: bytes, named: str
) -> None:
    headers = bearer(Role.OPERATOR) | {"Content-Type": "application/json"}

    answer = await client.post(KEEP, content=content, headers=headers)

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == PROBLEM
    assert named in answer.json()["detail"]
