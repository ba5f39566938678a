"""S5: of a cluster that was last read too long ago nothing is published but when that was."""

from typing import Any

import httpx
import pytest

from demo.cluster.control import ControlClient
from tests.api.receiver import metric, samples, tick, until, until_ticked

READ_AT = "watchdog_snapshot_timestamp_seconds"
CONTRACT = {
    "watchdog_allocation_info",
    "watchdog_gpu_allocation_info",
    "watchdog_container_allocation_info",
    "watchdog_allocation_slots",
    "watchdog_allocation_started_timestamp_seconds",
    "watchdog_user_slot_limit",
    "watchdog_agent_slots",
    "watchdog_queued_slots",
}


@pytest.fixture
def changes() -> dict[str, Any]:
    return {"defaults": {"slot_limit": 4}, "limits": {"snapshot_age": "1s", "tick_gap": "2h"}}


async def published(client: httpx.AsyncClient) -> set[str]:
    return {name for name in CONTRACT if await samples(client, name)}


async def test_what_is_too_old_is_not_published(
    control: ControlClient, client: httpx.AsyncClient
) -> None:
    control.start_idle_notebook("alice")
    await until_ticked(client)

    async def all_there() -> bool:
        await tick(client)
        return await published(client) == CONTRACT

    await until(all_there, "the metrics of a fresh snapshot")
    control.fail("/api/v1/", 503)
    read_at = await metric(client, READ_AT)

    async def all_gone() -> bool:
        await tick(client)
        return await published(client) == set()

    await until(all_gone, "the end of what is too old")
    assert await metric(client, READ_AT) == read_at > 0


async def test_nothing_is_published_of_a_cluster_that_was_never_read(
    determined_is_down: None,  # noqa: ARG001 -- before the app starts
    client: httpx.AsyncClient,
) -> None:
    await until_ticked(client)

    assert await published(client) == set()
    assert await samples(client, READ_AT) == []
