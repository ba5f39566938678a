"""Killing on the simulated Determined: the right one, by the right call, or nothing at all."""

from dataclasses import replace

import pytest

from app.adapters.determined import Determined
from app.domain.cluster import TaskType as Type
from app.errors import (
    StopNotSentError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from demo.cluster import workloads
from demo.cluster.calls import FaultKind
from demo.cluster.cluster import Cluster
from demo.cluster.model import Task, TaskType
from tests.adapters.determined_tasks import at_once, reading, start
from tests.domain.examples import allocation as example

STOPPABLE = [
    TaskType.NOTEBOOK,
    TaskType.SHELL,
    TaskType.COMMAND,
    TaskType.TENSORBOARD,
    TaskType.TRIAL,
    TaskType.GENERIC,
]


def kills(cluster: Cluster) -> list[str]:
    return [call.path for call in cluster.calls.matching(method="POST", path="/kill$")]


def leaving(task: Task) -> bool:
    return task.current is None or task.current.state == "TERMINATING"


@pytest.mark.parametrize("kind", STOPPABLE)
async def test_stop_kills_this_task_and_no_other(
    cluster: Cluster, determined: Determined, kind: TaskType
) -> None:
    other, task = start(cluster, kind), start(cluster, kind)
    allocation = await reading(determined, task)

    words = await determined.stop(allocation, may_send=at_once)

    [path] = kills(cluster)
    assert words == f"200 {path.removeprefix('/api/v1/')}"
    assert leaving(task)
    assert not leaving(other)


async def test_trial_is_killed_by_its_number(cluster: Cluster, determined: Determined) -> None:
    task = start(cluster, TaskType.TRIAL)
    assert task.trial is not None

    await determined.stop(await reading(determined, task), may_send=at_once)

    assert kills(cluster) == [f"/api/v1/trials/{task.trial.trial_id}/kill"]


async def test_trial_that_does_not_run_the_task_is_left_alone(
    cluster: Cluster, determined: Determined
) -> None:
    mine, other = start(cluster, TaskType.TRIAL), start(cluster, TaskType.TRIAL)
    assert other.trial is not None
    allocation = await reading(determined, mine)
    forged = replace(allocation, trial_id=str(other.trial.trial_id))

    with pytest.raises(StopNotSentError):
        await determined.stop(forged, may_send=at_once)

    assert kills(cluster) == []


async def test_trial_that_went_on_to_another_allocation_is_left_alone(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.TRIAL)
    assert task.trial is not None
    judged = await reading(determined, task)
    workloads.restart_trial(cluster, task.trial)

    with pytest.raises(StopNotSentError, match="has ended"):
        await determined.stop(judged, may_send=at_once)

    assert kills(cluster) == []
    assert not leaving(task)


@pytest.mark.parametrize("kind", [Type.CHECKPOINT_GC, None])
async def test_what_has_no_call_is_left_alone(
    cluster: Cluster, determined: Determined, kind: Type | None
) -> None:
    task = start(cluster, TaskType.NOTEBOOK)
    allocation = await reading(determined, task)

    with pytest.raises(StopNotSentError):
        await determined.stop(replace(allocation, task_type=kind), may_send=at_once)

    assert kills(cluster) == []


async def test_allocation_of_another_task_is_left_alone(
    cluster: Cluster, determined: Determined
) -> None:
    task, other = start(cluster, TaskType.NOTEBOOK), start(cluster, TaskType.NOTEBOOK)
    allocation = await reading(determined, task)

    with pytest.raises(StopNotSentError):
        await determined.stop(replace(allocation, task_id=other.task_id), may_send=at_once)

    assert kills(cluster) == []


@pytest.mark.parametrize("task_id", ["", ".", "..", "a/../../experiments/41", "41?x=1#y"])
async def test_id_never_leaves_its_place_in_the_path(
    cluster: Cluster, determined: Determined, task_id: str
) -> None:
    allocation = example(task_id=task_id, allocation_id=f"{task_id}.1")

    with pytest.raises((UpstreamError, StopNotSentError)):
        await determined.stop(allocation, may_send=at_once)

    asked = [call.path for call in cluster.calls.matching() if "login" not in call.path]
    assert all(path.startswith("/api/v1/notebooks/") for path in asked), asked


async def test_interactive_task_that_is_forgotten_is_rejected(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.NOTEBOOK)
    allocation = await reading(determined, task)
    del cluster.tasks[task.task_id]

    with pytest.raises(UpstreamRejectedError) as raised:
        await determined.stop(allocation, may_send=at_once)

    assert raised.value.code == "404"


@pytest.mark.parametrize("kind", [TaskType.TRIAL, TaskType.GENERIC, TaskType.NOTEBOOK])
async def test_500_to_a_kill_is_a_refusal(
    cluster: Cluster, determined: Determined, kind: TaskType
) -> None:
    """Determined says so of trials and generic tasks that have ended."""
    task = start(cluster, kind)
    allocation = await reading(determined, task)
    cluster.faults.add("/kill$", FaultKind.ANSWER, status=500)

    with pytest.raises(UpstreamRejectedError) as raised:
        await determined.stop(allocation, may_send=at_once)

    assert raised.value.code == "500"


async def test_503_to_a_kill_leaves_the_fate_unknown(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.NOTEBOOK)
    allocation = await reading(determined, task)
    cluster.faults.add("/kill$", FaultKind.ANSWER, status=503)

    with pytest.raises(UpstreamUnavailableError):
        await determined.stop(allocation, may_send=at_once)


@pytest.mark.parametrize("kind", [TaskType.TRIAL, TaskType.NOTEBOOK])
async def test_nothing_is_sent_when_it_took_too_long_to_get_ready(
    cluster: Cluster, determined: Determined, kind: TaskType
) -> None:
    task = start(cluster, kind)
    allocation = await reading(determined, task)

    with pytest.raises(StopNotSentError):
        await determined.stop(allocation, may_send=lambda: False)

    assert kills(cluster) == []


async def test_reading_that_fails_before_the_call_sends_nothing(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.TRIAL)
    allocation = await reading(determined, task)
    cluster.faults.add("/api/v1/trials/", FaultKind.ANSWER, status=503)

    with pytest.raises(StopNotSentError, match="503"):
        await determined.stop(allocation, may_send=at_once)

    assert kills(cluster) == []


async def test_session_that_ended_before_a_kill_costs_no_kill(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.NOTEBOOK)
    allocation = await reading(determined, task)
    cluster.accounts.revoke_all("watchdog")

    await determined.stop(allocation, may_send=at_once)

    statuses = [call.status for call in cluster.calls.matching(path="/kill$")]
    assert statuses == [401, 200], "the first call was refused, and did nothing"
    assert leaving(task)
