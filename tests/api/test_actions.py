"""POST /api/v1/incidents/{id}/kill, /pause, /dismiss: what a person does by hand, over HTTP."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.domain.access import Role
from app.store.sql import SqlIncidentStore
from tests.api.receiver import PROBLEM, bearer, broken, deliver, keep, listed, posted, read
from tests.domain.examples import ALLOCATION, T0

VERBS = ("keep", "kill", "pause", "dismiss")
BODY = {"reason": "maintenance", "duration": "2h"}


@pytest.fixture
async def incident(determined_is_down: None, client: httpx.AsyncClient) -> dict[str, Any]:  # noqa: ARG001 -- before the app starts
    await deliver(client, posted())
    [found] = await listed(client)
    return found


async def act(
    client: httpx.AsyncClient,
    incident: dict[str, Any],
    verb: str,
    *,
    dry_run: str | None = None,
    key: str | None = None,
    **body: object,
) -> httpx.Response:
    return await client.post(
        f"/api/v1/incidents/{incident['incident_id']}/{verb}",
        params={} if dry_run is None else {"dry_run": dry_run},
        json=BODY | body,
        headers=bearer(Role.ADMIN) | ({"Idempotency-Key": key} if key else {}),
    )


async def asked(client: httpx.AsyncClient, incident: dict[str, Any]) -> list[dict[str, Any]]:
    history = (await read(client, incident["incident_id"]))["history"]
    return [each for each in history if each["reason"] == "stop_requested"]


async def test_kill_is_noted_with_what_speaks_against_it(
    client: httpx.AsyncClient, incident: dict[str, Any]
) -> None:
    answer = await act(client, incident, "kill", allocation_ids=[ALLOCATION])

    assert answer.status_code == 200
    done = answer.json()
    assert (done["incident_id"], done["dry_run"]) == (incident["incident_id"], False)
    [effect] = done["effects"]
    assert (effect["effect"], effect["allocation_id"]) == ("waits", ALLOCATION)
    assert {"rule": "S10", "reason": "mode", "allocation_id": ALLOCATION} in [
        {name: each[name] for name in ("rule", "reason", "allocation_id")}
        for each in done["warnings"]
    ]
    [entry] = await asked(client, incident)
    assert entry["actor"] == "the admin"
    assert entry["evidence"]["warnings"] == done["warnings"]


async def test_dry_run_of_any_action_changes_nothing(
    client: httpx.AsyncClient, incident: dict[str, Any], database: SqlIncidentStore
) -> None:
    before = await read(client, incident["incident_id"])

    answers = {verb: await act(client, incident, verb, dry_run="true") for verb in VERBS}

    # A notebook cannot be paused; a dry run says so as the action would.
    assert {verb: each.status_code for verb, each in answers.items()} == {
        "keep": 200,
        "kill": 200,
        "pause": 409,
        "dismiss": 200,
    }
    assert all(each.json().get("dry_run", True) for each in answers.values())
    assert await read(client, incident["incident_id"]) == before
    assert await database.keeps(T0) == []


async def test_what_makes_no_sense_is_refused_by_its_name(
    client: httpx.AsyncClient, incident: dict[str, Any]
) -> None:
    before = await read(client, incident["incident_id"])
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("body.reason", {"reason": value}) for value in ("", "  ", None, "x" * 501)
    ]
    wrong += [
        ("query.dry_run", {"dry_run": "perhaps"}),
        ("header.Idempotency-Key", {"key": "two words"}),
        ("header.Idempotency-Key", {"key": "k" * 201}),
    ]

    answers = [
        (named, await act(client, incident, verb, **change))
        for verb in VERBS
        for named, change in wrong
    ]
    strange = await act(client, incident, "kill", allocation_ids=["another.1"])

    for named, answer in [*answers, ("body.allocation_ids", strange)]:
        assert (answer.status_code, answer.headers["Content-Type"]) == (422, PROBLEM)
        assert f"{named}: " in answer.json()["detail"]
    assert await read(client, incident["incident_id"]) == before


async def test_two_of_one_key_at_once_are_one_and_have_one_answer(
    client: httpx.AsyncClient, incident: dict[str, Any]
) -> None:
    answers = await asyncio.gather(*(act(client, incident, "kill", key="k-1") for _ in range(2)))

    answers.append(await act(client, incident, "kill", key="k-1"))

    assert [each.status_code for each in answers] == [200] * 3
    # A tick may have been at the incident in between.
    first, second, third = (each.json() | {"blocked": "", "changed_at": ""} for each in answers)
    assert first == second == third
    assert len(await asked(client, incident)) == 1


async def test_what_could_not_be_stored_acts_when_it_is_repeated(
    client: httpx.AsyncClient, incident: dict[str, Any], database_file: Path
) -> None:
    # The key is written before it, in the same transaction.
    async with broken(database_file, "incidents"):
        refused = await act(client, incident, "kill", key="k-1")
    assert (refused.status_code, await asked(client, incident)) == (503, [])

    answer = await act(client, incident, "kill", key="k-1")

    assert answer.status_code == 200
    assert len(await asked(client, incident)) == 1


async def test_what_was_called_false_is_closed_and_left_as_it_is(
    client: httpx.AsyncClient, incident: dict[str, Any]
) -> None:
    answer = await act(client, incident, "dismiss")
    history = await read(client, incident["incident_id"])

    later = [await act(client, incident, verb) for verb in VERBS]
    later.append(await keep(client, incident["incident_id"]))

    assert (answer.status_code, answer.json()["state"]) == (200, "dismissed")
    assert history["history"][-1]["actor"] == "the admin"
    assert [(each.status_code, each.json()["state"]) for each in later] == [(200, "dismissed")] * 5
    assert await read(client, incident["incident_id"]) == history
