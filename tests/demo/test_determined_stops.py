"""What the kill, pause, cancel and activate calls answer, and what then happens."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from demo.cluster import workloads
from demo.cluster.cluster import Cluster
from demo.cluster.model import AllocationState, Task, TaskType
from demo.cluster.workloads import StartRequest

PLURALS = {
    TaskType.NOTEBOOK: "notebooks",
    TaskType.SHELL: "shells",
    TaskType.COMMAND: "commands",
    TaskType.TENSORBOARD: "tensorboards",
}
KILL_LATENCY = timedelta(seconds=5)
PREEMPTION_LATENCY = timedelta(seconds=20)
Wait = Callable[[timedelta], None]


def begin(cluster: Cluster, task_type: TaskType, **more: object) -> Task:
    return workloads.start(cluster, StartRequest(task_type, "bob", **more))  # type: ignore[arg-type] # The keywords are those of the request.


async def status_of(client: httpx.AsyncClient, path: str) -> int:
    return (await client.post(f"/api/v1/{path}", json={})).status_code


async def message_of(client: httpx.AsyncClient, path: str) -> str:
    response = await client.post(f"/api/v1/{path}", json={})
    return str(response.json()["error"]["error"])


async def listed(client: httpx.AsyncClient) -> list[str]:
    return list((await client.get("/api/v1/tasks")).json()["allocationIdToSummary"])


@pytest.mark.parametrize(("task_type", "plural"), PLURALS.items())
async def test_kill_is_seen_only_after_a_while(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait, task_type: TaskType, plural: str
) -> None:
    task = begin(cluster, task_type)
    allocation = f"{task.task_id}.1"

    reply = await master.post(f"/api/v1/{plural}/{task.task_id}/kill")

    assert reply.status_code == 200
    assert reply.json()[task_type.lower()]["state"] == "STATE_TERMINATING"
    assert await listed(master) == [allocation], "the containers still run"
    pass_time(KILL_LATENCY)
    assert await listed(master) == []


@pytest.mark.parametrize(("task_type", "plural"), PLURALS.items())
async def test_kill_of_an_ended_interactive_task_is_200_for_24_hours(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait, task_type: TaskType, plural: str
) -> None:
    task = begin(cluster, task_type)
    workloads.finish(cluster, task)

    repeat = await master.post(f"/api/v1/{plural}/{task.task_id}/kill")
    pass_time(timedelta(hours=24))
    late = await master.post(f"/api/v1/{plural}/{task.task_id}/kill")

    assert repeat.status_code == 200
    assert repeat.json()[task_type.lower()]["state"] == "STATE_TERMINATED"
    assert late.status_code == 404


async def test_kill_as_the_wrong_kind_is_404_and_harmless(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    task = begin(cluster, TaskType.NOTEBOOK)

    message = await message_of(master, f"shells/{task.task_id}/kill")

    assert message == f"shell '{task.task_id}' not found"
    assert task.allocations[0].state is AllocationState.RUNNING


async def test_second_kill_does_not_delay_the_first(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait
) -> None:
    task = begin(cluster, TaskType.NOTEBOOK)
    await status_of(master, f"notebooks/{task.task_id}/kill")
    pass_time(KILL_LATENCY / 2)

    assert await status_of(master, f"notebooks/{task.task_id}/kill") == 200
    pass_time(KILL_LATENCY / 2)

    assert await listed(master) == []


async def test_queued_allocation_ends_at_once(cluster: Cluster, master: httpx.AsyncClient) -> None:
    task = begin(cluster, TaskType.NOTEBOOK, hold_at=AllocationState.QUEUED)

    await status_of(master, f"notebooks/{task.task_id}/kill")

    assert await listed(master) == []


async def test_killed_experiment_ends_as_canceled(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait
) -> None:
    begin(cluster, TaskType.TRIAL)

    reply = await master.post("/api/v1/experiments/41/kill")
    stopping = (await master.get("/api/v1/experiments/41")).json()["experiment"]["state"]
    pass_time(KILL_LATENCY)
    ended = (await master.get("/api/v1/experiments/41")).json()["experiment"]

    assert (reply.status_code, reply.json()) == (200, {})
    assert stopping == "STATE_STOPPING_KILLED"
    assert ended["state"] == "STATE_CANCELED"
    assert ended["endTime"] is not None


@pytest.mark.parametrize("verb", ["kill", "cancel"])
async def test_end_of_a_finished_experiment_is_200(
    cluster: Cluster, master: httpx.AsyncClient, verb: str
) -> None:
    workloads.finish(cluster, begin(cluster, TaskType.TRIAL))

    assert await status_of(master, f"experiments/41/{verb}") == 200
    state = (await master.get("/api/v1/experiments/41")).json()["experiment"]["state"]
    assert state == "STATE_COMPLETED"


@pytest.mark.parametrize("verb", ["kill", "cancel", "pause", "activate"])
async def test_unknown_experiment_is_404(master: httpx.AsyncClient, verb: str) -> None:
    assert await message_of(master, f"experiments/99/{verb}") == "experiment '99' not found"


async def test_pause_lets_a_ready_trial_write_its_checkpoint(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait
) -> None:
    begin(cluster, TaskType.TRIAL)

    assert await status_of(master, "experiments/41/pause") == 200
    pass_time(KILL_LATENCY)
    during = await listed(master)
    pass_time(PREEMPTION_LATENCY - KILL_LATENCY)

    assert len(during) == 1
    assert await listed(master) == []
    state = (await master.get("/api/v1/experiments/41")).json()["experiment"]["state"]
    assert state == "STATE_PAUSED"
    assert await status_of(master, "experiments/41/pause") == 200, "paused already is no error"


async def test_pause_kills_a_trial_that_is_not_ready(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait
) -> None:
    begin(cluster, TaskType.TRIAL, hold_at=AllocationState.STARTING)

    await status_of(master, "experiments/41/pause")
    pass_time(KILL_LATENCY)

    assert await listed(master) == []


async def test_pause_of_a_finished_or_stopping_experiment_is_400(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    workloads.finish(cluster, begin(cluster, TaskType.TRIAL))
    begin(cluster, TaskType.TRIAL)
    await status_of(master, "experiments/42/kill")

    finished = (await master.post("/api/v1/experiments/41/pause")).json()["error"]
    stopping = (await master.post("/api/v1/experiments/42/pause")).json()["error"]

    assert (finished["code"], finished["error"]) == (9, "experiment in terminal state")
    assert (stopping["code"], stopping["error"]) == (9, "experiment in incompatible state")


async def test_activated_trial_has_a_new_allocation_of_the_same_task(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait
) -> None:
    task = begin(cluster, TaskType.TRIAL)
    await status_of(master, "experiments/41/pause")
    pass_time(PREEMPTION_LATENCY)

    assert await status_of(master, "experiments/41/activate") == 200

    assert await listed(master) == [f"{task.task_id}.2"]


async def test_trial_activated_on_its_way_out_comes_back(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait
) -> None:
    task = begin(cluster, TaskType.TRIAL)
    await status_of(master, "experiments/41/pause")
    await status_of(master, "experiments/41/activate")

    pass_time(PREEMPTION_LATENCY)

    assert await listed(master) == [f"{task.task_id}.2"]


async def test_activating_a_finished_experiment_is_404(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    workloads.finish(cluster, begin(cluster, TaskType.TRIAL))

    assert await status_of(master, "experiments/41/activate") == 404


async def test_kill_overtakes_a_pause(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait
) -> None:
    begin(cluster, TaskType.TRIAL)
    await status_of(master, "experiments/41/pause")

    await status_of(master, "experiments/41/kill")
    pass_time(KILL_LATENCY)

    assert await listed(master) == []
    state = (await master.get("/api/v1/experiments/41")).json()["experiment"]["state"]
    assert state == "STATE_CANCELED"


async def test_restarted_trial_is_the_same_task_with_the_next_allocation(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    task = begin(cluster, TaskType.TRIAL)

    workloads.restart_trial(cluster, cluster.trials[57])

    assert await listed(master) == [f"{task.task_id}.2"]
    assert (await master.get("/api/v1/trials/57")).json()["trial"]["restarts"] == 1


async def test_kill_of_one_trial_spares_its_peer(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait
) -> None:
    begin(cluster, TaskType.TRIAL)
    peer = begin(cluster, TaskType.TRIAL, experiment_id=41)

    assert await status_of(master, "trials/57/kill") == 200
    pass_time(KILL_LATENCY)

    assert await listed(master) == [f"{peer.task_id}.1"]
    assert await message_of(master, "trials/57/kill") == "trial not found"
    assert await status_of(master, "trials/57/kill") == 500


async def test_kill_of_a_trial_of_a_finished_experiment_is_404(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    workloads.finish(cluster, begin(cluster, TaskType.TRIAL))

    assert await message_of(master, "trials/57/kill") == "experiment '41' not found"
    assert await message_of(master, "trials/99/kill") == "trial '99' not found"


async def test_generic_kill_refuses_everything_else_with_500(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait
) -> None:
    generic = begin(cluster, TaskType.GENERIC)
    notebook = begin(cluster, TaskType.NOTEBOOK)

    first = await status_of(master, f"tasks/{generic.task_id}/kill")
    pass_time(KILL_LATENCY)
    repeat = await master.post(f"/api/v1/tasks/{generic.task_id}/kill", json={})
    other = await master.post(f"/api/v1/tasks/{notebook.task_id}/kill", json={})

    assert first == 200
    assert repeat.status_code == 500
    assert "cannot cancel task" in repeat.text
    assert other.status_code == 500
    assert "(make sure task is of type GENERIC)" in other.text
    assert await listed(master) == [f"{notebook.task_id}.1"]
    view = (await master.get(f"/api/v1/tasks/{generic.task_id}")).json()["task"]
    assert view["taskState"] == "GENERIC_TASK_STATE_CANCELED"


async def test_generic_task_pauses_and_goes_on(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait
) -> None:
    task = begin(cluster, TaskType.GENERIC)

    assert await status_of(master, f"tasks/{task.task_id}/pause") == 200
    assert await status_of(master, f"tasks/{task.task_id}/pause") == 500
    pass_time(PREEMPTION_LATENCY)
    paused = await listed(master)
    assert await status_of(master, f"tasks/{task.task_id}/unpause") == 200

    assert paused == []
    assert await listed(master) == [f"{task.task_id}.2"]


async def test_generic_task_is_killed_with_all_that_descend_from_it(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait
) -> None:
    parent, other = begin(cluster, TaskType.GENERIC), begin(cluster, TaskType.GENERIC)
    child = begin(cluster, TaskType.GENERIC, parent_id=parent.task_id)
    begin(cluster, TaskType.GENERIC, parent_id=child.task_id)

    first = await status_of(master, f"tasks/{parent.task_id}/kill")
    pass_time(KILL_LATENCY)

    assert first == 200
    assert await listed(master) == [f"{other.task_id}.1"]
    view = (await master.get(f"/api/v1/tasks/{child.task_id}")).json()["task"]
    assert (view["parentId"], view["taskState"]) == (parent.task_id, "GENERIC_TASK_STATE_CANCELED")


async def test_generic_task_is_paused_with_its_children_but_for_those_that_forbid_it(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Wait
) -> None:
    parent = begin(cluster, TaskType.GENERIC)
    begin(cluster, TaskType.GENERIC, parent_id=parent.task_id)
    firm = begin(cluster, TaskType.GENERIC, parent_id=parent.task_id, no_pause=True)

    await status_of(master, f"tasks/{parent.task_id}/pause")
    pass_time(PREEMPTION_LATENCY)

    assert await listed(master) == [f"{firm.task_id}.1"]


async def test_generic_task_may_refuse_to_pause(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    task = begin(cluster, TaskType.GENERIC, no_pause=True)

    assert await status_of(master, f"tasks/{task.task_id}/pause") == 500


async def test_interactive_tasks_and_checkpoint_gc_cannot_be_paused_or_killed_otherwise(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    notebook = begin(cluster, TaskType.NOTEBOOK)
    collector = begin(cluster, TaskType.CHECKPOINT_GC)

    assert await status_of(master, f"notebooks/{notebook.task_id}/pause") == 404
    assert await status_of(master, f"tasks/{collector.task_id}/kill") == 500
    assert collector.task_id.startswith("41.")
    assert collector.job_id == f"checkpoint_gc-{collector.task_id}.1"
