"""What the master tells, and what it leaves out."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from demo.cluster import control_changes, lifecycle, workloads
from demo.cluster.cluster import Cluster
from demo.cluster.model import BUSY, AllocationState, Task, TaskType
from demo.cluster.wire import SetAgent
from demo.cluster.workloads import StartRequest


def begin(cluster: Cluster, task_type: TaskType, username: str = "bob", **more: object) -> Task:
    return workloads.start(cluster, StartRequest(task_type, username, **more))  # type: ignore[arg-type] # The keywords are those of the request.


def two_agents(cluster: Cluster) -> Task:
    placement = {"agent-a": 2, "agent-b": 2}
    return begin(cluster, TaskType.TRIAL, "alice", agents=placement, activity=BUSY, notes="mine")


async def test_tasks_show_neither_owner_nor_state_nor_type(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    task = two_agents(cluster)

    body = (await master.get("/api/v1/tasks")).json()

    summary = body["allocationIdToSummary"][f"{task.task_id}.1"]
    assert set(summary) == {
        "taskId",
        "allocationId",
        "name",
        "registeredTime",
        "resourcePool",
        "slotsNeeded",
        "resources",
        "schedulerType",
        "priority",
        "proxyPorts",
    }
    assert summary["name"] == "Trial 57 (Experiment 41)"
    assert summary["registeredTime"] == "2026-11-24T01:00:00.000Z"
    assert summary["slotsNeeded"] == 4
    assert [list(part["agentDevices"]) for part in summary["resources"]] == [
        ["agent-a"],
        ["agent-b"],
    ]
    device = summary["resources"][0]["agentDevices"]["agent-a"]["devices"][0]
    assert device["type"] == "TYPE_CUDA"
    assert device["uuid"].startswith("GPU-")
    assert "started" not in summary["resources"][0], "only a restored container has it"


async def test_queued_task_has_no_resources(cluster: Cluster, master: httpx.AsyncClient) -> None:
    begin(cluster, TaskType.TRIAL, hold_at=AllocationState.QUEUED)

    body = (await master.get("/api/v1/tasks")).json()

    [summary] = body["allocationIdToSummary"].values()
    assert summary["resources"] == []


async def test_task_that_does_not_fit_waits_and_then_runs(cluster: Cluster) -> None:
    first = begin(cluster, TaskType.NOTEBOOK, slots=8)
    second = begin(cluster, TaskType.NOTEBOOK, slots=4)
    waiting = second.allocations[0].state

    workloads.finish(cluster, first)

    assert waiting is AllocationState.QUEUED
    assert second.allocations[0].state is AllocationState.RUNNING


async def test_restored_container_alone_shows_its_runtime_id(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    task = begin(cluster, TaskType.SHELL)
    lifecycle.restart_master(cluster)

    body = (await master.get("/api/v1/tasks")).json()

    [part] = body["allocationIdToSummary"][f"{task.task_id}.1"]["resources"]
    container = task.allocations[0].containers[0]
    assert part["started"]["nativeResourcesId"] == container.runtime_id
    assert len(container.runtime_id) == 64


@pytest.mark.parametrize("task_type", list(TaskType))
async def test_single_task_alone_tells_its_type(
    cluster: Cluster, master: httpx.AsyncClient, task_type: TaskType
) -> None:
    task = begin(cluster, task_type)

    view = (await master.get(f"/api/v1/tasks/{task.task_id}")).json()["task"]

    assert view["taskType"] == f"TASK_TYPE_{task_type}"
    assert view["allocations"][0]["state"] == "STATE_RUNNING"
    assert ("taskState" in view) == (task_type is TaskType.GENERIC)


async def test_ended_task_leaves_the_list_and_can_still_be_read(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    task = begin(cluster, TaskType.COMMAND)
    workloads.finish(cluster, task)

    listed = (await master.get("/api/v1/tasks")).json()["allocationIdToSummary"]
    single = (await master.get(f"/api/v1/tasks/{task.task_id}")).json()["task"]

    assert listed == {}
    assert single["allocations"][0]["state"] == "STATE_TERMINATED"
    assert single["endTime"] == single["allocations"][0]["endTime"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/tasks/none", 404, 5),
        ("/api/v1/allocations/nodot", 400, 3),
        ("/api/v1/allocations/none.1", 500, 2),
        ("/api/v1/experiments/99", 404, 5),
        ("/api/v1/experiments/x", 400, 3),
        ("/api/v1/trials/99", 404, 5),
        ("/api/v1/notebooks/none", 404, 5),
        ("/api/v1/nothing", 404, 5),
    ],
)
async def test_unknown_objects(
    master: httpx.AsyncClient, path: str, status: int, code: int
) -> None:
    response = await master.get(path)

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


async def test_allocation_tells_slots_and_state(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    task = two_agents(cluster)

    view = (await master.get(f"/api/v1/allocations/{task.task_id}.1")).json()["allocation"]

    assert (view["slots"], view["state"], view["isReady"]) == (4, "STATE_RUNNING", True)
    assert "endTime" not in view


async def test_listed_experiment_hides_notes_and_trials(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    two_agents(cluster)

    [listed] = (await master.get("/api/v1/experiments?limit=-1")).json()["experiments"]
    single = (await master.get("/api/v1/experiments/41")).json()["experiment"]

    assert (listed["notes"], listed["trialIds"], listed["displayName"]) == (
        "omitted",
        [],
        "Alice A.",
    )
    assert (single["notes"], single["trialIds"], single["displayName"]) == ("mine", [57], "")
    assert single["checkpointSize"] == "0", "int64 is a string"
    assert single["endTime"] is None, "an unset message is null"


async def test_states_filter_by_the_database_and_show_finer(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    two_agents(cluster)
    begin(cluster, TaskType.TRIAL, hold_at=AllocationState.PULLING)
    begin(cluster, TaskType.TRIAL, hold_at=AllocationState.QUEUED)

    active = (await master.get("/api/v1/experiments?states=STATE_ACTIVE")).json()["experiments"]
    running = (await master.get("/api/v1/experiments?states=STATE_RUNNING")).json()["experiments"]

    states = [experiment["state"] for experiment in active]
    assert states == ["STATE_RUNNING", "STATE_PULLING", "STATE_QUEUED"]
    assert running == []


async def test_experiments_come_in_pages_of_100(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    for _ in range(101):
        begin(cluster, TaskType.TRIAL, slots=0, hold_at=AllocationState.QUEUED)

    usual = (await master.get("/api/v1/experiments")).json()
    rest = (await master.get("/api/v1/experiments?offset=100")).json()
    everything = (await master.get("/api/v1/experiments?limit=-1")).json()

    assert usual["pagination"] == {
        "offset": 0,
        "limit": 100,
        "startIndex": 0,
        "endIndex": 100,
        "total": 101,
    }
    assert len(rest["experiments"]) == 1
    assert len(everything["experiments"]) == 101


async def test_trial_names_its_tasks(cluster: Cluster, master: httpx.AsyncClient) -> None:
    task = two_agents(cluster)

    single = (await master.get("/api/v1/trials/57")).json()["trial"]
    [listed] = (await master.get("/api/v1/experiments/41/trials")).json()["trials"]

    assert single == listed
    assert (single["taskIds"], single["state"]) == ([task.task_id], "STATE_RUNNING")


async def test_lists_of_interactive_tasks_carry_secrets(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    notebook = begin(cluster, TaskType.NOTEBOOK)
    begin(cluster, TaskType.SHELL)

    [shown] = (await master.get("/api/v1/notebooks")).json()["notebooks"]
    [shell] = (await master.get("/api/v1/shells")).json()["shells"]

    assert shown["serviceAddress"].endswith(f"?token={notebook.secret}")
    assert "PRIVATE KEY" in shell["privateKey"]
    assert (shown["username"], shown["userId"], shown["displayName"]) == ("bob", 4, "Bob B.")
    assert shown["container"]["devices"][0]["type"] == "TYPE_CUDA"


async def test_ended_notebook_is_listed_for_24_hours(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Callable[[timedelta], None]
) -> None:
    workloads.finish(cluster, begin(cluster, TaskType.NOTEBOOK))

    [listed] = (await master.get("/api/v1/notebooks")).json()["notebooks"]
    pass_time(timedelta(hours=24))
    later = (await master.get("/api/v1/notebooks")).json()["notebooks"]

    assert (listed["state"], listed["container"]) == ("STATE_TERMINATED", None)
    assert later == []


async def test_restart_of_the_master_forgets_ended_notebooks(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Callable[[timedelta], None]
) -> None:
    workloads.finish(cluster, begin(cluster, TaskType.NOTEBOOK))
    pass_time(timedelta(seconds=1))
    lifecycle.restart_master(cluster)

    assert (await master.get("/api/v1/notebooks")).json()["notebooks"] == []


async def test_queue_alone_knows_the_owner_of_a_generic_task(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    task = begin(cluster, TaskType.GENERIC, "dan")
    two_agents(cluster)

    jobs = (await master.get("/api/v1/job-queues-v2?limit=10000")).json()["jobs"]

    rows = {(job["full"]["entityId"], job["full"]["type"], job["full"]["username"]) for job in jobs}
    assert rows == {(task.task_id, "TYPE_GENERIC", "dan"), ("41", "TYPE_EXPERIMENT", "alice")}


async def test_queue_without_a_pool_is_that_of_the_default_pool_alone(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    cluster.agents["agent-b"].pools = ("big",)
    begin(cluster, TaskType.NOTEBOOK, pool="big")

    default = (await master.get("/api/v1/job-queues-v2")).json()
    big = (await master.get("/api/v1/job-queues-v2?resourcePool=big")).json()
    pools = (await master.get("/api/v1/resource-pools")).json()["resourcePools"]

    assert (default["jobs"], default["pagination"]["limit"]) == ([], 100)
    assert len(big["jobs"]) == 1
    assert [(pool["name"], pool["defaultComputePool"]) for pool in pools] == [
        ("big", False),
        ("default", True),
    ]


async def test_queue_breaks_on_a_limit_of_minus_one(master: httpx.AsyncClient) -> None:
    response = await master.get("/api/v1/job-queues-v2?limit=-1")

    assert response.status_code == 500


async def test_job_that_may_not_be_seen_has_no_owner(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    begin(cluster, TaskType.NOTEBOOK)
    cluster.hidden_users.add("bob")

    [job] = (await master.get("/api/v1/job-queues-v2")).json()["jobs"]

    assert set(job) == {"limited"}
    assert "username" not in job["limited"]


async def test_agents_map_gpus_to_containers(cluster: Cluster, master: httpx.AsyncClient) -> None:
    task = begin(cluster, TaskType.NOTEBOOK, agents={"agent-b": 1})

    agents = (await master.get("/api/v1/agents")).json()["agents"]

    agent = next(agent for agent in agents if agent["id"] == "agent-b")
    container = task.allocations[0].containers[0]
    held = [slot for slot in agent["slots"].values() if slot["container"] is not None]
    assert [slot["device"]["uuid"] for slot in held] == [container.devices[0].uuid]
    assert held[0]["container"]["id"] == container.container_id
    assert list(agent["containers"]) == [container.container_id]
    assert len(agent["slots"]) == 4


async def test_lost_agent_leaves_every_list_after_the_reconnect_wait(
    cluster: Cluster, master: httpx.AsyncClient, pass_time: Callable[[timedelta], None]
) -> None:
    task = two_agents(cluster)
    control_changes.set_agent(cluster, "agent-b", SetAgent(connected=False))

    pass_time(timedelta(seconds=24))
    before = (await master.get("/api/v1/agents")).json()["agents"]
    pass_time(timedelta(seconds=1))

    after = (await master.get("/api/v1/agents")).json()["agents"]
    targets = (await master.get("/prom/det-http-sd-config")).json()
    assert [agent["id"] for agent in before] == ["agent-a", "agent-b", "agent-c"]
    assert [agent["id"] for agent in after] == ["agent-a", "agent-c"]
    assert [group["labels"]["det_agent_id"] for group in targets] == ["agent-a", "agent-c"]
    states = [container.state for container in task.allocations[0].containers]
    assert states == [AllocationState.RUNNING, AllocationState.TERMINATED]


async def test_mig_instances_are_slots_of_their_own(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    agents = (await master.get("/api/v1/agents")).json()["agents"]

    slots = agents[2]["slots"].values()
    assert len(slots) == 2
    assert all(slot["device"]["uuid"].startswith("MIG-") for slot in slots)
    assert cluster.agents["agent-c"].gpus[0].uuid.startswith("GPU-")
