"""Pausing on the simulated Determined: a whole experiment or a generic task, or nothing at all."""

from dataclasses import replace

import pytest

from app.adapters.determined import Determined
from app.errors import StopNotSentError, UpstreamRejectedError
from demo.cluster import actions, workloads
from demo.cluster.cluster import Cluster
from demo.cluster.model import TaskType
from tests.adapters.determined_tasks import at_once, reading, start


def pauses(cluster: Cluster) -> list[str]:
    return [call.path for call in cluster.calls.matching(method="POST", path="/(pause|kill)$")]


async def test_experiment_of_a_trial_is_paused(cluster: Cluster, determined: Determined) -> None:
    task, other = start(cluster), start(cluster)
    assert task.trial is not None
    assert other.trial is not None
    number = task.trial.experiment.experiment_id

    words = await determined.pause([await reading(determined, task)], may_send=at_once)

    assert words == f"200 experiments/{number}/pause"
    assert pauses(cluster) == [f"/api/v1/experiments/{number}/pause"]
    assert task.trial.experiment.state == "PAUSED"
    assert other.trial.experiment.state == "ACTIVE"


async def test_generic_task_is_paused_by_its_id(cluster: Cluster, determined: Determined) -> None:
    task = start(cluster, TaskType.GENERIC)

    await determined.pause([await reading(determined, task)], may_send=at_once)

    assert pauses(cluster) == [f"/api/v1/tasks/{task.task_id}/pause"]
    assert task.generic_state == "STOPPING_PAUSED"


async def test_s2_an_experiment_of_which_something_else_runs_by_now_is_left_alone(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster)
    assert task.trial is not None
    allocation = await reading(determined, task)
    workloads.restart_trial(cluster, task.trial)

    with pytest.raises(StopNotSentError, match="has changed"):
        await determined.pause([allocation], may_send=at_once)

    assert pauses(cluster) == []


async def test_trials_of_two_experiments_are_not_paused_by_one_call(
    cluster: Cluster, determined: Determined
) -> None:
    both = [await reading(determined, start(cluster)) for _ in range(2)]

    with pytest.raises(StopNotSentError, match="one experiment"):
        await determined.pause(both, may_send=at_once)

    assert pauses(cluster) == []


@pytest.mark.parametrize("kind", [TaskType.NOTEBOOK, TaskType.SHELL, TaskType.COMMAND])
async def test_what_determined_cannot_pause_is_left_alone(
    cluster: Cluster, determined: Determined, kind: TaskType
) -> None:
    allocation = await reading(determined, start(cluster, kind))

    with pytest.raises(StopNotSentError):
        await determined.pause([allocation], may_send=at_once)

    assert pauses(cluster) == []


async def test_generic_task_that_has_gone_on_to_another_allocation_is_left_alone(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.GENERIC)
    allocation = await reading(determined, task)
    forged = replace(allocation, allocation_id=f"{task.task_id}.7")

    with pytest.raises(StopNotSentError, match="has ended"):
        await determined.pause([forged], may_send=at_once)

    assert pauses(cluster) == []


async def test_a_generic_task_that_refuses_to_be_paused_says_so(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster, TaskType.GENERIC)
    task.no_pause = True

    with pytest.raises(UpstreamRejectedError, match="500"):
        await determined.pause([await reading(determined, task)], may_send=at_once)


async def test_an_experiment_that_is_being_ended_cannot_be_paused(
    cluster: Cluster, determined: Determined
) -> None:
    task = start(cluster)
    assert task.trial is not None
    allocation = await reading(determined, task)
    actions.cancel_experiment(cluster, task.trial.experiment.experiment_id)

    with pytest.raises(UpstreamRejectedError, match="400"):
        await determined.pause([allocation], may_send=at_once)


async def test_a_pause_that_comes_too_late_is_not_sent(
    cluster: Cluster, determined: Determined
) -> None:
    allocation = await reading(determined, start(cluster))

    with pytest.raises(StopNotSentError, match="too long"):
        await determined.pause([allocation], may_send=lambda: False)

    assert pauses(cluster) == []
