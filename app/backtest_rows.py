"""What Prometheus is asked for, to know what an allocation did in the past."""

RECORDED = {
    "held": "allocation_id:watchdog_idle_window:info",
    "gpu_active": "allocation_id:watchdog_gpu_active:max",
    "host_active": "allocation_id:watchdog_host_active:max",
    "signals": "allocation_id:watchdog_gpu_signals:count",
    "coverage": "allocation_id:DCGM_FI_DEV_GPU_UTIL:coverage5m",
}
"""The rows that the rules recorded when it happened, by the field of `Tracks` that each is for."""
SLOTS = "allocation_id:watchdog_allocation_slots:max"
WITHOUT_A_WINDOW = (
    "sum(allocation_id:watchdog_allocation_slots:max"
    " unless on (allocation_id) allocation_id:watchdog_idle_window:info)"
)
"""GPUs held by what is never judged: of a type that has no window, or without a known owner."""
MINUTES_OF_RULES = (
    'max(count_over_time(ALERTS{alertname="WatchdogHeartbeat",alertstate="firing"}[6h:1m]))'
)
"""In how many minutes of a part of the past the rules were evaluated."""
MINUTES_OF_DETERMINED = "max(count_over_time((count(det_gpu_uuid_container_id))[6h:1m]))"
"""In how many of them det-state-metrics knew of a GPU that somebody held."""
