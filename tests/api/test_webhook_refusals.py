"""What the webhook does not take: 400 and 413 mean "never", so they are for what stays wrong."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.api.webhook import LARGEST_BODY
from app.domain.access import Role
from tests.api.receiver import PROBLEM, bearer, deliver, listed, message, posted

MIB = 2**20
MESSAGE = message(posted())


class Body:
    """A long body in parts; it counts how many of them were taken."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.taken < self.parts:
            self.taken += 1
            yield b" " * MIB


async def post(
    client: httpx.AsyncClient, content: bytes | AsyncIterator[bytes] | Body, **headers: str
) -> httpx.Response:
    headers |= bearer(Role.ALERTMANAGER)
    return await client.post("/api/v1/alerts", content=content, headers=headers)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        pytest.param(b'{"version": "4", "alerts": [', "body: Invalid JSON", id="half of a JSON"),
        pytest.param(b"", "body: Invalid JSON", id="nothing"),
        pytest.param(b'{"version": "\xff"}', "body: Invalid JSON", id="no text"),
        pytest.param(b"[]", "body: Input should be an object", id="a list"),
    ],
)
async def test_body_that_is_no_object_is_refused(
    client: httpx.AsyncClient, content: bytes, named: str
) -> None:
    answer = await post(client, content)

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == PROBLEM
    assert named in answer.json()["detail"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        pytest.param(MESSAGE | {"version": "3"}, "version: ", id="another version"),
        pytest.param({"alerts": []}, "version: ", id="no version"),
        pytest.param({"version": "4"}, "alerts: ", id="no alerts"),
        pytest.param(message({"labels": {}}), "alerts.0.status: ", id="alert without status"),
        pytest.param(
            message(posted(), posted(startsAt="soon")),
            "alerts.1.startsAt: ",
            id="alert with a time that is none",
        ),
    ],
)
async def test_message_that_is_no_version_4_is_refused_by_the_name_of_its_field(
    client: httpx.AsyncClient, sent: dict[str, object], field: str
) -> None:
    answer = await client.post("/api/v1/alerts", json=sent, headers=bearer(Role.ALERTMANAGER))

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == PROBLEM
    assert field in answer.json()["detail"]
    assert await listed(client) == []


async def test_refusal_does_not_repeat_what_was_sent(client: httpx.AsyncClient) -> None:
    answer = await deliver(client, version="s3cr3t")

    assert answer.status_code == 400
    assert "s3cr3t" not in answer.text


async def test_largest_body_is_taken(client: httpx.AsyncClient) -> None:
    content = httpx.Request("POST", "http://app", json=MESSAGE).content

    answer = await post(client, content.ljust(LARGEST_BODY))

    assert answer.status_code == 204
    assert len(await listed(client)) == 1


async def test_body_that_says_it_is_too_long_is_not_read(client: httpx.AsyncClient) -> None:
    body = Body(parts=1)

    answer = await post(client, body, **{"Content-Length": str(LARGEST_BODY + 1)})

    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == PROBLEM
    assert body.taken == 0


async def test_body_without_a_length_is_read_no_further_than_is_allowed(
    client: httpx.AsyncClient,
) -> None:
    body = Body(parts=40)

    answer = await post(client, body)

    assert "Content-Length" not in answer.request.headers
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == PROBLEM
    assert body.taken == LARGEST_BODY // MIB + 1


async def test_body_that_is_longer_than_it_says_is_read_no_further_than_is_allowed(
    client: httpx.AsyncClient,
) -> None:
    body = Body(parts=40)

    answer = await post(client, body, **{"Content-Length": "2"})

    assert answer.status_code == 413
    assert body.taken == LARGEST_BODY // MIB + 1
