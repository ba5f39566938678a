"""What runs, task by task: grouping, order, filter, and what is known of its activity."""

from datetime import datetime, timedelta

import pytest

from app.domain.cluster import Allocation, Snapshot, TaskType
from app.domain.tasks import Activity, RunningTask, TaskQuery, incidents_about, running_tasks
from tests.domain.examples import T0, TASK, allocation, notified, snapshot

HOUR = timedelta(hours=1)
IDLE = Activity(average=0.0, busiest=0.0, active=False)
BUSY = Activity(average=60.0, busiest=90.0, active=True)
ODD = Activity(average=30.0, busiest=None, active=None)


def of(task_id: str, number: int = 1, **changes: object) -> Allocation:
    words = {"username": "bob", "task_id": task_id, "allocation_id": f"{task_id}.{number}"}
    return allocation(**(words | changes))  # type: ignore[arg-type] # Words of the test.


def started(world: Snapshot, *hours_ago: int) -> dict[str, datetime]:
    return {key: T0 - each * HOUR for key, each in zip(world.allocations, hours_ago, strict=True)}


def test_what_is_queued_does_not_run() -> None:
    world = snapshot(of("a"), of("b", containers=()))

    found = running_tasks(world, {})

    assert [task.latest.task_id for task in found] == ["a"]


def test_newest_comes_first_and_what_nobody_saw_begin_before_it() -> None:
    world = snapshot(of("old"), of("b"), of("a"), of("new"))
    begins = started(world, 9, 3, 3, 1)
    unseen = snapshot(*world.allocations.values(), of("unseen"))

    found = running_tasks(unseen, begins)

    assert [task.latest.task_id for task in found] == ["unseen", "new", "a", "b", "old"]


def test_two_runs_of_one_task_are_one_task_since_the_first_of_them() -> None:
    world = snapshot(of("a", 2, slots=2), of("a", 1, slots=4))

    [task] = running_tasks(world, started(world, 1, 5))

    assert (task.latest.allocation_id, task.slots) == ("a.2", 6)
    assert task.started_at == T0 - 5 * HOUR


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        pytest.param(IDLE, IDLE, IDLE, id="both idle"),
        pytest.param(IDLE, BUSY, Activity(20.0, 90.0, active=True), id="by slots"),
        pytest.param(IDLE, ODD, Activity(10.0), id="unknown is not idle"),
        pytest.param(BUSY, ODD, Activity(50.0, None, active=True), id="one works for certain"),
        pytest.param(IDLE, None, Activity(), id="nothing is known of one"),
    ],
)
def test_what_is_unknown_of_one_run_is_unknown_of_the_task(
    one: Activity, other: Activity | None, together: Activity
) -> None:
    task = RunningTask((of("a", 1, slots=4), of("a", 2, slots=2)), {})
    known = {"a.1": one} | ({"a.2": other} if other else {})

    assert task.activity(known) == together


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param(TaskQuery(), ["a", "b", "c"], id="no filter"),
        pytest.param(TaskQuery(username="bob"), ["a"], id="user"),
        pytest.param(TaskQuery(username="None"), [], id="nobody is called None"),
        pytest.param(TaskQuery(resource_pool="big"), ["b", "c"], id="pool"),
        pytest.param(TaskQuery(task_type=TaskType.TRIAL), ["c"], id="type"),
        pytest.param(TaskQuery(username="alice", task_type=TaskType.NOTEBOOK), ["b"], id="two"),
    ],
)
def test_filter_lets_through_what_it_names(query: TaskQuery, found: list[str]) -> None:
    world = snapshot(
        of("a"),
        of("b", username="alice", resource_pool="big"),
        of("c", username="alice", resource_pool="big", task_type=TaskType.TRIAL),
        of("d", username=None, resource_pool="odd", task_type=None),
    )
    every = [*found, "d"] if query == TaskQuery() else found

    tasks = [task for task in running_tasks(world, {}) if query.takes(task)]

    assert [task.latest.task_id for task in tasks] == every


def test_incidents_are_those_of_the_run_that_is_there() -> None:
    mine, world = notified(), snapshot(allocation())
    restarted = snapshot(allocation(allocation_id=f"{TASK}.2"))

    found = incidents_about(running_tasks(world, {}), [mine])
    later = incidents_about(running_tasks(restarted, {}), [mine])

    assert found == {TASK: [mine]}
    assert later == {}
