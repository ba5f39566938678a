"""What becomes of a keep at the ticks that follow it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import respx

from app.settings import Settings
from app.store.sql import SqlIncidentStore
from demo.cluster.control import ControlClient
from demo.cluster.wire import TaskState
from tests.api.receiver import (
    deliver,
    keep,
    labels_of,
    listed,
    posted,
    read,
    running,
    tick,
    until,
    until_ticked,
)
from tests.domain.examples import ANNOTATIONS


@pytest.fixture
def task(control: ControlClient) -> TaskState:
    return control.start_idle_notebook("alice")


@pytest.fixture
def alert(task: TaskState, upstream: respx.MockRouter) -> dict[str, str]:
    """The labels of an alert that fires, and that Alertmanager has as active."""
    labels = labels_of(task)
    fires = {
        "labels": labels,
        "annotations": ANNOTATIONS,
        "state": "firing",
        "activeAt": "2026-11-24T12:00:00Z",
        "value": "0",
    }
    upstream["firing"].respond(json={"status": "success", "data": {"alerts": [fires]}})
    active = {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []}
    upstream["alerts"].respond(json=[{"labels": labels, "status": active}])
    return labels


@pytest.fixture
async def client(
    alert: dict[str, str],  # noqa: ARG001 -- it has to fire before the app starts
    settings: Settings,
) -> AsyncIterator[httpx.AsyncClient]:
    """A receiver that found the alert by itself."""
    async with running(settings) as client:
        await until_ticked(client)
        # The second look is the first one that is younger than the incident.
        await tick(client)
        yield client


@pytest.fixture
async def incident(client: httpx.AsyncClient) -> dict[str, Any]:
    [found] = await listed(client)
    return found


async def test_keep_becomes_a_silence_of_the_policy_on_the_task(
    client: httpx.AsyncClient,
    incident: dict[str, Any],
    task: TaskState,
    upstream: respx.MockRouter,
) -> None:
    before = datetime.now(UTC)
    [hold] = (await keep(client, incident["incident_id"])).json()["holds"]

    await tick(client)

    sent = json.loads(upstream["silence"].calls.last.request.content)
    assert before <= datetime.fromisoformat(sent.pop("startsAt")) <= datetime.now(UTC)
    assert datetime.fromisoformat(sent.pop("endsAt")) == datetime.fromisoformat(hold["until"])
    assert sent == {
        "matchers": [
            {"name": "policy", "value": "reclaim", "isRegex": False, "isEqual": True},
            {"name": "task_id", "value": task.task_id, "isRegex": False, "isEqual": True},
        ],
        "createdBy": "the operator",
        "comment": "a long evaluation",
    }


async def test_keep_becomes_one_silence(
    client: httpx.AsyncClient, incident: dict[str, Any], upstream: respx.MockRouter
) -> None:
    await keep(client, incident["incident_id"])

    await tick(client)
    await tick(client)

    assert upstream["silence"].call_count == 1


async def test_silence_that_alertmanager_did_not_make_is_asked_for_again(
    client: httpx.AsyncClient, incident: dict[str, Any], upstream: respx.MockRouter
) -> None:
    made = httpx.Response(200, json={"silenceID": "s-1"})
    upstream["silence"].mock(side_effect=[httpx.Response(503), httpx.ConnectError, made])
    await keep(client, incident["incident_id"])

    for _ in range(4):
        await tick(client)

    assert upstream["silence"].call_count == 3
    assert [each["state"] for each in await listed(client)] == ["held"]


async def test_keep_outlasts_every_look_at_an_alert_that_fires_on(
    client: httpx.AsyncClient, incident: dict[str, Any]
) -> None:
    held = (await keep(client, incident["incident_id"])).json()

    await tick(client)
    await tick(client)

    assert [held | each for each in await listed(client)] == [held]


async def test_owner_is_warned_anew_when_the_keep_is_over(
    client: httpx.AsyncClient, incident: dict[str, Any]
) -> None:
    """S9: what follows a keep is a new round, never the rest of the old one."""
    await keep(client, incident["incident_id"], {"duration": "100ms"})

    async def is_over() -> bool:
        await tick(client)
        found = await read(client, incident["incident_id"])
        return bool(found["state"] == "firing")

    await until(is_over, "the keep is over")
    found = await read(client, incident["incident_id"])
    assert found["round"] == incident["round"] + 1
    assert [entry["reason"] for entry in found["history"]][-2:] == ["hold_began", "hold_ended"]


async def test_keep_holds_every_incident_of_the_policy_on_the_task(
    client: httpx.AsyncClient, incident: dict[str, Any], alert: dict[str, str]
) -> None:
    await deliver(client, posted(alert | {"alertname": "GPULowEfficiency"}))
    await deliver(client, posted(alert | {"alertname": "GPULowEfficiency", "policy": "advise"}))
    await keep(client, incident["incident_id"])

    async def states() -> dict[tuple[str, str], str]:
        found = await listed(client)
        return {(each["alertname"], each["policy"]): each["state"] for each in found}

    async def is_held() -> bool:
        return (await states())["GPULowEfficiency", "reclaim"] == "held"

    await until(is_held, "the other incident of the policy is held")
    await tick(client)
    assert await states() == {
        ("GPUAllocationIdle", "reclaim"): "held",
        ("GPULowEfficiency", "reclaim"): "held",
        ("GPULowEfficiency", "advise"): "firing",
    }


async def test_keep_of_what_is_over_changes_nothing(
    client: httpx.AsyncClient,
    incident: dict[str, Any],
    control: ControlClient,
    database: SqlIncidentStore,
) -> None:
    control.finish(incident["targets"][0]["task_id"])

    async def has_ended() -> bool:
        await tick(client)
        found = await read(client, incident["incident_id"])
        return bool(found["state"] == "ended")

    await until(has_ended, "the incident has ended")
    before = await read(client, incident["incident_id"])

    answer = await keep(client, incident["incident_id"])

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["holds"]) == ("ended", [])
    assert await read(client, incident["incident_id"]) == before
    assert await database.keeps(datetime.now(UTC)) == []
