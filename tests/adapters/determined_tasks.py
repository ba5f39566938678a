"""Tasks of the simulated Determined, as the tests of stops and pauses need them."""

from app.adapters.determined import Determined
from app.domain.cluster import Allocation
from demo.cluster import workloads
from demo.cluster.cluster import Cluster
from demo.cluster.model import Task, TaskType
from demo.cluster.workloads import StartRequest


def start(cluster: Cluster, task_type: TaskType = TaskType.TRIAL, **more: object) -> Task:
    return workloads.start(cluster, StartRequest(task_type, "bob", **more))  # type: ignore[arg-type] # The keywords are those of the request.


async def reading(determined: Determined, task: Task) -> Allocation:
    assert task.current is not None
    allocation = await determined.read_allocation(task.current.allocation_id)
    assert allocation is not None
    return allocation


def at_once() -> bool:
    return True
