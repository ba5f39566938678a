"""GET /api/v1/tasks: what runs, over HTTP, beside a simulated Determined."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx

from app.domain.access import Role
from app.domain.holders import IDLE, USED
from app.settings import Settings
from app.tasks import ACTIVE, AVERAGE, BUSIEST
from demo.cluster.control import ControlClient
from demo.cluster.wire import TaskState
from tests.api.receiver import (
    PROBLEM,
    bearer,
    deliver,
    labels_of,
    listed,
    posted,
    running,
    tick,
    until,
    until_ticked,
)

LISTED = "/api/v1/tasks"


@pytest.fixture
def bobs(control: ControlClient) -> TaskState:
    return control.start_idle_notebook("bob", slots=2, name="JupyterLab (brave-otter)")


@pytest.fixture
def alices(control: ControlClient) -> TaskState:
    return control.start_idle_notebook("alice")


@pytest.fixture
async def client(
    settings: Settings,
    upstream: respx.MockRouter,  # noqa: ARG001 -- it has to answer before the app starts
    bobs: TaskState,  # noqa: ARG001 -- likewise
    alices: TaskState,  # noqa: ARG001 -- likewise
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole app, which has seen the two notebooks once."""
    async with running(settings) as client:
        await until_ticked(client)
        yield client


def vector(*rows: tuple[str, TaskState, float]) -> dict[str, Any]:
    result = [
        {
            "metric": {"__name__": name, "allocation_id": task.allocation.allocation_id},
            "value": [1795489200.0, str(value)],
        }
        for name, task, value in rows
    ]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


async def ask(client: httpx.AsyncClient, path: str = LISTED, **query: str | int) -> httpx.Response:
    return await client.get(path, params=query, headers=bearer(Role.VIEWER))


async def found(client: httpx.AsyncClient, **query: str | int) -> dict[str, Mapping[str, Any]]:
    """Return the tasks of an answer, by owner."""
    answer = (await ask(client, LISTED, **query)).raise_for_status().json()
    return {task["username"]: task for task in answer["tasks"]}


async def test_task_is_shown_with_all_that_is_known_of_it(
    client: httpx.AsyncClient, upstream: respx.MockRouter, bobs: TaskState
) -> None:
    [container] = bobs.allocation.containers
    allocation_id = bobs.allocation.allocation_id
    rows = (AVERAGE, bobs, 12.5), (BUSIEST, bobs, 25.0), (ACTIVE, bobs, 1.0)
    upstream["query"].respond(json=vector(*rows))
    await deliver(client, posted(labels_of(bobs)))
    [incident] = await listed(client)

    answer = await ask(client, f"{LISTED}/{bobs.task_id}")

    task = answer.raise_for_status().json()
    began = task["started_at"]
    assert task.pop("snapshot_at") >= began
    assert task == {
        "task_id": bobs.task_id,
        "task_type": "notebook",
        "name": "JupyterLab (brave-otter)",
        "username": "bob",
        "resource_pool": bobs.pool,
        "slots": 2,
        "started_at": began,
        "allocations": [
            {
                "allocation_id": allocation_id,
                "slots": 2,
                "started_at": began,
                "agents": [container.agent_id],
                "gpus": [
                    {"gpu_uuid": uuid, "agent_id": container.agent_id}
                    for uuid in container.gpu_uuids
                ],
            }
        ],
        "activity": {"average": 12.5, "busiest": 25.0, "active": True},
        "if_idle": {
            "policy": "reclaim",
            "action": "kill",
            "mode": "observe",
            "lowered_by": ["watchdog_mode"],
            "grace": "2h",
            "holds": [],
            "never": None,
        },
        "incidents": [
            {
                "incident_id": incident["incident_id"],
                "alertname": "GPUAllocationIdle",
                "policy": "reclaim",
                "state": "firing",
                "deadline": None,
            }
        ],
        "unknown": [],
    }
    [asked] = parse_qs(upstream["query"].calls.last.request.content.decode())["query"]
    assert asked.count(allocation_id.replace(".", r"\\.").replace("-", r"\\-")) == 1


async def test_policy_is_the_one_that_the_rule_of_prometheus_names(
    client: httpx.AsyncClient, upstream: respx.MockRouter
) -> None:
    rule = {"name": "GPUAllocationIdle", "labels": {"policy": "advise"}}
    rules = {"groups": [{"rules": [rule]}]}
    upstream["rules"].respond(json={"status": "success", "data": rules})

    tasks = await found(client)

    assert {task["if_idle"]["policy"] for task in tasks.values()} == {"advise"}


async def test_list_is_filtered_and_paged(
    client: httpx.AsyncClient, upstream: respx.MockRouter, bobs: TaskState, alices: TaskState
) -> None:
    upstream["query"].respond(json=vector((ACTIVE, bobs, 0.0), (ACTIVE, alices, 1.0)))

    answers = {
        "all": await found(client),
        "bob's": await found(client, username="bob"),
        "no trial": await found(client, task_type="trial"),
        "idle": await found(client, idle="true"),
        "at work": await found(client, idle="false"),
    }
    pages = [(await ask(client, limit=1, offset=each)).json() for each in range(3)]

    assert {name: set(tasks) for name, tasks in answers.items()} == {
        "all": {"bob", "alice"},
        "bob's": {"bob"},
        "no trial": set(),
        "idle": {"bob"},
        "at work": {"alice"},
    }
    assert [page["total"] for page in pages] == [2, 2, 2]
    assert [len(page["tasks"]) for page in pages] == [1, 1, 0]
    assert {page["tasks"][0]["username"] for page in pages[:2]} == {"bob", "alice"}


async def test_what_cannot_be_read_is_said_and_is_no_idleness(
    client: httpx.AsyncClient, upstream: respx.MockRouter
) -> None:
    for name in ("query", "rules", "silences"):
        upstream[name].respond(503)

    answer = (await ask(client)).raise_for_status().json()
    idle = await ask(client, idle="true")

    unknown = {"average": None, "busiest": None, "active": None}
    assert [task["activity"] for task in answer["tasks"]] == [unknown] * 2
    assert [task["if_idle"]["policy"] for task in answer["tasks"]] == ["reclaim"] * 2
    assert sorted(answer["unknown"]) == [
        "Prometheus could not be read: Prometheus answered 503.",
        "Silences are not known: Alertmanager alertmanager:9093 answered 503.",
    ]
    assert (idle.status_code, idle.headers["Content-Type"]) == (503, PROBLEM)
    assert "Prometheus answered 503" in idle.json()["detail"]


async def test_silence_over_the_task_is_shown_with_its_end(
    client: httpx.AsyncClient, upstream: respx.MockRouter, bobs: TaskState
) -> None:
    matcher = {"name": "task_id", "value": bobs.task_id, "isRegex": False, "isEqual": True}
    silence = {
        "id": "s1",
        "matchers": [matcher],
        "startsAt": "2020-01-01T00:00:00Z",
        "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "carol",
        "comment": "demo day",
        "status": {"state": "active"},
    }
    upstream["silences"].respond(json=[silence])

    tasks = await found(client)

    assert tasks["bob"]["if_idle"]["holds"] == [
        {
            "reason": "silenced",
            "by": "carol",
            "until": "2099-01-01T00:00:00Z",
            "detail": "demo day",
        }
    ]
    assert tasks["alice"]["if_idle"]["holds"] == []


async def test_task_that_does_not_run_is_told_apart(client: httpx.AsyncClient) -> None:
    answer = await ask(client, f"{LISTED}/t-1")

    assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)
    assert answer.json()["detail"].startswith("No task t-1 runs.")


async def test_nothing_is_said_to_run_before_determined_was_read(
    settings: Settings,
    upstream: respx.MockRouter,  # noqa: ARG001 -- it has to answer before the app starts
    determined_is_down: None,  # noqa: ARG001 -- likewise
) -> None:
    async with running(settings) as client:
        await until_ticked(client)

        answers = [await ask(client), await ask(client, f"{LISTED}/t-1")]

    assert [each.status_code for each in answers] == [503, 503]


async def test_explanation_tells_what_each_alert_sees_and_what_would_follow(
    client: httpx.AsyncClient, upstream: respx.MockRouter, bobs: TaskState
) -> None:
    loaded = {"severity": "warning", "policy": "reclaim", "scope": "allocation"}
    rule = {"name": "GPUAllocationIdle", "labels": loaded, "duration": 300, "lastError": "slow"}
    rules = {"groups": [{"rules": [rule]}]}
    upstream["rules"].respond(json={"status": "success", "data": rules})
    upstream["query"].respond(json=vector((ACTIVE, bobs, 1.0), (AVERAGE, bobs, 60.0)))

    answer = await ask(client, f"{LISTED}/{bobs.task_id}/explanation")

    found = answer.raise_for_status().json()
    assert found["task"]["task_id"] == bobs.task_id
    assert {each["name"]: each["value"] for each in found["measures"]} == {"utilization": 60.0}
    [look] = found["alerts"]
    assert (look["alertname"], look["state"], look["error"]) == (rule["name"], "inactive", "slow")
    # Prometheus has no window of it in this test.
    assert [each["met"] for each in look["conditions"]] == [False]
    assert [each["stage"] for each in found["next"]] == ["alert", "warning", "stop"]
    assert "mode is observe" in found["next"][2]["words"]
    assert found["unknown"] == []


async def test_explanation_says_what_is_not_known_and_what_is_known_all_the_same(
    client: httpx.AsyncClient, upstream: respx.MockRouter, bobs: TaskState
) -> None:
    for name in ("query", "rules"):
        upstream[name].respond(503)

    answer = await ask(client, f"{LISTED}/{bobs.task_id}/explanation")
    nobodys = await ask(client, f"{LISTED}/t-1/explanation")

    found = answer.raise_for_status().json()
    assert found["unknown"] == ["Prometheus could not be read: Prometheus answered 503."]
    assert (found["alerts"], found["measures"], found["next"][0]["at"]) == ([], [], None)
    assert found["task"]["if_idle"]["policy"] == "reclaim"
    assert nobodys.status_code == 404


async def test_task_is_killed_by_hand_once_and_the_answer_says_so(
    client: httpx.AsyncClient,
    control: ControlClient,
    upstream: respx.MockRouter,
    bobs: TaskState,
) -> None:
    path, body = f"{LISTED}/{bobs.task_id}/kill", {"reason": "a new fan"}
    unused = [{"metric": {"gpu_uuid": each}, "value": [0, "0"]} for each in bobs.gpu_uuids]
    data = {"resultType": "vector", "result": unused}
    upstream["query"].respond(json={"status": "success", "data": data})
    headers = bearer(Role.ADMIN) | {"Idempotency-Key": "k-1"}

    tried = await client.post(path, params={"dry_run": "true"}, json=body, headers=headers)
    nothing = await listed(client)
    done = await client.post(path, json=body, headers=headers)

    async def is_stopped() -> bool:
        await tick(client)
        return bool(await listed(client, state="stopped"))

    await until(is_stopped, "the task is stopped")
    again = await client.post(path, json=body, headers=headers)
    assert [each.status_code for each in (tried, done, again)] == [200, 200, 200]
    assert (tried.json()["incident_id"], nothing) == ("", [])
    assert done.json()["effects"] == again.json()["effects"] == tried.json()["effects"]
    assert (done.json()["alertname"], again.json()["state"]) == ("ManualStop", "stopped")
    assert [call.path for call in control.stops()] == [f"/api/v1/notebooks/{bobs.task_id}/kill"]


async def test_task_that_cannot_be_paused_is_refused(
    client: httpx.AsyncClient, bobs: TaskState
) -> None:
    answer = await client.post(
        f"{LISTED}/{bobs.task_id}/pause", json={"reason": "room"}, headers=bearer(Role.ADMIN)
    )

    assert (answer.status_code, answer.headers["Content-Type"]) == (409, PROBLEM)
    assert await listed(client) == []


async def test_users_are_listed_with_what_they_hold_and_its_use(
    client: httpx.AsyncClient, upstream: respx.MockRouter, bobs: TaskState
) -> None:
    labels = {"username": "bob", "resource_pool": bobs.pool}
    rows = [
        {"metric": {"__name__": name} | labels, "value": [1795489200.0, value]}
        for name, value in ((USED, "0"), (IDLE, "2"))
    ]
    data = {"resultType": "vector", "result": rows}
    upstream["query"].respond(json={"status": "success", "data": data})
    await deliver(client, posted(labels_of(bobs)))

    answer = (await ask(client, "/api/v1/users")).raise_for_status().json()
    alone = (await ask(client, "/api/v1/users", username="alice", resource_pool=bobs.pool)).json()
    upstream["query"].respond(503)
    unread = (await ask(client, "/api/v1/users", limit=1, offset=1)).json()

    bob, alice = answer["users"]
    assert bob == {
        "username": "bob",
        "active": True,
        "tasks": 1,
        "slots": 2,
        "limit": None,
        "held": [
            {
                "resource_pool": bobs.pool,
                "tasks": 1,
                "slots": 2,
                "waiting": 0,
                "used": 0,
                "idle": 2,
            }
        ],
        "incidents": {"firing": 1},
    }
    assert (alone["users"], alone["total"]) == ([alice], 1)
    assert (unread["users"], unread["total"]) == ([alice], 2)
    assert unread["unknown"] == ["Prometheus could not be read: Prometheus answered 503."]
