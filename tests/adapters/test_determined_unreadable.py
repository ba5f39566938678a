"""What cannot be read whole is not read at all (S5)."""

import pytest

from app.adapters.determined import Determined
from app.errors import UpstreamUnavailableError
from demo.cluster.calls import FaultKind
from demo.cluster.cluster import Cluster
from demo.cluster.model import TaskType
from tests.adapters.test_determined_reads import TYPES, start


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/tasks$",
        "/api/v1/experiments$",
        "/api/v1/notebooks$",
        "/api/v1/shells$",
        "/api/v1/commands$",
        "/api/v1/tensorboards$",
        "/api/v1/resource-pools$",
        "/api/v1/job-queues-v2$",
        "/api/v1/users$",
        "/api/v1/agents$",
    ],
)
async def test_snapshot_is_whole_or_none(
    cluster: Cluster, determined: Determined, path: str
) -> None:
    start(cluster, TaskType.TRIAL)
    cluster.faults.add(path, FaultKind.ANSWER, status=500)

    with pytest.raises(UpstreamUnavailableError, match="Determined answered 500"):
        await determined.snapshot()


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "path", ["/tasks$", "/(tasks|notebooks|shells|commands|tensorboards|experiments|job-queues)"]
)
async def test_reading_without_the_owner_is_none_at_all(
    cluster: Cluster, determined: Determined, kind: TaskType, path: str
) -> None:
    task = start(cluster, kind)
    await determined.snapshot()
    cluster.faults.add(f"/api/v1{path}", FaultKind.ANSWER, status=500)

    with pytest.raises(UpstreamUnavailableError):
        await determined.read_allocation(f"{task.task_id}.1")
