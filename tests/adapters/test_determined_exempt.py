"""What exemptions hang on: labels of experiments, and names of workspaces (S11)."""

import pytest

from app.adapters import determined_reading as reading
from app.adapters import determined_wire as wire
from app.adapters.determined import Determined
from app.domain.cluster import Allocation
from app.domain.cluster import TaskType as Type
from app.errors import UpstreamUnavailableError
from demo.cluster.calls import FaultKind
from demo.cluster.cluster import Cluster
from demo.cluster.model import TaskType
from tests.adapters.test_determined_reads import TYPES, paths, start

EXPERIMENTS = {TaskType.TRIAL, TaskType.CHECKPOINT_GC}
WORKSPACES = "/api/v1/workspaces"


def summary(task_id: str, name: str) -> wire.AllocationSummary:
    return wire.AllocationSummary(
        task_id=task_id,
        allocation_id=f"{task_id}.1",
        name=name,
        resource_pool="default",
        slots_needed=1,
        resources=(),
    )


SUMMARY = summary("a", "a")
TRIAL_SUMMARY = summary("41.a", "Trial 57 (Experiment 41)")


async def both_readings(determined: Determined, *, workspaces: bool) -> list[Allocation | None]:
    """Return the only allocation as the snapshot has it, and as it is read alone."""
    snapshot = await determined.snapshot(workspaces=workspaces)
    [allocation] = snapshot.allocations.values()
    alone = await determined.read_allocation(allocation.allocation_id, workspaces=workspaces)
    return [allocation, alone]


async def test_labels_of_its_experiment_come_with_a_trial(
    cluster: Cluster, determined: Determined
) -> None:
    start(cluster, TaskType.TRIAL, labels=["team-a", "prod"])

    found = await both_readings(determined, workspaces=False)

    assert [each and each.labels for each in found] == [("team-a", "prod")] * 2


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in EXPERIMENTS])
async def test_what_is_no_experiment_has_no_labels(
    cluster: Cluster, determined: Determined, kind: TaskType
) -> None:
    start(cluster, kind)

    found = await both_readings(determined, workspaces=False)

    assert [each and each.labels for each in found] == [(), ()]


@pytest.mark.parametrize("kind", TYPES)
async def test_workspace_is_known_by_its_name_where_it_is_asked_for(
    cluster: Cluster, determined: Determined, kind: TaskType
) -> None:
    start(cluster, kind)

    found = await both_readings(determined, workspaces=True)

    assert [each and each.workspace for each in found] == ["Uncategorized"] * 2


@pytest.mark.parametrize(("workspaces", "times"), [(False, 0), (True, 2)])
async def test_workspaces_are_listed_once_a_reading_and_only_where_they_are_asked_for(
    cluster: Cluster,
    determined: Determined,
    workspaces: bool,  # noqa: FBT001 -- a table
    times: int,
) -> None:
    start(cluster, TaskType.NOTEBOOK)

    await both_readings(determined, workspaces=workspaces)

    assert paths(cluster).count(WORKSPACES) == times


async def test_snapshot_without_the_workspaces_that_were_asked_for_is_none(
    cluster: Cluster, determined: Determined
) -> None:
    cluster.faults.add(f"{WORKSPACES}$", FaultKind.ANSWER, status=500)

    with pytest.raises(UpstreamUnavailableError):
        await determined.snapshot(workspaces=True)


def notebook(workspace_id: int | None) -> reading.Owners:
    view = wire.Interactive(id="a", username="bob", job_id="j", workspace_id=workspace_id)
    workspaces = {1: "Uncategorized", 7: "infra"}
    return reading.Owners(interactive={Type.NOTEBOOK: [view]}, workspaces=workspaces)


@pytest.mark.parametrize(
    ("workspace_id", "name"), [(7, "infra"), (1, "Uncategorized"), (8, None), (None, None)]
)
def test_workspace_that_is_not_told_or_not_to_be_seen_is_unknown(
    workspace_id: int | None, name: str | None
) -> None:
    [found] = reading.allocations([SUMMARY], notebook(workspace_id)).values()

    assert (found.workspace, found.labels) == (name, ())


@pytest.mark.parametrize(
    "experiment",
    [
        pytest.param([], id="not to be seen"),
        pytest.param([wire.Experiment(id=41, username="bob", job_id="j")], id="told without"),
    ],
)
def test_labels_and_workspace_that_are_not_told_are_unknown(
    experiment: list[wire.Experiment],
) -> None:
    owners = reading.Owners(experiments=experiment)

    [found] = reading.allocations([TRIAL_SUMMARY], owners).values()

    assert (found.labels, found.workspace) == (None, None)


def test_of_a_task_of_unknown_type_the_labels_are_unknown() -> None:
    [found] = reading.allocations([SUMMARY], reading.Owners()).values()

    assert (found.labels, found.workspace) == (None, None)
