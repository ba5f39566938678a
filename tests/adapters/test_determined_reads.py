"""What is read of the simulated Determined."""

from dataclasses import fields, replace
from typing import Any

import httpx
import msgspec
import pytest

from app.adapters import determined_reading as reading
from app.adapters import determined_wire as wire
from app.adapters.determined import Determined
from app.adapters.determined_session import Session
from app.domain.cluster import Allocation, Container
from app.domain.cluster import TaskType as Type
from demo.cluster import lifecycle, workloads
from demo.cluster.cluster import Cluster
from demo.cluster.model import AllocationState, Task, TaskType
from demo.cluster.workloads import StartRequest
from tests.domain.examples import T0

TYPES = {
    TaskType.NOTEBOOK: Type.NOTEBOOK,
    TaskType.SHELL: Type.SHELL,
    TaskType.COMMAND: Type.COMMAND,
    TaskType.TENSORBOARD: Type.TENSORBOARD,
    TaskType.TRIAL: Type.TRIAL,
    TaskType.GENERIC: Type.GENERIC,
    TaskType.CHECKPOINT_GC: Type.CHECKPOINT_GC,
}


def start(cluster: Cluster, task_type: TaskType, username: str = "bob", **more: object) -> Task:
    return workloads.start(cluster, StartRequest(task_type, username, **more))  # type: ignore[arg-type] # The keywords are those of the request.


async def only(determined: Determined) -> Allocation:
    snapshot = await determined.snapshot()
    [allocation] = snapshot.allocations.values()
    return allocation


def paths(cluster: Cluster) -> list[str]:
    return [call.path for call in cluster.calls.matching(method="GET")]


@pytest.mark.parametrize(("kind", "task_type"), TYPES.items())
async def test_type_and_owner_of_every_kind_are_found(
    cluster: Cluster, determined: Determined, kind: TaskType, task_type: Type
) -> None:
    task = start(cluster, kind, "carol")

    allocation = await only(determined)

    assert (allocation.task_type, allocation.username) == (task_type, "carol")
    assert allocation.allocation_id == f"{task.task_id}.1"
    assert (allocation.name, allocation.resource_pool) == (task.name, "default")


@pytest.mark.parametrize("kind", TYPES)
async def test_single_reading_agrees_with_the_snapshot(
    cluster: Cluster, determined: Determined, kind: TaskType
) -> None:
    start(cluster, kind)
    allocation = await only(determined)

    again = await determined.read_allocation(allocation.allocation_id)

    assert again == allocation


async def test_job_and_experiment_come_with_a_trial(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.TRIAL)
    assert task.trial is not None

    allocation = await only(determined)

    assert allocation.trial_id == str(task.trial.trial_id)
    assert allocation.experiment_id == str(task.trial.experiment.experiment_id)
    assert allocation.job_id == task.trial.experiment.job_id


async def test_containers_name_their_agents_and_gpus(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.TRIAL, agents={"agent-a": 2, "agent-b": 1})
    assert task.current is not None
    expected = {
        Container(
            container.container_id,
            container.agent.agent_id,
            tuple(device.uuid for device in container.devices),
        )
        for container in task.current.containers
    }

    allocation = await only(determined)

    assert set(allocation.containers) == expected
    assert allocation.slots == 3


async def test_container_that_has_exited_holds_nothing(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.TRIAL, agents={"agent-a": 1, "agent-b": 1})
    assert task.current is not None
    first, second = task.current.containers
    lifecycle.exit_container(cluster, task.current, first)

    allocation = await only(determined)

    assert [each.container_id for each in allocation.containers] == [second.container_id]


async def test_queued_allocation_holds_nothing(cluster: Cluster, determined: Determined) -> None:
    start(cluster, TaskType.NOTEBOOK, slots=64)

    allocation = await only(determined)

    assert not allocation.holds_resources


async def test_users_and_agents_are_in_the_snapshot(
    cluster: Cluster, determined: Determined
) -> None:
    cluster.accounts.by_name("dan").active = False  # type: ignore[union-attr] # dan is there.
    cluster.agents["agent-b"].pools = ("night", "default")

    snapshot = await determined.snapshot()

    assert snapshot.at == T0
    assert snapshot.agent_slots == {"agent-a": 4, "agent-b": 4, "agent-c": 2}
    assert snapshot.agent_pools == {
        "agent-a": {"default"},
        "agent-b": {"default", "night"},
        "agent-c": {"default"},
    }
    assert not snapshot.users["dan"].active
    assert snapshot.users["admin"].admin


async def test_trial_of_a_paused_experiment_keeps_its_owner(
    cluster: Cluster, determined: Determined, master: httpx.AsyncClient, session: Session
) -> None:
    task = start(cluster, TaskType.TRIAL, "carol")
    assert task.trial is not None
    number = task.trial.experiment.experiment_id
    await master.post(f"/api/v1/experiments/{number}/pause", auth=session)

    allocation = await only(determined)

    assert allocation.username == "carol", "it leaves, but holds its GPUs until then"


async def test_experiments_are_asked_for_only_when_they_matter(
    cluster: Cluster, determined: Determined
) -> None:
    start(cluster, TaskType.NOTEBOOK)

    await determined.snapshot()

    assert "/api/v1/experiments" not in paths(cluster)


async def test_job_that_the_account_may_not_see_leaves_the_owner_unknown(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.GENERIC)
    cluster.hidden_users.add("bob")

    listed = await only(determined)
    again = await determined.read_allocation(f"{task.task_id}.1")

    assert (listed.task_type, listed.username) == (None, None)
    assert again is not None
    assert again.username is None


async def test_description_that_looks_like_a_trial_is_only_text(
    cluster: Cluster, determined: Determined
) -> None:
    start(cluster, TaskType.NOTEBOOK, name="Trial 57 (Experiment 41)")

    allocation = await only(determined)

    assert allocation.task_type is Type.NOTEBOOK
    assert allocation.trial_id == ""


async def test_trial_of_another_experiment_in_the_name_is_not_believed(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.TRIAL)
    task.name = "Trial 57 (Experiment 999)"

    allocation = await only(determined)

    assert allocation.task_type is None


async def test_allocation_that_is_not_listed_any_more_is_none(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.NOTEBOOK)
    workloads.finish(cluster, task)

    assert await determined.read_allocation(f"{task.task_id}.1") is None


async def test_restarted_trial_has_another_allocation(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.TRIAL)
    assert task.trial is not None
    workloads.restart_trial(cluster, task.trial)

    assert await determined.read_allocation(f"{task.task_id}.1") is None
    assert await determined.read_allocation(f"{task.task_id}.2") is not None


async def test_owner_is_read_afresh(cluster: Cluster, determined: Determined) -> None:
    task = start(cluster, TaskType.NOTEBOOK, "bob")
    await determined.snapshot()
    workloads.change_owner(cluster, task, "carol")

    allocation = await determined.read_allocation(f"{task.task_id}.1")

    assert allocation is not None
    assert allocation.username == "carol"


async def test_release_between_two_readings_is_seen(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.NOTEBOOK, hold_at=AllocationState.QUEUED)
    queued = await only(determined)
    workloads.release(cluster, task)

    running = await only(determined)

    assert not queued.holds_resources
    assert replace(running, containers=()) == queued


@pytest.mark.parametrize("changed", [each.name for each in fields(Allocation)])
def test_s2_what_has_changed_in_any_way_is_read_anew(changed: str) -> None:
    known = {"taskId": "7.t", "allocationId": "7.t.1", "name": "Trial 1 (Experiment 7)"}
    more = {"resourcePool": "default", "slotsNeeded": 1, "resources": []}
    summary = msgspec.convert(known | more, wire.AllocationSummary)
    [now] = reading.allocations([summary], reading.Owners()).values()
    different: dict[str, Any] = {changed: ("something else",)}
    before = {"7.t.1": replace(now, **different)}

    found = reading.allocations([summary], reading.Owners(), before)

    assert found == {"7.t.1": now}


async def test_what_has_not_changed_is_one_object_in_every_snapshot(
    cluster: Cluster, determined: Determined
) -> None:
    """Thousands of them are in memory once, not once for each snapshot that somebody has."""
    same, other = start(cluster, TaskType.NOTEBOOK), start(cluster, TaskType.SHELL)
    before = (await determined.snapshot()).allocations
    other.name = "renamed"

    after = (await determined.snapshot()).allocations

    assert after[f"{same.task_id}.1"] is before[f"{same.task_id}.1"]
    assert after[f"{other.task_id}.1"].name == "renamed"
