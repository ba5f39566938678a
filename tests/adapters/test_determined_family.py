"""Generic tasks that have begun others: Determined stops these with them, so neither is stopped."""

from dataclasses import replace

import pytest

from app.adapters.determined import Determined
from app.errors import StopNotSentError, UpstreamError
from demo.cluster import workloads
from demo.cluster.calls import FaultKind
from demo.cluster.cluster import Cluster
from demo.cluster.model import Task, TaskType
from tests.adapters.determined_tasks import at_once, reading, start

G = TaskType.GENERIC


def calls(cluster: Cluster) -> list[str]:
    return [call.path for call in cluster.calls.matching(method="POST", path="/(pause|kill)$")]


async def stops(determined: Determined, task: Task, *, by_pause: bool) -> None:
    """Call as if the proof had not seen what descends from it."""
    allocation = replace(await reading(determined, task), descendants=())
    if by_pause:
        await determined.pause([allocation], may_send=at_once)
    else:
        await determined.stop(allocation, may_send=at_once)


@pytest.mark.parametrize("by_pause", [False, True], ids=["kill", "pause"])
async def test_s2_a_generic_task_that_others_descend_from_is_left_alone(
    cluster: Cluster, determined: Determined, *, by_pause: bool
) -> None:
    parent = start(cluster, G)
    child = start(cluster, G, parent_id=parent.task_id)

    with pytest.raises(StopNotSentError, match=child.task_id):
        await stops(determined, parent, by_pause=by_pause)

    assert calls(cluster) == []


async def test_s2_descendants_are_found_through_a_task_that_has_ended(
    cluster: Cluster, determined: Determined
) -> None:
    parent = start(cluster, G)
    child = start(cluster, G, parent_id=parent.task_id)
    grandchild = start(cluster, G, parent_id=child.task_id)
    workloads.finish(cluster, child)

    found = await reading(determined, parent)

    assert found.descendants == (grandchild.task_id,)
    with pytest.raises(StopNotSentError, match=grandchild.task_id):
        await stops(determined, parent, by_pause=False)


async def test_s2_a_child_that_waits_in_the_queue_counts(
    cluster: Cluster, determined: Determined
) -> None:
    parent = start(cluster, G)
    child = start(cluster, G, parent_id=parent.task_id, slots=1_000)

    assert (await reading(determined, parent)).descendants == (child.task_id,)


@pytest.mark.parametrize("by_pause", [False, True], ids=["kill", "pause"])
async def test_child_and_its_siblings_have_no_descendants(
    cluster: Cluster, determined: Determined, *, by_pause: bool
) -> None:
    parent = start(cluster, G)
    child, sibling = (start(cluster, G, parent_id=parent.task_id) for _ in range(2))

    await stops(determined, child, by_pause=by_pause)

    assert [each.rpartition("/")[0] for each in calls(cluster)] == [
        f"/api/v1/tasks/{child.task_id}"
    ]
    assert parent.generic_state == sibling.generic_state == "ACTIVE"


async def test_parent_whose_children_have_ended_may_be_stopped(
    cluster: Cluster, determined: Determined
) -> None:
    parent = start(cluster, G)
    workloads.finish(cluster, start(cluster, G, parent_id=parent.task_id))

    await stops(determined, parent, by_pause=False)

    assert len(calls(cluster)) == 1


@pytest.mark.parametrize("status", [404, 503])
async def test_s5_nothing_is_sent_while_it_is_not_known_what_descends_from_it(
    cluster: Cluster, determined: Determined, status: int
) -> None:
    task, other = start(cluster, G), start(cluster, G)
    allocation = await reading(determined, task)
    cluster.faults.add(f"/tasks/{other.task_id}$", FaultKind.ANSWER, status=status)

    with pytest.raises(UpstreamError):
        await determined.read_allocation(allocation.allocation_id)
    with pytest.raises(StopNotSentError):
        await determined.stop(allocation, may_send=at_once)

    assert calls(cluster) == []


async def test_tasks_that_name_each_other_as_parents_are_no_endless_search(
    cluster: Cluster, determined: Determined
) -> None:
    task, one, other = (start(cluster, G) for _ in range(3))
    one.parent_id, other.parent_id = other.task_id, one.task_id

    assert (await reading(determined, task)).descendants == ()


async def test_notebooks_are_not_asked_for_their_parents(
    cluster: Cluster, determined: Determined
) -> None:
    task, notebook = start(cluster, G), start(cluster, TaskType.NOTEBOOK)
    trial = start(cluster)

    await reading(determined, task)

    for other in (notebook, trial):
        assert cluster.calls.matching(method="GET", path=f"/tasks/{other.task_id}$") == []
