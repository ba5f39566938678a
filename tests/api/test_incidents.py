"""GET /api/v1/incidents: the list with its filters, and one incident with its history."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.domain.access import Role
from app.domain.events import AlertActive
from app.domain.lifecycle import advance
from app.domain.policy import Mode
from app.store.sql import SqlIncidentStore
from tests.api.receiver import PROBLEM, bearer, deliver, labels, listed, posted, read
from tests.domain.examples import ALLOCATION, POLICY, T0, TASK, after, opened, warning_delivered

pytestmark = pytest.mark.usefixtures("determined_is_down")

# From the oldest to the newest.
NAMES = ("bob", "alice", "alice in the big pool", "alice, otherwise")
ALERTS = (
    labels(),
    labels(username="alice", task_id="a", allocation_id="a.1"),
    labels(username="alice", task_id="b", allocation_id="b.1", resource_pool="big"),
    labels(username="alice", task_id="c", allocation_id="c.1", alertname="GPULowEfficiency"),
)


@pytest.fixture
async def four(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The receiver with four incidents, one of which is held."""
    for one in ALERTS:
        await deliver(client, posted(one))
    [bobs] = await listed(client, username="bob")
    answer = await client.post(
        f"/api/v1/incidents/{bobs['incident_id']}/keep",
        json={"duration": "2h", "reason": "a demo"},
        headers=bearer(Role.OPERATOR),
    )
    answer.raise_for_status()
    return client


def named(incident: dict[str, Any]) -> str:
    parts = ("alertname", "username", "resource_pool")
    return next(
        name
        for name, alert in zip(NAMES, ALERTS, strict=True)
        if all(incident[part] == alert[part] for part in parts)
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param({}, [3, 2, 1, 0], id="no filter, newest first"),
        pytest.param({"state": "held"}, [0], id="state"),
        pytest.param({"state": "firing"}, [3, 2, 1], id="another state"),
        pytest.param({"state": "stopped"}, [], id="a state that none has"),
        pytest.param({"username": "alice"}, [3, 2, 1], id="user"),
        pytest.param({"resource_pool": "big"}, [2], id="pool"),
        pytest.param({"alertname": "GPULowEfficiency"}, [3], id="alert"),
        pytest.param({"username": "alice", "resource_pool": "default"}, [3, 1], id="two of them"),
        pytest.param({"username": "bob", "state": "firing"}, [], id="two that exclude each other"),
        pytest.param({"open": "false"}, [], id="final"),
        pytest.param({"limit": 1}, [3], id="the newest"),
        pytest.param({"limit": 1000}, [3, 2, 1, 0], id="the longest list"),
    ],
)
async def test_list_has_what_the_filter_lets_through(
    four: httpx.AsyncClient, query: dict[str, str | int], found: list[int]
) -> None:
    incidents = await listed(four, **query)

    assert [named(incident) for incident in incidents] == [NAMES[number] for number in found]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        pytest.param({"limit": 0}, "limit", id="limit too small"),
        pytest.param({"limit": 1001}, "limit", id="limit too large"),
        pytest.param({"limit": "all"}, "limit", id="limit that is no number"),
        pytest.param({"state": "asleep"}, "state", id="unknown state"),
        pytest.param({"open": "perhaps"}, "open", id="neither open nor final"),
    ],
)
async def test_filter_that_makes_no_sense_is_refused_by_its_name(
    client: httpx.AsyncClient, query: dict[str, str | int], field: str
) -> None:
    answer = await client.get("/api/v1/incidents", params=query, headers=bearer(Role.VIEWER))

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == PROBLEM
    assert f"query.{field}: " in answer.json()["detail"]


async def test_incident_shows_what_it_is_about(client: httpx.AsyncClient) -> None:
    before = datetime.now(UTC)
    await deliver(client, posted())

    [incident] = await listed(client)

    assert incident | {"incident_id": "", "opened_at": "", "changed_at": ""} == {
        "incident_id": "",
        "state": "firing",
        "alertname": "GPUAllocationIdle",
        "policy": "reclaim",
        "username": "bob",
        "resource_pool": "default",
        "mode": "observe",
        "round": 1,
        "opened_at": "",
        "changed_at": "",
        "targets": [
            {
                "allocation_id": ALLOCATION,
                "task_id": TASK,
                "task_type": "notebook",
                "name": "",
                "slots": 0,
                "warned_at": None,
                "deadline": None,
                "intent": None,
                "outcome": None,
            }
        ],
        "holds": [],
        "blocked": None,
        "annotations": {"summary": "idle"},
    }
    assert before <= datetime.fromisoformat(incident["opened_at"]) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("mode", "deadline"),
    [
        pytest.param(Mode.ENFORCE, "2026-11-24T14:00:00Z", id="enforce: as the warning named it"),
        pytest.param(Mode.WARN, None, id="warn: the warning named none"),
    ],
)
async def test_deadline_is_one_that_was_announced(
    client: httpx.AsyncClient, database: SqlIncidentStore, mode: Mode, deadline: str | None
) -> None:
    fired = after(opened(mode), AlertActive())
    warned = advance(fired, warning_delivered(), POLICY, at=T0)
    await database.receive([warned], heartbeat_at=None)

    [incident] = await listed(client)

    [target] = incident["targets"]
    assert target["warned_at"] == "2026-11-24T12:00:00Z"
    assert target["deadline"] == deadline


async def test_incident_is_read_with_its_history(client: httpx.AsyncClient) -> None:
    await deliver(client, posted())
    [incident] = await listed(client)

    found = await read(client, incident["incident_id"])

    history = found.pop("history")
    assert found == incident
    assert [(entry["before"], entry["reason"], entry["after"]) for entry in history] == [
        (None, "alert_fired", "firing"),
        ("firing", "alert_active", "firing"),
    ]
    assert {entry["actor"] for entry in history} == {"watchdog"}
    assert history[0]["at"] == incident["opened_at"]


async def test_incident_that_does_not_exist_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/incidents/i-1", headers=bearer(Role.VIEWER))

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == PROBLEM
    assert answer.json()["detail"] == "there is no incident i-1"
