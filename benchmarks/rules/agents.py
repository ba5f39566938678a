"""What the exporters of the agents say, with the labels that prometheus.yml leaves them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.rules.fleet import Agent, Allocation, Container, Fleet, Gpu
from benchmarks.rules.series import INTERVAL, ONE, ORIGIN, Course, Series

_TARGETS = (("determined-agents", 9400), ("determined-agents", 8080), ("node-exporter", 9100))
_PHASES = 16
"""How many of the series of one kind move differently: few, since each costs the writer time."""
_CPUS = 64
_CPU_SHARES = {"idle": 0.7, "user": 0.25, "system": 0.04, "iowait": 0.01}
_GIB = 2**30
_IMAGE = "determinedai/pytorch-ngc-dev:0736b6d"
_PREFIX = "container_label_ai_determined_container"
_BUS_IDS = ("18", "2A", "3A", "5D", "9A", "AB", "BA", "DB")


@dataclass(frozen=True, slots=True)
class _Reading:
    """Level and swing of a DCGM field on a GPU that works, and its level on one that does not."""

    busy: float
    swing: float
    idle: float
    held: float
    """Idle, with the memory of a task that does nothing."""


_DCGM = {
    "DCGM_FI_DEV_GPU_UTIL": _Reading(88, 9, 0, 0),
    "DCGM_FI_DEV_POWER_USAGE": _Reading(560, 60, 71.8, 74.2),
    "DCGM_FI_DEV_FB_USED": _Reading(61_000, 0, 4, 42_000),
    "DCGM_FI_DEV_FB_FREE": _Reading(20_000, 0, 81_000, 39_000),
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": _Reading(0.86, 0.08, 0, 0),
    "DCGM_FI_PROF_DRAM_ACTIVE": _Reading(0.41, 0.09, 0, 0),
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": _Reading(0.32, 0.1, 0, 0),
}


def agents_series(fleet: Fleet) -> Iterator[Series]:
    """Yield what dcgm-exporter, cAdvisor, node-exporter and their scrapes leave."""
    holders = {gpu.uuid: allocation for allocation in fleet.running for gpu in allocation.gpus}
    for number, agent in enumerate(fleet.agents):
        for gpu in agent.gpus:
            yield from _dcgm(agent, gpu, holders.get(gpu.uuid))
        yield from _node(agent, number % _PHASES)
        for job, port in _TARGETS:
            yield Series("up", _target(agent, job, port), ONE)
    for allocation in fleet.running:
        for number, container in enumerate(allocation.containers):
            yield from _cadvisor(container, number % _PHASES, idle=allocation.idle)


def _target(agent: Agent, job: str, port: int) -> dict[str, str]:
    return {
        "job": job,
        "instance": f"{agent.address}:{port}",
        "det_agent_id": agent.agent_id,
        "det_resource_pool": agent.pool,
    }


def _dcgm(agent: Agent, gpu: Gpu, holder: Allocation | None) -> Iterator[Series]:
    labels = _target(agent, "determined-agents", 9400) | {
        "gpu": str(gpu.index),
        "UUID": gpu.uuid,
        "gpu_uuid": gpu.uuid,
        "pci_bus_id": f"00000000:{_BUS_IDS[gpu.index]}:00.0",
        "device": f"nvidia{gpu.index}",
        "modelName": gpu.model,
        "DCGM_FI_DRIVER_VERSION": "550.127.08",
    }
    phase = int(gpu.uuid[-2:], 16) % _PHASES
    for name, reading in _DCGM.items():
        yield Series(name, labels, _course(reading, holder, phase))


def _course(reading: _Reading, holder: Allocation | None, phase: int) -> Course:
    if holder is None:
        return Course(reading.idle)
    if holder.idle:
        return Course(reading.held)
    return Course(reading.busy, swing=reading.swing, phase=phase)


def _node(agent: Agent, phase: int) -> Iterator[Series]:
    target = _target(agent, "node-exporter", 9100)
    for mode, share in _CPU_SHARES.items():
        course = Course(phase, per_second=share)
        for cpu in range(_CPUS):
            labels = target | {"cpu": str(cpu), "mode": mode}
            yield Series("node_cpu_seconds_total", labels, course)
    exporter = _target(agent, "determined-agents", 8080)
    yield Series("machine_cpu_cores", exporter, Course(_CPUS))
    machine = exporter | {"id": "/", "cpu": "total"}
    busy = Course(phase, per_second=_CPUS * (1 - _CPU_SHARES["idle"]))
    yield Series("container_cpu_usage_seconds_total", machine, busy)
    available = Course(700 * _GIB, swing=20 * _GIB, phase=phase)
    yield Series("node_memory_MemTotal_bytes", target, Course(1_007 * _GIB))
    yield Series("node_memory_MemAvailable_bytes", target, available)


def _cadvisor(container: Container, phase: int, *, idle: bool) -> Iterator[Series]:
    labels = _target(container.agent, "determined-agents", 8080) | {
        "id": f"/system.slice/docker-{container.runtime_id}.scope",
        "image": _IMAGE,
        "name": f"task_{container.container_id[:8]}",
        f"{_PREFIX}_id": container.container_id,
        f"{_PREFIX}_agent": container.agent.agent_id,
        "container_id": container.container_id,
        "container_runtime_id": container.runtime_id,
    }
    yield from _container_readings(labels, phase, work=0.0 if idle else 1.0)


def _container_readings(labels: Mapping[str, str], phase: int, *, work: float) -> Iterator[Series]:
    started = ORIGIN + INTERVAL * phase
    memory = Course(48 * _GIB, swing=_GIB * work, phase=phase)
    for name, more, course in (
        ("container_cpu_usage_seconds_total", {"cpu": "total"}, Course(phase, 0.01 + 6 * work)),
        ("container_memory_working_set_bytes", {}, memory),
        ("container_start_time_seconds", {}, Course(started)),
        (
            "container_network_receive_bytes_total",
            {"interface": "eth0"},
            Course(phase, 60 + 4e6 * work),
        ),
        ("container_fs_writes_bytes_total", {"device": "/dev/nvme0n1"}, Course(phase, 2e6 * work)),
    ):
        yield Series(name, {**labels, **more}, course)
