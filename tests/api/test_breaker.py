"""/api/v1/breaker: how it stands, the panic button, and the reset (S7)."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.domain.access import Role
from app.store.sql import SqlIncidentStore
from tests.api.receiver import PROBLEM, bearer, deliver, metric, posted, until_ticked

BREAKER = "/api/v1/breaker"


async def shown(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get(BREAKER, headers=bearer(Role.VIEWER))
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


async def press(
    client: httpx.AsyncClient, action: str, reason: object = "the exporter is broken"
) -> httpx.Response:
    body = {"action": action, "reason": reason}
    return await client.post(BREAKER, json=body, headers=bearer(Role.ADMIN))


async def test_breaker_is_closed_until_something_trips_it(client: httpx.AsyncClient) -> None:
    await until_ticked(client)

    assert await shown(client) == {
        "state": "closed",
        "since": None,
        "by": "",
        "reason": "",
        "stops": [],
        "stops_last_hour": 0,
        "running": 0,
        "limits": {"max_stops_per_hour": 10, "max_share": 0.25, "floor": 3},
    }


async def test_panic_button_trips_it_from_the_answer_on_and_says_who_and_why(
    client: httpx.AsyncClient, database: SqlIncidentStore
) -> None:
    await until_ticked(client)
    before = datetime.now(UTC)

    answer = await press(client, "trip", "  the exporter is broken ")

    assert answer.status_code == 200
    found = answer.json()
    assert (found["state"], found["by"]) == ("tripped", "the admin")
    assert found["reason"] == "the exporter is broken"
    assert before <= datetime.fromisoformat(found["since"]) <= datetime.now(UTC)
    assert (await database.breaker()).tripped
    assert await shown(client) == found
    assert await metric(client, "watchdog_breaker_tripped") == 1


async def test_reset_closes_it(client: httpx.AsyncClient) -> None:
    await until_ticked(client)
    await press(client, "trip")

    answer = await press(client, "reset", "mended")

    assert (answer.json()["state"], answer.json()["reason"]) == ("closed", "mended")
    assert await metric(client, "watchdog_breaker_tripped") == 0


@pytest.mark.parametrize("action", ["trip", "reset"])
async def test_pressing_twice_changes_nothing(client: httpx.AsyncClient, action: str) -> None:
    await until_ticked(client)
    await press(client, "trip")
    first = (await press(client, action)).json()

    second = await press(client, action, "once more")

    assert second.status_code == 200
    assert second.json() == first


@pytest.mark.parametrize(
    ("action", "reason", "field"),
    [
        pytest.param("trip", "", "reason", id="empty reason"),
        pytest.param("trip", "  ", "reason", id="blank reason"),
        pytest.param("trip", None, "reason", id="no reason"),
        pytest.param("reset", "x" * 501, "reason", id="long reason"),
        pytest.param("explode", "why not", "action", id="unknown action"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_the_name_of_its_field(
    client: httpx.AsyncClient, action: str, reason: object, field: str
) -> None:
    answer = await press(client, action, reason)

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == PROBLEM
    assert f"body.{field}: " in answer.json()["detail"]
    assert (await shown(client))["since"] is None


async def test_webhooks_are_taken_while_it_is_tripped(
    determined_is_down: None,  # noqa: ARG001 -- before the app starts
    client: httpx.AsyncClient,
) -> None:
    await press(client, "trip")

    answer = await deliver(client, posted())

    assert answer.status_code == 204
