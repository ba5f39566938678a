"""How long a task may be kept is limited by its policy, and the answer says how long still."""

from typing import Any

import httpx
import pytest

from app.store.sql import SqlIncidentStore
from tests.api.receiver import PROBLEM, deliver, keep, labels, listed, posted
from tests.domain.examples import T0, TASK


@pytest.fixture
def changes() -> dict[str, Any]:
    return {
        "policies": {
            "reclaim": {"keep_longest": "3h"},
            "urgent": {"keep_longest": "3h", "keep_total": "90m"},
        }
    }


async def opened(client: httpx.AsyncClient, policy: str) -> str:
    await deliver(client, posted(labels(policy=policy)))
    [found] = await listed(client)
    incident_id: str = found["incident_id"]
    return incident_id


@pytest.mark.usefixtures("determined_is_down")
@pytest.mark.parametrize(
    ("policy", "asked", "words"),
    [
        ("reclaim", "3h1s", "3h are left: policy reclaim allows 3h at a time, and 3d within one"),
        ("urgent", "2h", "1h30m are left: policy urgent allows 3h at a time, and 1h30m within one"),
        ("unknown", "25h", "1d are left: policy unknown allows 1d at a time"),
        ("unknown", "999999d", "1d are left"),
    ],
)
async def test_keep_that_is_too_long_is_refused_and_says_what_is_allowed(
    client: httpx.AsyncClient, database: SqlIncidentStore, policy: str, asked: str, words: str
) -> None:
    incident_id = await opened(client, policy)

    answer = await keep(client, incident_id, {"duration": asked})

    assert (answer.status_code, answer.headers["Content-Type"]) == (422, PROBLEM)
    assert answer.json()["detail"].startswith(f"body.duration: {words}")
    assert answer.json()["detail"].endswith("Nothing was kept.")
    assert await database.keeps_since([TASK], policy, T0) == []
    assert [found["holds"] for found in await listed(client)] == [[]]


@pytest.mark.usefixtures("determined_is_down")
async def test_keep_as_long_as_is_allowed_leaves_its_own_rest(client: httpx.AsyncClient) -> None:
    incident_id = await opened(client, "urgent")
    first = await keep(client, incident_id, {"duration": "90m"})

    second = await keep(client, incident_id, {"duration": "90m"})

    assert (first.status_code, second.status_code) == (200, 422)
    assert second.json()["detail"].startswith("body.duration: 1h29m59s are left: ")
