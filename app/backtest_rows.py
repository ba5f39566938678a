"""What Prometheus is asked for, to know what an allocation did in the past."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rows:
    """An expression each, with a series for each allocation."""

    slots: str
    quick: Mapping[str, str]
    """By the field of `Tracks` that it is for. `held` has the labels of the holder, and `window`
    where the window of idleness is known.
    """


RECORDED = Rows(
    slots="allocation_id:watchdog_allocation_slots:max",
    quick={
        "held": "allocation_id:watchdog_idle_window:info",
        "gpu_active": "allocation_id:watchdog_gpu_active:max",
        "host_active": "allocation_id:watchdog_host_active:max",
        "signals": "allocation_id:watchdog_gpu_signals:count",
        "coverage": "allocation_id:DCGM_FI_DEV_GPU_UTIL:coverage5m",
    },
)
"""The rows that the rules recorded when it happened."""
WITHOUT_A_WINDOW = (
    "sum(allocation_id:watchdog_allocation_slots:max"
    " unless on (allocation_id) allocation_id:watchdog_idle_window:info)"
)
"""GPUs held by what is never judged: of a type that has no window, or without a known owner."""
RECORDED_MINUTES = (
    'max(count_over_time(ALERTS{alertname="WatchdogHeartbeat",alertstate="firing"}[6h:1m]))'
)
"""In how many minutes of a part of the past the rules were evaluated."""
