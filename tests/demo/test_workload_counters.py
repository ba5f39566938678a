"""What the containers of a simulated task receive and write, as cAdvisor counts it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from demo.cluster import control_changes, workloads
from demo.cluster.cluster import Cluster
from demo.cluster.control import ControlClient
from demo.cluster.exporters.app import ExporterKind
from demo.cluster.model import Container, Task, TaskType
from demo.cluster.wire import SetActivity, StartTask
from demo.cluster.workloads import StartRequest
from demo.plain import PLAIN
from demo.simulation import Addresses
from tests.demo.test_expositions_node import DETERMINED, begin, container_of, total

MINUTE = timedelta(minutes=1)
RECEIVED = "container_network_receive_bytes_total"
SENT = "container_network_transmit_bytes_total"
READ = "container_fs_reads_bytes_total"
WRITTEN = "container_fs_writes_bytes_total"
MIB = 2**20
Wait = Callable[[timedelta], None]
Count = Callable[[Container, str], Awaitable[float]]


@pytest.fixture
def count(scrape: Callable[[str, ExporterKind], Awaitable[httpx.Response]]) -> Count:
    """Return what a container's counter says now."""

    async def count_(container: Container, name: str) -> float:
        text = (await scrape(container.agent.agent_id, ExporterKind.CADVISOR)).text
        return total(text, name, **{DETERMINED[1]: container.container_id})

    return count_


def change(cluster: Cluster, task: Task, **rates: float) -> None:
    control_changes.set_activity(cluster, f"{task.task_id}.1", SetActivity(**rates))


async def test_quiet_container_receives_and_writes_a_little(
    cluster: Cluster, pass_time: Wait, count: Count
) -> None:
    container = container_of(begin(cluster, "agent-a"))

    pass_time(MINUTE)

    assert await count(container, RECEIVED) == await count(container, SENT) == 60 * 2_000
    assert await count(container, WRITTEN) == await count(container, READ) == 60 * 4_096


async def test_download_shows_in_what_is_received_and_written(
    cluster: Cluster, pass_time: Wait, count: Count
) -> None:
    rates = {"receive_bytes_per_second": 80 * MIB, "write_bytes_per_second": 75 * MIB}
    container = container_of(begin(cluster, "agent-b", **rates))

    pass_time(MINUTE)

    assert await count(container, RECEIVED) == pytest.approx(60 * 80 * MIB)
    assert await count(container, WRITTEN) == pytest.approx(60 * 75 * MIB)
    assert await count(container, SENT) == 60 * 2_000
    assert await count(container, READ) == 60 * 4_096


@pytest.mark.parametrize(
    ("rate", "name"), [("receive_bytes_per_second", RECEIVED), ("write_bytes_per_second", WRITTEN)]
)
async def test_counter_keeps_what_it_has_when_its_rate_changes(
    cluster: Cluster, pass_time: Wait, count: Count, rate: str, name: str
) -> None:
    task = begin(cluster, "agent-a", **{rate: 80 * MIB})
    container = container_of(task)
    pass_time(MINUTE)

    change(cluster, task, **{rate: 0})
    pass_time(MINUTE)
    at_rest = await count(container, name)
    change(cluster, task, **{rate: MIB})
    pass_time(MINUTE)

    assert at_rest == pytest.approx(60 * 80 * MIB)
    assert await count(container, name) == pytest.approx(60 * 81 * MIB)


async def test_one_rate_changes_without_the_others(
    cluster: Cluster, pass_time: Wait, count: Count
) -> None:
    task = begin(cluster, "agent-a", write_bytes_per_second=MIB)
    container = container_of(task)

    change(cluster, task, receive_bytes_per_second=MIB)
    pass_time(MINUTE)

    assert await count(container, RECEIVED) == pytest.approx(60 * MIB)
    assert await count(container, WRITTEN) == pytest.approx(60 * MIB)
    assert container.cpu_cores == 0.05


async def test_next_run_of_a_trial_works_as_the_first_one_was_to(
    cluster: Cluster, pass_time: Wait, count: Count
) -> None:
    request = StartRequest(TaskType.TRIAL, "alice", receive_bytes_per_second=MIB)
    task = workloads.start(cluster, request)
    assert task.trial is not None

    [container] = workloads.restart_trial(cluster, task.trial).containers
    pass_time(MINUTE)

    assert await count(container, RECEIVED) == pytest.approx(60 * MIB)


def test_everything_that_a_container_uses_is_set_from_outside(control: ControlClient) -> None:
    request = StartTask(
        task_type=TaskType.NOTEBOOK,
        username="bob",
        receive_bytes_per_second=80 * MIB,
        write_bytes_per_second=75 * MIB,
    )
    task = control.start(request)
    allocation_id = task.allocation.allocation_id
    [began] = task.allocation.containers

    control.set_activity(
        allocation_id, cpu_cores=8, memory_bytes=64 * MIB, receive_bytes_per_second=MIB
    )
    control.set_activity(allocation_id, write_bytes_per_second=0)

    [now] = control.task(task.task_id).allocation.containers
    assert (began.receive_bytes_per_second, began.write_bytes_per_second) == (80 * MIB, 75 * MIB)
    assert (now.cpu_cores, now.memory_bytes) == (8, 64 * MIB)
    assert (now.receive_bytes_per_second, now.write_bytes_per_second) == (MIB, 0)


def test_rate_below_zero_is_refused(control: ControlClient, simulation: Addresses) -> None:
    task = control.start_idle_notebook("bob")
    path = f"/allocations/{task.allocation.allocation_id}/activity"

    answer = httpx.post(
        f"{simulation.control}{path}", json={"receive_bytes_per_second": -1}, verify=PLAIN
    )

    assert answer.status_code == 422
    [container] = control.task(task.task_id).allocation.containers
    assert container.receive_bytes_per_second == 2_000
