"""What the webhook says is a hint: Determined knows what runs."""

import httpx
import pytest

from demo.cluster.control import ControlClient
from demo.cluster.wire import TaskState
from tests.api.receiver import deliver, labels, labels_of, listed, posted, until_ticked


@pytest.fixture
def task(control: ControlClient) -> TaskState:
    return control.start_idle_notebook("alice")


@pytest.fixture
async def client(
    task: TaskState,  # noqa: ARG001 -- the first tick has to see it
    client: httpx.AsyncClient,
) -> httpx.AsyncClient:
    await until_ticked(client)
    return client


async def test_alert_about_a_task_that_runs_opens_an_incident(
    client: httpx.AsyncClient, task: TaskState
) -> None:
    answer = await deliver(client, posted(labels_of(task)))

    assert answer.status_code == 204
    [incident] = await listed(client)
    [target] = incident["targets"]
    assert target["allocation_id"] == task.allocation.allocation_id


async def test_alert_about_a_task_that_has_ended_opens_nothing(client: httpx.AsyncClient) -> None:
    answer = await deliver(client, posted(labels()))

    assert answer.status_code == 204
    assert await listed(client) == []


async def test_alert_about_an_earlier_run_of_a_task_opens_nothing(
    client: httpx.AsyncClient, task: TaskState
) -> None:
    """S2: an allocation is judged, never the task that it is a run of."""
    earlier = labels_of(task, allocation_id=f"{task.task_id}.7")

    await deliver(client, posted(earlier))

    assert await listed(client) == []
