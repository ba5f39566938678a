"""All that is known of one allocation, to be held against what the alerts ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.cluster import Allocation
from app.domain.rows import Rows

LAST_ACTIVE = "last_active"
BUSY_6H, BUSY_1D = "busy6h", "busy1d"
POWER_6H, DRAM_6H, MEMORY_1D = "power6h", "dram6h", "memory1d"
SPANS = {
    LAST_ACTIVE: "max_over_time(timestamp(allocation_id:watchdog_gpu_active:max{%s} == 1)[4h:1m])",
    BUSY_6H: "avg_over_time(allocation_id:watchdog_gpu_busy:avg5m{%s}[6h])",
    BUSY_1D: "avg_over_time(allocation_id:watchdog_gpu_busy:avg5m{%s}[1d])",
    POWER_6H: "max_over_time(allocation_id:DCGM_FI_DEV_POWER_USAGE:times_idle5m{%s}[6h])",
    DRAM_6H: "max_over_time(allocation_id:DCGM_FI_PROF_DRAM_ACTIVE:max5m{%s}[6h])",
    MEMORY_1D: "max_over_time(allocation_id:DCGM_FI_DEV_FB_USED:max5m{%s}[1d])",
}
"""What no row holds by itself: asked for under these names, with the allocation filled in."""


@dataclass(frozen=True, slots=True)
class Facts:
    allocation: Allocation
    rows: Rows
    started_at: datetime | None
    now: datetime
    is_readable: bool = True
    """False: Prometheus could not be asked. Else what has no row is not there."""
    agent_slots: Mapping[str, int] = field(default_factory=dict)

    @property
    def age(self) -> timedelta | None:
        return self.now - self.started_at if self.started_at else None

    @property
    def agents(self) -> frozenset[str]:
        return frozenset(each.agent_id for each in self.allocation.containers)

    @property
    def gpus(self) -> tuple[str, ...]:
        return tuple(gpu for each in self.allocation.containers for gpu in each.gpu_uuids)

    @property
    def is_mig(self) -> bool:
        """Tell whether it holds instances of MIG, which no exporter shows by their own uuid."""
        return any(each.startswith("MIG-") for each in self.gpus)


@dataclass(frozen=True, slots=True)
class Condition:
    """One of those that all have to be met before the alert fires."""

    words: str
    """What has to be so."""
    met: bool | None
    """None: unknown, which keeps the alert from firing as a no does."""
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    passes: bool = False
    """Time alone makes it so, if nothing works from now on."""
