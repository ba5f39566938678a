"""The whole receiver after its configuration file has changed."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from demo.cluster.control import ControlClient
from tests.api.conftest import Configure
from tests.api.receiver import (
    deliver,
    labels_of,
    listed,
    metric,
    posted,
    samples,
    tick,
    until_ticked,
)

LIMIT = "watchdog_user_slot_limit"
SUCCESSFUL = "watchdog_config_last_reload_successful"

Change = Callable[[dict[str, Any]], Awaitable[None]]


@pytest.fixture
async def change(
    control: ControlClient,  # noqa: ARG001 -- Determined has to answer before the app starts
    client: httpx.AsyncClient,
    configuration: dict[str, Any],
    configure: Configure,
) -> Change:
    """Change the file of a receiver that is ready, and let it look twice."""
    await until_ticked(client)

    async def change_(fields: dict[str, Any]) -> None:
        configure(configuration | fields)
        await tick(client)
        await tick(client)

    return change_


async def test_new_incidents_are_under_the_new_mode(
    client: httpx.AsyncClient, change: Change, control: ControlClient
) -> None:
    task = control.start_idle_notebook("alice")
    await change({"mode": "warn"})

    await deliver(client, posted(labels_of(task)))

    assert [incident["mode"] for incident in await listed(client)] == ["warn"]


async def test_slot_limits_that_are_published_follow(
    client: httpx.AsyncClient,
    change: Change,
) -> None:
    assert await samples(client, LIMIT) == []

    await change({"defaults": {"slot_limit": 4}, "users": {"bob": {"slot_limit": 8}}})

    found = {labels_["username"]: value for labels_, value in await samples(client, LIMIT)}
    assert (found["alice"], found["bob"]) == (4, 8)


async def test_broken_file_is_seen_in_the_metrics_and_ends_no_tick(
    client: httpx.AsyncClient,
    change: Change,
) -> None:
    assert await metric(client, SUCCESSFUL) == 1

    await change({"moode": "warn"})

    assert await metric(client, SUCCESSFUL) == 0
    assert await metric(client, "watchdog_step_failures_total", loop="configuration") == 0
