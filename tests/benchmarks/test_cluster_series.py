"""What the generated exporters say, as it is after prometheus.yml's relabeling."""

from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from benchmarks.rules.agents import agents_series
from benchmarks.rules.fleet import Fleet, build_fleet
from benchmarks.rules.mappings import REPLICAS, mapping_series
from benchmarks.rules.reach import reach
from benchmarks.rules.rule_files import read_rule_files
from benchmarks.rules.series import INTERVAL, ORIGIN, Series

ROOT = Path(__file__).parents[2]
NOW = ORIGIN + 1_000_000
INPUTS = ("DCGM_FI_", "container_", "det_", "node_", "watchdog_", "machine_")
NOT_GENERATED = {"DCGM_FI_DEV_XID_ERRORS"}
"""Absent until the first error."""


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return build_fleet(200)


@pytest.fixture(scope="module")
def series(fleet: Fleet) -> list[Series]:
    return list(chain(agents_series(fleet), mapping_series(fleet)))


def named(series: list[Series], name: str) -> list[Series]:
    return [one for one in series if one.name == name]


def test_no_two_series_have_the_same_labels(series: list[Series]) -> None:
    found = Counter((one.name, frozenset(one.labels.items())) for one in series)

    assert found.most_common(1)[0][1] == 1


def test_every_series_has_a_job_and_an_instance(series: list[Series]) -> None:
    assert all(one.labels["job"] and one.labels["instance"] for one in series)


def test_every_gpu_has_every_counter_under_the_name_that_determined_uses(
    series: list[Series], fleet: Fleet
) -> None:
    uuids = {gpu.uuid for agent in fleet.agents for gpu in agent.gpus}
    names = {one.name for one in series if one.name.startswith("DCGM_FI_")}

    for name in names:
        assert {one.labels["gpu_uuid"] for one in named(series, name)} == uuids
    assert len(names) == 7


def test_idle_gpus_read_zero_and_busy_ones_stay_within_percent(
    series: list[Series], fleet: Fleet
) -> None:
    working = {gpu.uuid for one in fleet.running if not one.idle for gpu in one.gpus}

    for one in named(series, "DCGM_FI_DEV_GPU_UTIL"):
        values = [one.course.at(NOW + step * INTERVAL) for step in range(200)]
        if one.labels["gpu_uuid"] in working:
            assert 50 < min(values) < max(values) <= 100
        else:
            assert set(values) == {0}


@pytest.mark.parametrize(
    "name",
    [
        "container_cpu_usage_seconds_total",
        "container_network_receive_bytes_total",
        "node_cpu_seconds_total",
    ],
)
def test_counters_grow(series: list[Series], name: str) -> None:
    for one in named(series, name):
        assert one.course.at(NOW) < one.course.at(NOW + INTERVAL)


def test_cpu_times_of_a_processor_add_up_to_its_time(series: list[Series]) -> None:
    one_cpu = [
        one
        for one in named(series, "node_cpu_seconds_total")
        if (one.labels["det_agent_id"], one.labels["cpu"]) == ("agent-0000", "0")
    ]

    assert {one.labels["mode"] for one in one_cpu} == {"idle", "user", "system", "iowait"}
    assert sum(one.course.per_second for one in one_cpu) == pytest.approx(1)


def test_gpu_rows_stay_for_running_allocations_alone(series: list[Series], fleet: Fleet) -> None:
    running = {
        (container.container_id, gpu.uuid)
        for allocation in fleet.running
        for container in allocation.containers
        for gpu in container.gpus
    }

    rows = named(series, "det_gpu_uuid_container_id")

    assert {(one.labels["container_id"], one.labels["gpu_uuid"]) for one in rows} == running


def test_rows_of_ended_allocations_stay_with_the_values_that_they_end_at(
    series: list[Series], fleet: Fleet
) -> None:
    tasks = {
        one.labels["allocation_id"]: one.course.at(NOW)
        for one in named(series, "det_allocation_id_task_id_task_actor")
    }
    containers = {
        one.labels["container_id"]: one.course.at(NOW)
        for one in named(series, "det_container_id_allocation_id")
    }
    runtime = named(series, "det_container_id_runtime_container_id")

    assert {len(allocation.containers) for allocation in fleet.ended} == {1, 2}
    for allocation in fleet.ended:
        alone = len(allocation.containers) == 1
        assert tasks[allocation.allocation_id] == (0 if alone else -2)
        for container in allocation.containers:
            assert containers[container.container_id] == (0 if alone else -1)
    assert {one.labels["container_id"] for one in runtime} == containers.keys()
    assert {one.course.at(NOW) for one in runtime} == {1}


def test_running_allocation_of_two_containers_counts_two(
    series: list[Series], fleet: Fleet
) -> None:
    large = {one.allocation_id for one in fleet.running if len(one.containers) == 2}

    values = {
        one.course.at(NOW)
        for one in named(series, "det_allocation_id_task_id_task_actor")
        if one.labels["allocation_id"] in large
    }

    assert values == {2}


def test_two_receivers_say_the_same_of_running_allocations(
    series: list[Series], fleet: Fleet
) -> None:
    running = {allocation.allocation_id for allocation in fleet.running}

    for replica in REPLICAS:
        rows = [
            one
            for one in named(series, "watchdog_allocation_info")
            if one.labels["instance"] == replica
        ]
        assert {one.labels["allocation_id"] for one in rows} == running
        assert len(rows) == len(running)


def test_container_of_cadvisor_is_one_of_determined(series: list[Series]) -> None:
    runtime_ids = {
        one.labels["container_id"]: one.labels["container_runtime_id"]
        for one in named(series, "det_container_id_runtime_container_id")
    }

    for one in named(series, "container_memory_working_set_bytes"):
        assert one.labels["container_runtime_id"] == runtime_ids[one.labels["container_id"]]
        assert one.labels["container_runtime_id"] in one.labels["id"]


def test_receiver_read_determined_just_now(series: list[Series]) -> None:
    snapshot = named(series, "watchdog_snapshot_timestamp_seconds")[0]

    assert snapshot.course.at(NOW) == NOW


def test_everything_that_the_rules_read_is_generated(series: list[Series]) -> None:
    """A join with nothing costs nothing: a rule on missing series would be measured too fast."""
    rules = read_rule_files(ROOT / "alerting-rules")
    labels = {label for one in series for label in one.labels}

    inputs = {name for name in reach(rules.expressions) if name.startswith(INPUTS)}

    read = {name for name in inputs - labels if ":" not in name}
    assert read - {one.name for one in series} <= NOT_GENERATED
