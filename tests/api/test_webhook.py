"""POST /api/v1/alerts: what was answered with 204 is on disk, once, and worked on."""

import asyncio

import httpx
import pytest
import respx

from app.domain.alert import HEARTBEAT
from app.settings import Settings
from app.store.sql import SqlIncidentStore
from tests.api.receiver import (
    deliver,
    labels,
    listed,
    metric,
    posted,
    running,
    tick,
    ticks,
    until,
    until_ticked,
)

pytestmark = pytest.mark.usefixtures("determined_is_down")


async def test_incident_is_there_for_a_second_receiver_once_204_is_answered(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    answer = await deliver(client, posted())

    assert (answer.status_code, answer.content) == (204, b"")
    async with running(settings) as other:
        [incident] = await listed(other)
    assert incident["username"] == "bob"
    assert incident["state"] == "firing"


async def test_delivery_that_is_repeated_opens_no_second_incident(
    client: httpx.AsyncClient,
) -> None:
    first = await deliver(client, posted())
    [incident] = await listed(client)

    again = await deliver(client, posted(fingerprint="0" * 16), posted(labels() | {"host": "x"}))

    assert (first.status_code, again.status_code) == (204, 204)
    assert await listed(client) == [incident]


async def test_deliveries_at_the_same_moment_open_one_incident(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(deliver(client, posted()) for _ in range(8)))

    assert {answer.status_code for answer in answers} == {204}
    assert len(await listed(client)) == 1


async def test_three_thousand_alerts_are_taken_at_once(
    client: httpx.AsyncClient, database: SqlIncidentStore
) -> None:
    alerts = [posted(labels(task_id=f"{n}", allocation_id=f"{n}.1")) for n in range(3_000)]

    answer = await deliver(client, *alerts)

    assert answer.status_code == 204
    tasks = {incident.identity.task_id for incident in await database.open_incidents()}
    assert tasks == {str(n) for n in range(3_000)}


async def test_fields_of_later_versions_are_let_in(client: httpx.AsyncClient) -> None:
    answer = await deliver(
        client, posted(severityText="high"), notificationReason="first notification"
    )

    assert answer.status_code == 204
    assert len(await listed(client)) == 1


async def test_alert_that_is_over_opens_nothing(client: httpx.AsyncClient) -> None:
    answer = await deliver(
        client, posted(status="resolved", endsAt="2026-11-24T12:30:00Z"), status="resolved"
    )

    assert answer.status_code == 204
    assert await listed(client) == []


async def test_end_of_an_alert_leaves_its_incident_as_it_is(client: httpx.AsyncClient) -> None:
    await deliver(client, posted())
    before = await listed(client)

    await deliver(client, posted(status="resolved", endsAt="2026-11-24T12:30:00Z"))

    assert await listed(client) == before


async def test_heartbeat_is_on_disk(client: httpx.AsyncClient, database: SqlIncidentStore) -> None:
    assert await database.heartbeat_at() is None

    answer = await deliver(client, posted({"alertname": HEARTBEAT, "severity": "none"}))

    assert answer.status_code == 204
    assert await database.heartbeat_at() is not None
    assert await listed(client) == []


async def test_heartbeat_that_stopped_is_none(
    client: httpx.AsyncClient, database: SqlIncidentStore
) -> None:
    await deliver(client, posted({"alertname": HEARTBEAT}, status="resolved"))

    assert await database.heartbeat_at() is None


async def test_broken_alert_is_counted_and_keeps_no_other_out(client: httpx.AsyncClient) -> None:
    answer = await deliver(client, posted(labels(task_type="spaceship")), posted())

    assert answer.status_code == 204
    assert len(await listed(client)) == 1
    assert await metric(client, "watchdog_webhook_alerts_total", kind="broken") == 1
    assert await metric(client, "watchdog_webhook_alerts_total", kind="ours") == 1


async def test_alert_without_a_policy_is_counted_and_left(client: httpx.AsyncClient) -> None:
    answer = await deliver(client, posted({"alertname": "DiskFull", "severity": "critical"}))

    assert answer.status_code == 204
    assert await listed(client) == []
    assert await metric(client, "watchdog_webhook_alerts_total", kind="foreign") == 1


async def test_alert_for_the_admins_is_counted_and_left(client: httpx.AsyncClient) -> None:
    of_agent = {"alertname": "ExporterDown", "policy": "telemetry", "scope": "agent"}
    of_cluster = {"alertname": "SnapshotOld", "policy": "telemetry", "scope": "cluster"}

    answer = await deliver(client, posted(of_agent), posted(of_cluster))

    assert answer.status_code == 204
    assert await listed(client) == []
    assert await metric(client, "watchdog_webhook_alerts_total", kind="admins") == 2
    assert await metric(client, "watchdog_webhook_alerts_total", kind="broken") == 0


async def test_alert_for_the_admins_that_prometheus_reports_is_no_broken_one(
    client: httpx.AsyncClient, upstream: respx.MockRouter
) -> None:
    await until_ticked(client)
    since = {"state": "firing", "activeAt": "2026-11-24T12:00:00Z", "annotations": {}}
    alerts = [
        since | {"labels": {"alertname": "A", "policy": "telemetry", "scope": scope}}
        for scope in ("agent", "cluster", "galaxy")
    ]
    upstream["firing"].respond(json={"status": "success", "data": {"alerts": alerts}})

    await tick(client)

    assert await metric(client, "watchdog_webhook_alerts_total", kind="broken") == 1, "the last one"
    assert await metric(client, "watchdog_webhook_alerts_total", kind="admins") == 0


async def test_alerts_that_alertmanager_cut_off_are_counted(client: httpx.AsyncClient) -> None:
    await deliver(client, posted(), truncatedAlerts=12)
    await deliver(client, posted(), truncatedAlerts=3)

    assert await metric(client, "watchdog_webhook_truncated_alerts_total") == 15


async def test_delivery_is_worked_on_before_the_next_tick_is_due(
    client: httpx.AsyncClient,
) -> None:
    await until_ticked(client)
    before = await ticks(client)

    await deliver(client, posted())

    async def ticked() -> bool:
        return await ticks(client) > before

    await until(ticked, "a tick after the delivery")
