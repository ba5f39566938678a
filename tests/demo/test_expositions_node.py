"""cAdvisor and node-exporter against their real formats."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from demo.cluster import control_changes, workloads
from demo.cluster.cluster import Cluster
from demo.cluster.exporters.app import ExporterKind
from demo.cluster.exporters.exposition import go_float
from demo.cluster.model import Container, Task, TaskType
from demo.cluster.wire import SetActivity
from demo.cluster.workloads import StartRequest

INTERVAL = timedelta(seconds=15)
Scrape = Callable[[str, ExporterKind], Awaitable[httpx.Response]]
Wait = Callable[[timedelta], None]

DETERMINED = [
    "container_label_ai_determined_container_agent",
    "container_label_ai_determined_container_id",
]
PLAIN = [*DETERMINED, "id", "image", "name"]
DISK = [*DETERMINED, "device", "id", "image", "name"]
NETWORK = [*DETERMINED, "id", "image", "interface", "name"]
CADVISOR = {
    "container_cpu_usage_seconds_total": ("counter", [*DETERMINED, "cpu", "id", "image", "name"]),
    "container_memory_working_set_bytes": ("gauge", PLAIN),
    "container_memory_rss": ("gauge", PLAIN),
    "container_network_receive_bytes_total": ("counter", NETWORK),
    "container_network_transmit_bytes_total": ("counter", NETWORK),
    "container_fs_usage_bytes": ("gauge", DISK),
    "container_fs_reads_bytes_total": ("counter", DISK),
    "container_fs_writes_bytes_total": ("counter", DISK),
    "container_last_seen": ("gauge", PLAIN),
    "container_start_time_seconds": ("gauge", PLAIN),
    "container_spec_memory_limit_bytes": ("gauge", PLAIN),
    "machine_cpu_cores": ("gauge", ["boot_id", "machine_id", "system_uuid"]),
}
WITHOUT_TIMESTAMP = {"container_start_time_seconds", "container_spec_memory_limit_bytes"}
CPU = "container_cpu_usage_seconds_total"


def begin(cluster: Cluster, agent_id: str, **more: object) -> Task:
    return workloads.start(
        cluster,
        StartRequest(TaskType.TRIAL, "alice", agents={agent_id: 1}, **more),  # type: ignore[arg-type] # The keywords are those of the request.
    )


def container_of(task: Task) -> Container:
    return task.allocations[0].containers[0]


def rows(text: str) -> list[tuple[str, list[str], str]]:
    """Return name, label names in order, and what follows them, of every sample."""
    found = []
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, rest = re.fullmatch(r"(\w+)\{(.*)\} (.+)", line).groups()  # type: ignore[union-attr] # No match fails the test.
            found.append((name, re.findall(r'(\w+)="', labels), rest))
    return found


def total(text: str, name: str, **labels: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


@pytest.mark.parametrize("agent_id", ["agent-a", "agent-b"])
async def test_cadvisor_names_types_labels_and_their_order(
    cluster: Cluster, scrape: Scrape, agent_id: str
) -> None:
    begin(cluster, agent_id)

    text = (await scrape(agent_id, ExporterKind.CADVISOR)).text

    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, flags=re.MULTILINE))
    assert types == {name: kind for name, (kind, _) in CADVISOR.items()}
    assert {(name, tuple(labels)) for name, labels, _ in rows(text)} == {
        (name, tuple(labels)) for name, (_, labels) in CADVISOR.items()
    }


@pytest.mark.parametrize("kind", [ExporterKind.CADVISOR, ExporterKind.NODE])
async def test_no_series_is_doubled(cluster: Cluster, scrape: Scrape, kind: ExporterKind) -> None:
    begin(cluster, "agent-a")
    begin(cluster, "agent-a")

    text = (await scrape("agent-a", kind)).text

    series = [
        (sample.name, *sorted(sample.labels.items()))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    assert len(series) == len(set(series))


async def test_samples_carry_their_own_time_in_milliseconds(
    cluster: Cluster, scrape: Scrape
) -> None:
    begin(cluster, "agent-a")

    text = (await scrape("agent-a", ExporterKind.CADVISOR)).text

    stamp = str(int(cluster.timeline.now().timestamp() * 1000))
    for name, _, rest in rows(text):
        parts = rest.split()
        expected = 1 if name in WITHOUT_TIMESTAMP else 2
        assert len(parts) == expected, f"{name} ends with {rest}"
        assert parts[1:] in ([], [stamp])


@pytest.mark.parametrize(
    ("agent_id", "path", "cpu"),
    [("agent-a", "/docker/{}", "cpu00"), ("agent-b", "/system.slice/docker-{}.scope", "total")],
    ids=["cgroupfs", "systemd"],
)
async def test_cgroup_driver_shapes_id_and_cpu(
    cluster: Cluster, scrape: Scrape, agent_id: str, path: str, cpu: str
) -> None:
    container = container_of(begin(cluster, agent_id))

    text = (await scrape(agent_id, ExporterKind.CADVISOR)).text

    mine = [line for line in text.splitlines() if container.container_id in line]
    assert {re.search(r'\bid="(.+?)"', line)[1] for line in mine} == {  # type: ignore[index] # No match fails the test.
        path.format(container.runtime_id)
    }
    cpus = [re.search(r'cpu="(\w+)"', line)[1] for line in mine if line.startswith(CPU)]  # type: ignore[index] # No match fails the test.
    assert cpus[0] == cpu
    assert len(cpus) == (cluster.agents[agent_id].cpu_count if cpu == "cpu00" else 1)


@pytest.mark.parametrize("agent_id", ["agent-a", "agent-b"])
async def test_cpu_counter_grows_by_the_cores_in_use(
    cluster: Cluster, scrape: Scrape, pass_time: Wait, agent_id: str
) -> None:
    task = begin(cluster, agent_id, cpu_cores=2.0)
    container_id = {DETERMINED[1]: container_of(task).container_id}
    pass_time(timedelta(seconds=60))
    change = SetActivity(cpu_cores=6.0)

    control_changes.set_activity(cluster, f"{task.task_id}.1", change)
    pass_time(timedelta(seconds=60))

    text = (await scrape(agent_id, ExporterKind.CADVISOR)).text
    assert total(text, CPU, **container_id) == pytest.approx(2 * 60 + 6 * 60)


async def test_root_cgroup_is_the_machine(
    cluster: Cluster, scrape: Scrape, pass_time: Wait
) -> None:
    begin(cluster, "agent-b", cpu_cores=2.0)
    before = (await scrape("agent-b", ExporterKind.CADVISOR)).text

    pass_time(timedelta(seconds=60))

    text = (await scrape("agent-b", ExporterKind.CADVISOR)).text
    used = total(text, CPU, id="/") - total(before, CPU, id="/")
    assert 2 * 60 < used < 3 * 60
    assert total(text, "machine_cpu_cores") == cluster.agents["agent-b"].cpu_count


async def test_ended_container_vanishes_at_the_next_collection(
    cluster: Cluster, scrape: Scrape, pass_time: Wait
) -> None:
    task = begin(cluster, "agent-b")
    container_id = container_of(task).container_id
    before = (await scrape("agent-b", ExporterKind.CADVISOR)).text
    workloads.finish(cluster, task)

    pass_time(INTERVAL)

    assert container_id in before
    assert container_id not in (await scrape("agent-b", ExporterKind.CADVISOR)).text


async def test_root_and_foreign_containers_have_empty_labels(scrape: Scrape) -> None:
    text = (await scrape("agent-b", ExporterKind.CADVISOR)).text

    assert f'{CPU}{{{DETERMINED[0]}="",{DETERMINED[1]}="",cpu="total",id="/",' in text
    assert 'name="cadvisor"' in text


async def test_determined_labels_need_the_flags_that_let_them_through(
    cluster: Cluster, scrape: Scrape
) -> None:
    begin(cluster, "agent-b")
    cluster.configure_exporters("agent-b", determined_labels=False)

    assert "ai_determined" not in (await scrape("agent-b", ExporterKind.CADVISOR)).text


async def test_container_of_a_distributed_trial_shows_the_network_of_its_host(
    cluster: Cluster, scrape: Scrape
) -> None:
    placement = {"agent-a": 1, "agent-b": 1}
    workloads.start(cluster, StartRequest(TaskType.TRIAL, "alice", agents=placement))

    text = (await scrape("agent-b", ExporterKind.CADVISOR)).text

    assert 'interface="eno1"' in text


async def test_node_exporter_names_and_labels(scrape: Scrape) -> None:
    text = (await scrape("agent-a", ExporterKind.NODE)).text

    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert set(families) == {
        "node_boot_time_seconds",
        "node_cpu_seconds",
        "node_load1",
        "node_load15",
        "node_load5",
        "node_memory_MemAvailable_bytes",
        "node_memory_MemFree_bytes",
        "node_memory_MemTotal_bytes",
        "node_time_seconds",
        "node_uname_info",
    }
    modes = {sample.labels["mode"] for sample in families["node_cpu_seconds"].samples}
    assert modes == {"idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"}
    assert len(families["node_cpu_seconds"].samples) == 8 * 32
    assert families["node_uname_info"].samples[0].labels["nodename"] == "agent-a"


async def test_node_uses_what_its_containers_use(
    cluster: Cluster, scrape: Scrape, pass_time: Wait
) -> None:
    begin(cluster, "agent-a", cpu_cores=8.0, memory_bytes=64 * 2**30)
    cluster.configure_exporters("agent-a", system_cores=0.0, system_memory_bytes=0)
    name = "node_cpu_seconds_total"
    before = (await scrape("agent-a", ExporterKind.NODE)).text

    pass_time(timedelta(seconds=100))

    after = (await scrape("agent-a", ExporterKind.NODE)).text
    idle = total(after, name, mode="idle") - total(before, name, mode="idle")
    everything = total(after, name) - total(before, name)
    assert everything == pytest.approx(32 * 100, rel=0.01)
    assert everything - idle == pytest.approx(8 * 100, rel=0.01)
    memory = "node_memory_{}_bytes"
    used = total(after, memory.format("MemTotal")) - total(after, memory.format("MemAvailable"))
    assert used == 64 * 2**30
    assert total(after, "node_load1") == 8


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (1201.5, "1201.5"),
        (999999, "999999"),
        (1_000_000, "1e+06"),
        (33_000_000_000, "3.3e+10"),
        (1795489200, "1.7954892e+09"),
        (1234567.891, "1.234567891e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-2500000.0, "-2.5e+06"),
    ],
)
def test_numbers_are_written_as_go_writes_them(value: float, written: str) -> None:
    assert go_float(value) == written
    assert float(go_float(value)) == value
