"""POST /api/v1/incidents/{id}/keep: a hold from this moment on, then a silence (S13)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.domain.access import Role
from app.store.sql import SqlIncidentStore
from tests.api.receiver import PROBLEM, deliver, keep, listed, posted, read

CENTURIES = "9" * 12 + "w"


@pytest.fixture
async def incident(determined_is_down: None, client: httpx.AsyncClient) -> dict[str, Any]:  # noqa: ARG001 -- before the app starts
    await deliver(client, posted())
    [found] = await listed(client)
    return found


async def test_keep_holds_the_incident_from_the_answer_on(
    client: httpx.AsyncClient, incident: dict[str, Any]
) -> None:
    before = datetime.now(UTC)

    answer = await keep(client, incident["incident_id"])

    assert answer.status_code == 200
    assert answer.json()["state"] == "held"
    [hold] = answer.json()["holds"]
    until_ = datetime.fromisoformat(hold.pop("until"))
    assert hold == {"reason": "kept", "by": "the operator", "detail": "a long evaluation"}
    assert before <= until_ - timedelta(hours=2) <= datetime.now(UTC)
    assert [answer.json() | each for each in await listed(client)] == [answer.json()]


async def test_history_says_who_kept_and_why(
    client: httpx.AsyncClient, incident: dict[str, Any]
) -> None:
    await keep(client, incident["incident_id"], role=Role.ADMIN)

    [*_, entry] = (await read(client, incident["incident_id"]))["history"]

    assert (entry["before"], entry["reason"], entry["after"]) == ("firing", "hold_began", "held")
    assert entry["actor"] == "the admin"
    assert "kept" in entry["detail"]


async def test_day_is_the_longest_keep(client: httpx.AsyncClient, incident: dict[str, Any]) -> None:
    answer = await keep(client, incident["incident_id"], {"duration": "24h"})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("duration", "25h", id="longer than the policy allows"),
        pytest.param("duration", "0s", id="no time at all"),
        pytest.param("duration", -60, id="less than no time"),
        pytest.param("duration", "soon", id="no duration"),
        pytest.param("duration", CENTURIES, id="centuries"),
        pytest.param("duration", None, id="null"),
        pytest.param("reason", "", id="empty reason"),
        pytest.param("reason", "  ", id="blank reason"),
        pytest.param("reason", "x" * 501, id="long reason"),
    ],
)
async def test_keep_that_makes_no_sense_is_refused_by_the_name_of_its_field(
    client: httpx.AsyncClient, incident: dict[str, Any], field: str, value: object
) -> None:
    answer = await keep(client, incident["incident_id"], {field: value})

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == PROBLEM
    assert f"body.{field}: " in answer.json()["detail"]
    assert await listed(client) == [incident]


async def test_keep_of_nothing_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await keep(client, "i-1")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == PROBLEM


async def test_later_keep_stands_beside_the_first(
    client: httpx.AsyncClient, incident: dict[str, Any]
) -> None:
    await keep(client, incident["incident_id"], {"duration": "1h"})

    answer = await keep(
        client, incident["incident_id"], {"duration": "8h", "reason": "and a night"}
    )

    assert [hold["detail"] for hold in answer.json()["holds"]] == [
        "a long evaluation",
        "and a night",
    ]


async def test_no_keep_is_lost_among_those_of_the_same_moment(
    client: httpx.AsyncClient, incident: dict[str, Any], database: SqlIncidentStore
) -> None:
    answers = await asyncio.gather(
        *(keep(client, incident["incident_id"], {"reason": f"reason {n}"}) for n in range(6))
    )

    kept = {f"reason {n}" for n, answer in enumerate(answers) if answer.status_code == 200}
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert kept
    [found] = await listed(client)
    assert {hold["detail"] for hold in found["holds"]} == kept
    assert {each.reason for each in await database.keeps(datetime.now(UTC))} == kept
