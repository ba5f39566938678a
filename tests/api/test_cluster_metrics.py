"""/metrics: what the rules join on, as Determined has it."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from app.api.cluster_metrics import ClusterCollector
from app.context import Context
from app.domain.cluster import Snapshot, User
from app.domain.policy import Mode, Rulebook, SlotLimits
from app.settings import Settings
from app.telemetry import Telemetry
from app.view import ClusterView
from demo.cluster.control import ControlClient
from demo.cluster.model import TaskType
from demo.cluster.wire import StartTask, TaskState
from tests.api.receiver import metric, rows, running, until_ticked

STARTED = "watchdog_allocation_started_timestamp_seconds"
PEOPLE = {"admin", "determined", "alice", "bob", "carol", "dan", "watchdog"}


@pytest.fixture
def changes() -> dict[str, Any]:
    return {"defaults": {"slot_limit": 4}, "users": {"bob": {"slot_limit": 8}, "carol": {}}}


@pytest.fixture
def notebook(control: ControlClient) -> TaskState:
    return control.start_idle_notebook("alice", slots=2)


@pytest.fixture
def trial(control: ControlClient) -> TaskState:
    """A trial on both agents."""
    agents = {"agent-a": 2, "agent-b": 2}
    return control.start(
        StartTask(task_type=TaskType.TRIAL, username="bob", slots=4, agents=agents)
    )


@pytest.fixture
def queued(control: ControlClient) -> TaskState:
    """A trial for which there is no room beside the others."""
    return control.start(StartTask(task_type=TaskType.TRIAL, username="dan", slots=8))


@pytest.fixture
async def client(
    notebook: TaskState,  # noqa: ARG001 -- the first tick has to see what runs
    trial: TaskState,  # noqa: ARG001 -- likewise
    queued: TaskState,  # noqa: ARG001 -- likewise
    client: httpx.AsyncClient,
) -> httpx.AsyncClient:
    await until_ticked(client)
    return client


async def test_every_allocation_that_holds_resources_has_its_owner(
    client: httpx.AsyncClient, notebook: TaskState, trial: TaskState
) -> None:
    found = await rows(
        client,
        "watchdog_allocation_info",
        "allocation_id",
        "task_id",
        "task_type",
        "job_id",
        "experiment_id",
        "username",
        "resource_pool",
    )

    alices = (notebook.allocation.allocation_id, notebook.task_id, "notebook", notebook.job_id)
    bobs = (trial.allocation.allocation_id, trial.task_id, "trial", trial.job_id)
    assert found == {
        (*alices, "", "alice", "default"): 1,
        (*bobs, str(trial.experiment_id), "bob", "default"): 1,
    }


async def test_every_gpu_in_use_has_its_allocation(
    client: httpx.AsyncClient, notebook: TaskState, trial: TaskState
) -> None:
    found = await rows(
        client, "watchdog_gpu_allocation_info", "gpu_uuid", "allocation_id", "agent_id"
    )

    assert len(found) == 6
    assert found == {
        (uuid, task.allocation.allocation_id, container.agent_id): 1
        for task in (notebook, trial)
        for container in task.allocation.containers
        for uuid in container.gpu_uuids
    }


async def test_every_container_has_its_allocation(
    client: httpx.AsyncClient, notebook: TaskState, trial: TaskState
) -> None:
    found = await rows(
        client, "watchdog_container_allocation_info", "container_id", "allocation_id", "agent_id"
    )

    assert len(found) == 3
    assert found == {
        (container.container_id, task.allocation.allocation_id, container.agent_id): 1
        for task in (notebook, trial)
        for container in task.allocation.containers
    }


async def test_allocation_has_its_size(
    client: httpx.AsyncClient, notebook: TaskState, trial: TaskState
) -> None:
    found = await rows(client, "watchdog_allocation_slots", "allocation_id")

    assert found == {
        (notebook.allocation.allocation_id,): 2,
        (trial.allocation.allocation_id,): 4,
    }


async def test_allocation_started_when_it_was_first_seen_running(
    client: httpx.AsyncClient, notebook: TaskState, trial: TaskState
) -> None:
    started = await rows(client, STARTED, "allocation_id")
    read_at = await metric(client, "watchdog_snapshot_timestamp_seconds")

    assert started == {
        (notebook.allocation.allocation_id,): read_at,
        (trial.allocation.allocation_id,): read_at,
    }
    assert datetime.now(UTC).timestamp() - 60 < read_at <= datetime.now(UTC).timestamp()


async def test_start_of_an_allocation_outlives_the_receiver(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    before = await rows(client, STARTED, "allocation_id")

    async with running(settings) as other:
        await until_ticked(other)
        after = await rows(other, STARTED, "allocation_id")

    assert len(before) == 2
    assert after == before


async def test_limit_of_every_user_is_the_configured_one(client: httpx.AsyncClient) -> None:
    found = await rows(client, "watchdog_user_slot_limit", "username", "resource_pool")

    others = {(name, "default"): 4 for name in PEOPLE - {"bob"}}
    assert found == others | {("bob", "default"): 8}


async def test_agents_have_their_slots_and_their_pool(client: httpx.AsyncClient) -> None:
    found = await rows(client, "watchdog_agent_slots", "agent_id", "resource_pool")

    assert found == {("agent-a", "default"): 4, ("agent-b", "default"): 4}


async def test_pools_have_the_slots_that_are_waited_for_and_by_whom(
    client: httpx.AsyncClient,
) -> None:
    found = await rows(client, "watchdog_queued_slots", "resource_pool", "username")

    assert found == {("default", ""): 0, ("default", "dan"): 8}


def published(snapshot: Snapshot) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the values by metric, then by the values of the labels."""
    limits = SlotLimits(default=4, by_user={"carol": None})
    collector = ClusterCollector(
        Context(
            Rulebook(Mode.OBSERVE, {}, slot_limits=limits),
            Telemetry(CollectorRegistry()),
            lambda: snapshot.at,
            ClusterView(snapshot),
        )
    )
    return {
        family.name: {tuple(each.labels.values()): each.value for each in family.samples}
        for family in collector.collect()
    }


def test_agent_of_several_pools_has_one_row_that_names_them_in_order() -> None:
    snapshot = Snapshot(
        datetime(2026, 11, 24, tzinfo=UTC),
        allocations={},
        agent_slots={"agent-a": 4, "agent-b": 2, "agent-c": 1},
        agent_pools={"agent-a": frozenset({"small", "big", "night"}), "agent-b": frozenset()},
    )

    found = published(snapshot)

    assert found["watchdog_agent_slots"] == {
        ("agent-a", "big,night,small"): 4,
        ("agent-b", ""): 2,
        ("agent-c", ""): 1,
    }


def test_pool_in_whose_queue_nobody_waits_has_a_row_and_its_limits() -> None:
    snapshot = Snapshot(
        datetime(2026, 11, 24, tzinfo=UTC),
        allocations={},
        users={name: User(name, active=True) for name in ("bob", "carol")},
        queued_slots={"big": {}, "small": {"bob": 3, "erin": 1}},
    )

    found = published(snapshot)

    waiting = {("small", ""): 0, ("small", "bob"): 3, ("small", "erin"): 1}
    assert found["watchdog_queued_slots"] == {("big", ""): 0, **waiting}
    assert found["watchdog_user_slot_limit"] == {("bob", "big"): 4, ("bob", "small"): 4}
