"""dcgm-exporter against its real format: names, labels in order, number formats."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from demo.cluster import workloads
from demo.cluster.cluster import Cluster
from demo.cluster.exporters.app import ExporterKind
from demo.cluster.model import BUSY, GpuActivity, Task, TaskType
from demo.cluster.sensors import ExporterMode
from demo.cluster.workloads import StartRequest

INTERVAL = timedelta(seconds=15)
Scrape = Callable[[str, ExporterKind], Awaitable[httpx.Response]]
Wait = Callable[[timedelta], None]

LABELS = ["gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname", "DCGM_FI_DRIVER_VERSION"]
MIG_LABELS = [*LABELS[:5], "GPU_I_PROFILE", "GPU_I_ID", *LABELS[5:]]
COUNTERS = {
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER",
    "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL",
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
    "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS",
}
PER_DEVICE = {
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_MEM_COPY_UTIL",
    "DCGM_FI_DEV_ENC_UTIL",
    "DCGM_FI_DEV_DEC_UTIL",
}
GAUGES = PER_DEVICE | {
    "DCGM_FI_DEV_SM_CLOCK",
    "DCGM_FI_DEV_MEM_CLOCK",
    "DCGM_FI_DEV_MEMORY_TEMP",
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_RESERVED",
    "DCGM_FI_DEV_ROW_REMAP_FAILURE",
}
RATIOS = {
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    "DCGM_FI_PROF_DRAM_ACTIVE",
}
PROFILING = RATIOS | {"DCGM_FI_PROF_PCIE_TX_BYTES", "DCGM_FI_PROF_PCIE_RX_BYTES"}
DOUBLES = RATIOS | {"DCGM_FI_DEV_POWER_USAGE"}


def busy_trial(cluster: Cluster, activity: GpuActivity = BUSY) -> Task:
    request = StartRequest(TaskType.TRIAL, "alice", agents={"agent-a": 1}, activity=activity)
    return workloads.start(cluster, request)


def values(text: str, name: str) -> dict[str, float]:
    """Return the values of a metric by GPU index."""
    return {
        sample.labels["gpu"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name == name
    }


def rows(text: str) -> list[tuple[str, list[str], str]]:
    """Return name, label names in order, and the value as written, of every sample."""
    found = []
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)\{(.*)\} (\S+)", line).groups()  # type: ignore[union-attr] # No match fails the test.
            found.append((name, re.findall(r'(\w+)="', labels), value))
    return found


async def test_names_and_types_are_those_of_the_default_counters(scrape: Scrape) -> None:
    text = (await scrape("agent-a", ExporterKind.DCGM)).text

    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, flags=re.MULTILINE))
    assert {name for name, kind in types.items() if kind == "counter"} == COUNTERS
    assert {name for name, kind in types.items() if kind == "gauge"} == GAUGES | PROFILING
    assert set(re.findall(r"^# HELP (\w+) \S", text, flags=re.MULTILINE)) == set(types)


async def test_no_series_is_doubled_and_each_gpu_has_one(scrape: Scrape) -> None:
    text = (await scrape("agent-a", ExporterKind.DCGM)).text

    keys = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(keys) == len(set(keys)) == 4 * len(COUNTERS | GAUGES | PROFILING)


async def test_labels_keep_their_order(scrape: Scrape) -> None:
    text = (await scrape("agent-a", ExporterKind.DCGM)).text

    assert {tuple(labels) for _, labels, _ in rows(text)} == {tuple(LABELS)}


async def test_doubles_have_six_digits_and_integers_none(cluster: Cluster, scrape: Scrape) -> None:
    busy_trial(cluster)

    text = (await scrape("agent-a", ExporterKind.DCGM)).text

    for name, _, value in rows(text):
        pattern = r"\d+\.\d{6}" if name in DOUBLES else r"\d+"
        assert re.fullmatch(pattern, value), f"{name} is written as {value}"


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("hostname", [*LABELS[:5], "hostname", LABELS[6]]),
        ("", [*LABELS[:5], LABELS[6]]),
    ],
)
async def test_hostname_is_spelled_by_the_version(
    cluster: Cluster, scrape: Scrape, label: str, expected: list[str]
) -> None:
    cluster.configure_exporters("agent-a", hostname_label=label)

    text = (await scrape("agent-a", ExporterKind.DCGM)).text

    assert rows(text)[0][1] == expected


async def test_busy_gpu_is_told_from_an_idle_and_an_empty_one(
    cluster: Cluster, scrape: Scrape
) -> None:
    busy_trial(cluster)
    idle = StartRequest(TaskType.NOTEBOOK, "bob", agents={"agent-a": 1})
    workloads.start(cluster, idle)

    text = (await scrape("agent-a", ExporterKind.DCGM)).text

    utilization = values(text, "DCGM_FI_DEV_GPU_UTIL")
    assert utilization["0"] > 90
    assert (utilization["1"], utilization["2"]) == (0, 0)
    assert 0.9 < values(text, "DCGM_FI_PROF_GR_ENGINE_ACTIVE")["0"] <= 1
    assert values(text, "DCGM_FI_DEV_POWER_USAGE")["0"] > 500
    assert 60 < values(text, "DCGM_FI_DEV_POWER_USAGE")["1"] < 80
    assert values(text, "DCGM_FI_DEV_FB_USED")["1"] > 40_000
    assert values(text, "DCGM_FI_DEV_FB_USED")["2"] < 100


async def test_framebuffer_adds_up(cluster: Cluster, scrape: Scrape) -> None:
    busy_trial(cluster)

    text = (await scrape("agent-a", ExporterKind.DCGM)).text

    parts = [values(text, f"DCGM_FI_DEV_FB_{part}") for part in ("USED", "FREE", "RESERVED")]
    assert {sum(part[gpu] for part in parts) for gpu in "0123"} == {81_559}


async def test_values_change_only_with_the_collect_interval(
    cluster: Cluster, scrape: Scrape, pass_time: Wait
) -> None:
    before = (await scrape("agent-a", ExporterKind.DCGM)).text
    busy_trial(cluster)

    pass_time(INTERVAL - timedelta(seconds=1))
    during = (await scrape("agent-a", ExporterKind.DCGM)).text
    pass_time(timedelta(seconds=1))
    after = (await scrape("agent-a", ExporterKind.DCGM)).text

    assert during == before
    assert values(after, "DCGM_FI_DEV_GPU_UTIL")["0"] > 90


async def test_energy_is_power_over_real_time(
    cluster: Cluster, scrape: Scrape, pass_time: Wait
) -> None:
    busy_trial(cluster, replace(BUSY, power_watts=500))
    name = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
    before = values((await scrape("agent-a", ExporterKind.DCGM)).text, name)["0"]

    pass_time(timedelta(seconds=100))

    after = values((await scrape("agent-a", ExporterKind.DCGM)).text, name)["0"]
    assert after - before == pytest.approx(500 * 1000 * 100, rel=0.02)


async def test_same_seed_gives_the_same_readings(cluster: Cluster) -> None:
    twin = Cluster(cluster.options, clock=cluster.timeline.now)

    assert [gpu.uuid for gpu in twin.gpus.values()] == [gpu.uuid for gpu in cluster.gpus.values()]


async def test_profiling_metrics_can_be_missing(cluster: Cluster, scrape: Scrape) -> None:
    cluster.configure_exporters("agent-a", profiling=False)

    text = (await scrape("agent-a", ExporterKind.DCGM)).text

    assert {name for name, _, _ in rows(text)} == COUNTERS | GAUGES


async def test_stuck_engine_contradicts_the_utilization(cluster: Cluster, scrape: Scrape) -> None:
    busy_trial(cluster)
    cluster.configure_exporters("agent-a", engine_stuck=True)

    text = (await scrape("agent-a", ExporterKind.DCGM)).text

    assert values(text, "DCGM_FI_DEV_GPU_UTIL")["0"] > 90
    assert values(text, "DCGM_FI_PROF_GR_ENGINE_ACTIVE")["0"] == 0
    assert values(text, "DCGM_FI_PROF_DRAM_ACTIVE")["0"] == 0


async def test_xid_appears_with_the_first_error_and_stays(
    cluster: Cluster, scrape: Scrape, pass_time: Wait
) -> None:
    cluster.agents["agent-a"].gpus[3].xid = 43

    pass_time(INTERVAL)
    text = (await scrape("agent-a", ExporterKind.DCGM)).text

    [row] = [row for row in rows(text) if row[0] == "DCGM_FI_DEV_XID_ERRORS"]
    assert row == ("DCGM_FI_DEV_XID_ERRORS", [*LABELS, "err_code", "err_msg"], "43")
    assert 'err_code="43",err_msg="GPU stopped processing"' in text


async def test_gpu_off_the_bus_has_no_series(cluster: Cluster, scrape: Scrape) -> None:
    cluster.agents["agent-a"].gpus[1].lost = True

    text = (await scrape("agent-a", ExporterKind.DCGM)).text

    assert set(values(text, "DCGM_FI_DEV_FB_FREE")) == {"0", "2", "3"}


async def test_mig_lists_instances_with_the_uuid_of_their_parent(
    cluster: Cluster, scrape: Scrape
) -> None:
    [parent] = cluster.agents["agent-c"].gpus

    text = (await scrape("agent-c", ExporterKind.DCGM)).text

    assert {tuple(labels) for _, labels, _ in rows(text)} == {tuple(MIG_LABELS)}
    assert {name for name, _, _ in rows(text)} & PER_DEVICE == set()
    used = re.findall(r'FB_USED\{.*UUID="(.+?)".*GPU_I_ID="(\d)"', text)
    assert used == [(parent.uuid, "7"), (parent.uuid, "9")]


async def test_frozen_exporter_repeats_itself(
    cluster: Cluster, scrape: Scrape, pass_time: Wait
) -> None:
    before = (await scrape("agent-a", ExporterKind.DCGM)).text
    cluster.configure_exporters("agent-a", frozen=True)
    busy_trial(cluster)

    pass_time(INTERVAL * 4)

    assert (await scrape("agent-a", ExporterKind.DCGM)).text == before


async def test_sick_exporter_fails_the_whole_scrape(cluster: Cluster, scrape: Scrape) -> None:
    cluster.configure_exporters("agent-a", dcgm=ExporterMode.ERROR)

    response = await scrape("agent-a", ExporterKind.DCGM)

    assert response.status_code == 500
    assert (await scrape("agent-b", ExporterKind.DCGM)).status_code == 200
