"""S8: what the webhook could not store is answered with 503, and stored when it comes again."""

from pathlib import Path

import httpx
import pytest

from app.domain.alert import HEARTBEAT
from app.store.sql import SqlIncidentStore
from tests.api.receiver import PROBLEM, broken, deliver, labels, listed, posted

HEARTBEAT_ALERT = posted({"alertname": HEARTBEAT, "severity": "none"})


pytestmark = pytest.mark.usefixtures("determined_is_down")


async def test_delivery_that_cannot_be_stored_is_to_be_sent_again(
    client: httpx.AsyncClient, database_file: Path
) -> None:
    async with broken(database_file, "incidents"):
        answer = await deliver(client, posted())

    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == PROBLEM
    assert await listed(client) == []


async def test_delivery_is_stored_when_it_comes_again(
    client: httpx.AsyncClient, database_file: Path
) -> None:
    async with broken(database_file, "incidents"):
        await deliver(client, posted())

    answer = await deliver(client, posted())

    assert answer.status_code == 204
    assert len(await listed(client)) == 1


async def test_delivery_is_stored_as_a_whole_or_not_at_all(
    client: httpx.AsyncClient, database: SqlIncidentStore, database_file: Path
) -> None:
    alerts = [posted(labels(task_id=f"{n}", allocation_id=f"{n}.1")) for n in range(3_000)]

    # The history is written last: by then the heartbeat and all incidents have been.
    async with broken(database_file, "history"):
        answer = await deliver(client, HEARTBEAT_ALERT, *alerts)

    assert answer.status_code == 503
    assert await database.heartbeat_at() is None
    assert await database.open_incidents() == []
    assert (await deliver(client, HEARTBEAT_ALERT, *alerts)).status_code == 204
    assert await database.heartbeat_at() is not None
    assert len(await database.open_incidents()) == 3_000
