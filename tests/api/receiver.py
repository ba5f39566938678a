"""The whole application under test, and what the tests ask of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import httpx
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Receive, Scope, Send

from app.domain.access import Role
from app.main import create_app
from app.ports import PressHandler
from app.settings import Settings
from demo.cluster.wire import TaskState
from tests.domain.examples import ANNOTATIONS, IDENTITY

TOKENS = {role: f"token-of-{role}" for role in Role}
NEXT_TOKEN = "tökên of the next viewer"
PROBLEM = "application/problem+json"
_APPS: dict[tuple[bool, bool], FastAPI] = {}
"""By what an app has beside the API. FastAPI makes the routes ready at an app's first request,
which takes longer than most tests. Apps differ in nothing but what a lifespan gives to requests.
"""
_LONGEST_WAIT = 20.0  # seconds


@asynccontextmanager
async def running(
    settings: Settings, press_handler: PressHandler | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the whole app, its lifespan included. It sends no token by itself."""
    own = create_app(settings, press_handler=press_handler)
    surface = bool(settings.slack.signing_secret_file), bool(settings.owner_page)
    app = _APPS.setdefault(surface, own)
    async with own.router.lifespan_context(app) as state:

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"] = dict(state or {})
            await app(scope, receive, send)

        transport = httpx.ASGITransport(app=with_state)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            yield client


@asynccontextmanager
async def broken(database: Path, table: str) -> AsyncIterator[None]:
    """Take a table away, so that statements about it fail; then put it back."""
    async with aiosqlite.connect(database) as connection:
        await connection.execute(f"ALTER TABLE {table} RENAME TO hidden")
        yield
        await connection.execute(f"ALTER TABLE hidden RENAME TO {table}")


def bearer(role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[role]}"}


def labels(**changes: str) -> dict[str, str]:
    return IDENTITY.labels() | changes


def labels_of(task: TaskState, **changes: str) -> dict[str, str]:
    """Return the labels of an alert about a task of the simulated cluster."""
    return {
        "alertname": "GPUAllocationIdle",
        "severity": "warning",
        "policy": "reclaim",
        "scope": "allocation",
        "username": task.username,
        "resource_pool": task.pool,
        "allocation_id": task.allocation.allocation_id,
        "task_id": task.task_id,
        "task_type": task.task_type.lower(),
    } | changes


def posted(alert_labels: Mapping[str, str] | None = None, **changes: object) -> dict[str, Any]:
    """Return an alert as Alertmanager posts it."""
    return {
        "status": "firing",
        "labels": dict(alert_labels or labels()),
        "annotations": ANNOTATIONS,
        "startsAt": "2026-11-24T12:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "9dd4e461268c8034",
    } | changes


def message(*alerts: Mapping[str, Any], **changes: object) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="GPUAllocationIdle"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "gpu-watchdog",
        "alerts": list(alerts),
    } | changes


async def deliver(
    client: httpx.AsyncClient, *alerts: Mapping[str, Any], **changes: object
) -> httpx.Response:
    """Post a message as Alertmanager does."""
    return await client.post(
        "/api/v1/alerts", json=message(*alerts, **changes), headers=bearer(Role.ALERTMANAGER)
    )


async def listed(client: httpx.AsyncClient, **query: str | int) -> list[dict[str, Any]]:
    answer = await client.get("/api/v1/incidents", params=query, headers=bearer(Role.VIEWER))
    found: list[dict[str, Any]] = answer.raise_for_status().json()
    return found


async def read(client: httpx.AsyncClient, incident_id: str) -> dict[str, Any]:
    """Return an incident with its history."""
    path = f"/api/v1/incidents/{incident_id}"
    answer = await client.get(path, headers=bearer(Role.VIEWER))
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


async def keep(
    client: httpx.AsyncClient,
    incident_id: str,
    changes: Mapping[str, object] | None = None,
    *,
    role: Role = Role.OPERATOR,
) -> httpx.Response:
    """Keep an incident for two hours, or as the changes say."""
    path = f"/api/v1/incidents/{incident_id}/keep"
    body = {"duration": "2h", "reason": "a long evaluation", **(changes or {})}
    return await client.post(path, json=body, headers=bearer(role))


async def samples(client: httpx.AsyncClient, name: str) -> list[tuple[dict[str, str], float]]:
    """Return what `/metrics` has under a name: labels and values."""
    answer = await client.get("/metrics")
    return [
        (dict(sample.labels), sample.value)
        for family in text_string_to_metric_families(answer.raise_for_status().text)
        for sample in family.samples
        if sample.name == name
    ]


async def rows(client: httpx.AsyncClient, name: str, *names: str) -> dict[tuple[str, ...], float]:
    """Return the values under a name that has exactly these labels, by the labels' values."""
    found = await samples(client, name)
    assert {frozenset(labels) for labels, _ in found} <= {frozenset(names)}
    return {tuple(labels[each] for each in names): value for labels, value in found}


async def metric(client: httpx.AsyncClient, name: str, **of: str) -> float:
    """Return the one value under a name with these labels; 0 if there is none."""
    found = [value for own, value in await samples(client, name) if own == of]
    return found[0] if found else 0.0


async def ticks(client: httpx.AsyncClient) -> float:
    return await metric(client, "watchdog_tick_seconds_count")


async def until(true: Callable[[], Awaitable[bool]], what: str) -> None:
    """Return when the condition holds; fail if it does not in time."""
    ends = time.monotonic() + _LONGEST_WAIT
    while not await true():
        assert time.monotonic() < ends, f"not within {_LONGEST_WAIT:g} s: {what}"
        await asyncio.sleep(0.01)


async def until_ready(client: httpx.AsyncClient) -> None:
    async def ready() -> bool:
        return (await client.get("/-/ready")).is_success

    await until(ready, "the receiver is ready")


async def until_ticked(client: httpx.AsyncClient) -> None:
    """Wait for the end of the first tick."""

    async def ticked() -> bool:
        return await ticks(client) > 0

    await until(ticked, "the first tick")


async def tick(client: httpx.AsyncClient) -> None:
    """Let the reconciler look at the world once: any delivery about tasks wakes it."""
    before = await ticks(client)
    await deliver(client, posted(status="resolved"))

    async def ticked() -> bool:
        return await ticks(client) > before

    await until(ticked, "a tick")
