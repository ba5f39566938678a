"""Every documented flaw of `/prom/det-state-metrics` in Determined 0.38.1."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from demo.cluster import lifecycle, workloads
from demo.cluster.cluster import Cluster
from demo.cluster.model import AllocationState, Container, Task, TaskType
from demo.cluster.workloads import StartRequest

ALLOCATION = "det_allocation_id_task_id_task_actor"
CONTAINER = "det_container_id_allocation_id"
RUNTIME = "det_container_id_runtime_container_id"
GPU = "det_gpu_uuid_container_id"
JOB = "det_job_id_experiment_id"
LABEL = "det_experiment_id_label"

Rows = dict[str, list[float]]


def rows(cluster: Cluster) -> Rows:
    """Return the values of each metric; a metric without rows is left out."""
    return {
        family.name: [sample.value for sample in family.samples]
        for family in text_string_to_metric_families(cluster.metrics.render())
    }


def begin(cluster: Cluster, task_type: TaskType = TaskType.NOTEBOOK, **more: object) -> Task:
    return workloads.start(cluster, StartRequest(task_type, "bob", **more))  # type: ignore[arg-type] # The keywords are those of the request.


def distributed(cluster: Cluster, agents: int) -> Task:
    placement = dict.fromkeys(list(cluster.agents)[:agents], 1)
    return begin(cluster, TaskType.TRIAL, agents=placement)


def containers(task: Task) -> list[Container]:
    return task.allocations[-1].containers


def test_running_notebook_has_one_row_in_each_mapping(cluster: Cluster) -> None:
    begin(cluster)

    assert rows(cluster) == {ALLOCATION: [1], CONTAINER: [1], RUNTIME: [1], GPU: [1]}


def test_labels_are_those_of_the_real_exposition(cluster: Cluster) -> None:
    task = begin(cluster, TaskType.TRIAL, labels=["vision"])
    [container] = containers(task)

    lines = cluster.metrics.render().splitlines()

    allocation_id, container_id = f"{task.task_id}.1", container.container_id
    gpu_uuid, runtime_id = container.devices[0].uuid, container.runtime_id
    assert [line for line in lines if not line.startswith("#")] == [
        (
            f'{ALLOCATION}{{allocation_id="{allocation_id}",job_id="{task.job_id}",'
            f'task_actor="Trial 57 (Experiment 41)",task_id="{task.task_id}"}} 1'
        ),
        f'{CONTAINER}{{allocation_id="{allocation_id}",container_id="{container_id}"}} 1',
        f'{RUNTIME}{{container_id="{container_id}",container_runtime_id="{runtime_id}"}} 1',
        f'{LABEL}{{experiment_id="41",label="vision"}} 1',
        f'{GPU}{{container_id="{container_id}",gpu_uuid="{gpu_uuid}"}} 1',
        f'{JOB}{{experiment_id="41",job_id="{task.job_id}"}} 1',
    ]
    assert {line.split()[3] for line in lines if line.startswith("# TYPE")} == {"gauge"}
    assert rf"# HELP {CONTAINER} \nExposes mapping of allocation ID to container ID" in lines


def test_ended_rows_stay_at_zero_and_the_runtime_row_at_one(cluster: Cluster) -> None:
    workloads.finish(cluster, begin(cluster))

    assert rows(cluster) == {ALLOCATION: [0], CONTAINER: [0], RUNTIME: [1]}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_n_containers_end_at_n_minus_n_squared(cluster: Cluster, count: int) -> None:
    task = distributed(cluster, count)
    assert rows(cluster)[ALLOCATION] == [count], "a live distributed trial counts its containers"

    workloads.finish(cluster, task)

    assert rows(cluster)[ALLOCATION] == [count - count**2]
    assert rows(cluster)[CONTAINER] == [1 - count] * count


def test_first_exit_takes_the_gpu_rows_of_all_peers(cluster: Cluster) -> None:
    task = distributed(cluster, 2)

    workloads.exit_container(cluster, task.allocations[0], containers(task)[0])

    assert task.allocations[0].state is AllocationState.RUNNING
    assert containers(task)[1].state is AllocationState.RUNNING
    assert GPU not in rows(cluster)
    assert rows(cluster)[CONTAINER] == [0, 0]
    assert rows(cluster)[ALLOCATION] == [0]


def test_container_that_never_ran_has_rows_at_minus_one(cluster: Cluster) -> None:
    begin(cluster, TaskType.COMMAND, fails_before_running=True)

    assert rows(cluster) == {ALLOCATION: [-1], CONTAINER: [-1]}


def test_queued_trial_has_a_job_row_already_and_nothing_else(cluster: Cluster) -> None:
    begin(cluster, TaskType.TRIAL, hold_at=AllocationState.QUEUED)

    assert rows(cluster) == {JOB: [1]}


def test_job_row_counts_the_live_trials_of_a_search(cluster: Cluster) -> None:
    first = begin(cluster, TaskType.TRIAL, labels=["a"])
    begin(cluster, TaskType.TRIAL, experiment_id=41)
    assert rows(cluster)[JOB] == [2]

    workloads.finish(cluster, first)

    assert rows(cluster)[JOB] == [1]
    assert rows(cluster)[LABEL] == [1]


def test_restart_of_the_master_forgets_everything_that_runs(cluster: Cluster) -> None:
    begin(cluster)
    distributed(cluster, 2)

    lifecycle.restart_master(cluster)

    assert cluster.metrics.render() == ""


def test_restored_task_appears_only_when_it_ends_and_then_below_zero(cluster: Cluster) -> None:
    task = begin(cluster, TaskType.TRIAL)
    lifecycle.restart_master(cluster)

    workloads.finish(cluster, task)

    assert rows(cluster) == {ALLOCATION: [-1], CONTAINER: [-1], JOB: [-1]}


def test_restored_trial_that_restarts_runs_with_a_job_row_of_zero(cluster: Cluster) -> None:
    begin(cluster, TaskType.TRIAL)
    lifecycle.restart_master(cluster)

    workloads.restart_trial(cluster, cluster.trials[57])

    assert rows(cluster)[JOB] == [0]
    assert rows(cluster)[ALLOCATION] == [-1, 1]


def test_task_begun_after_the_restart_is_registered_as_usual(cluster: Cluster) -> None:
    lifecycle.restart_master(cluster)

    begin(cluster)

    assert rows(cluster)[GPU] == [1]


async def test_changed_labels_are_counted_up_and_removed_ones_stay(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    begin(cluster, TaskType.TRIAL, labels=["a"])

    await master.patch("/api/v1/experiments/41", json={"labels": ["a", "b"]})
    await master.patch("/api/v1/experiments/41", json={"labels": ["b"]})

    assert rows(cluster)[LABEL] == [2, 2]


def test_name_given_by_a_user_is_escaped(cluster: Cluster) -> None:
    name = 'odd "name" \\ with\nline'
    begin(cluster, TaskType.NOTEBOOK, name=name)

    [family] = [
        family
        for family in text_string_to_metric_families(cluster.metrics.render())
        if family.name == ALLOCATION
    ]

    assert family.samples[0].labels["task_actor"] == name


def test_task_without_gpus_has_no_gpu_row(cluster: Cluster) -> None:
    begin(cluster, TaskType.TENSORBOARD, slots=0)

    assert GPU not in rows(cluster)
    assert rows(cluster)[RUNTIME] == [1]


def test_mig_row_names_the_instance_which_dcgm_does_not_know(cluster: Cluster) -> None:
    begin(cluster, agents={"agent-c": 1})

    assert 'gpu_uuid="MIG-' in cluster.metrics.render()


@pytest.mark.parametrize(
    "path", ["/prom/det-state-metrics", "/prom/det-http-sd-config", "/debug/prom/metrics"]
)
async def test_metrics_need_a_token_and_refuse_in_their_own_words(
    anonymous: httpx.AsyncClient, path: str
) -> None:
    response = await anonymous.get(path)

    assert (response.status_code, response.json()) == (401, {"message": "token missing"})


async def test_any_user_may_read_the_metrics(cluster: Cluster, master: httpx.AsyncClient) -> None:
    begin(cluster)

    state = await master.get("/prom/det-state-metrics")
    health = await master.get("/debug/prom/metrics")

    assert state.text == cluster.metrics.render()
    assert state.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "determined_healthy 1\n" in health.text


async def test_discovery_publishes_dcgm_and_cadvisor_and_no_node_exporter(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    cluster.agents["agent-a"].address = "127.87.1.1"

    targets = (await master.get("/prom/det-http-sd-config")).json()

    assert targets[0] == {
        "targets": ["127.87.1.1:9400", "127.87.1.1:8080"],
        "labels": {"det_agent_id": "agent-a", "det_resource_pool": "default"},
    }


async def test_discovery_without_agents_is_null(
    cluster: Cluster, master: httpx.AsyncClient
) -> None:
    cluster.agents.clear()

    assert (await master.get("/prom/det-http-sd-config")).text == "null"
