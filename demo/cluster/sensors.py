"""How the exporters of one agent behave, and what their sensors read."""

import random
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from demo.cluster.model import Agent, Container, Gpu, GpuActivity


class ExporterMode(StrEnum):
    OK = "ok"
    ERROR = "error"  # answers 500, as one sick GPU makes dcgm-exporter do
    HANG = "hang"  # accepts, and never answers
    DOWN = "down"  # refuses connections


@dataclass(frozen=True, slots=True)
class ExporterSettings:
    dcgm: ExporterMode = ExporterMode.OK
    cadvisor: ExporterMode = ExporterMode.OK
    node: ExporterMode = ExporterMode.OK
    profiling: bool = True
    """Whether DCGM_FI_PROF_* exist; they do not on consumer cards, or without SYS_ADMIN."""
    engine_stuck: bool = False
    """The profiling metrics say 0 whatever the GPU does."""
    hostname_label: str = "Hostname"
    """`Hostname` up to 4.5.3, `hostname` after it, or empty for --no-hostname."""
    determined_labels: bool = True
    """Whether cAdvisor shows Determined's own container labels."""
    frozen: bool = False
    """Values repeat for ever (NVIDIA/dcgm-exporter#164)."""
    system_cores: float = 0.6
    """Cores that the node uses outside of Determined's containers."""
    system_memory_bytes: int = 6 * 2**30


def noisy(activity: GpuActivity, numbers: random.Random) -> GpuActivity:
    """Return one reading. Zero stays zero: an idle engine does not flicker."""
    swing = numbers.uniform(0.97, 1.03)
    return replace(
        activity,
        utilization=min(100.0, activity.utilization * swing),
        engine=min(1.0, activity.engine * swing),
        tensor=min(1.0, activity.tensor * swing),
        dram=min(1.0, activity.dram * swing),
        power_watts=activity.power_watts * numbers.uniform(0.99, 1.01),
    )


def accrue_energy(gpu: Gpu, reading: GpuActivity, *, since: datetime, now: datetime) -> None:
    # Counters grow by real seconds whatever the speed: rate() divides by real seconds too.
    gpu.energy_millijoules += reading.power_watts * 1000 * (now - since).total_seconds()


def accrue_usage(container: Container, now: datetime) -> None:
    """Add what was used since the last look. Real seconds, for the same reason."""
    since = container.accrued_at or container.started_at or now
    seconds = max(0.0, (now - since).total_seconds())
    container.cpu_seconds += container.cpu_cores * seconds
    container.received_bytes += container.receive_bytes_per_second * seconds
    container.written_bytes += container.write_bytes_per_second * seconds
    container.accrued_at = now


def cores_used(agent: Agent, containers: list[Container], settings: ExporterSettings) -> float:
    wanted = settings.system_cores + sum(container.cpu_cores for container in containers)
    return min(float(agent.cpu_count), wanted)
