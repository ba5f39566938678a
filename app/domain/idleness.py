"""What the alert on idle GPUs sees of an allocation now, in the words of docs/detection.md.

Nothing is decided by this: the rules in alerting-rules/ decide. A test holds the names to them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.facts import LAST_ACTIVE, Condition, Facts
from app.domain.prospect import NeverJudged, never_judged

ACTIVE = "allocation_id:watchdog_gpu_active:max"
HOST_ACTIVE = "allocation_id:watchdog_host_active:max"
SIGNALS = "allocation_id:watchdog_gpu_signals:count"
WINDOW = "allocation_id:watchdog_idle_window:info"
PER_GPU = "gpu_uuid_allocation_id:watchdog_gpu_active:max"
IDLE_IN = "allocation_id_window:watchdog_window_idle:bool"
HELD_BEFORE = "allocation_id_window:watchdog_gpu_held_before:info"
ACTIVE_IN = "allocation_id_window:watchdog_gpu_active:max"
HOST_ACTIVE_IN = "allocation_id_window:watchdog_host_active:max"
COVERAGE_IN = "allocation_id_window:watchdog_gpu_coverage:ratio"
HOST_COVERAGE_IN = "allocation_id_window:watchdog_host_coverage:ratio"
SIGNALS_IN = "allocation_id_window:watchdog_gpu_signals:max"
LONG = "4h"
START_UP = timedelta(minutes=10)
CONTRADICTIONS = ("GPUSignalsDisagree", "GPUSamplesMissing", "GPUMappingIncomplete")
"""The alerts that inhibit it, about the same allocation (alertmanager/alertmanager.yml)."""
_LONG_WINDOW = timedelta(hours=4)
_ENOUGH = 90.0  # percent of the samples
_LENGTH = re.compile(r"(\d+)([mh])")
_NEVER = {
    NeverJudged.NO_GPU: "it holds a GPU",
    NeverJudged.NOT_STOPPABLE: "Determined has a call that stops it",
    NeverJudged.TYPE_UNKNOWN: "Determined tells what type of task it is",
    NeverJudged.OWNER_UNKNOWN: "Determined tells whose it is",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that the rules have of the allocation now."""

    name: str
    words: str
    value: float
    unit: str


_MEASURES = (
    (
        "utilization",
        "Utilization of all its GPUs",
        "allocation_id:DCGM_FI_DEV_GPU_UTIL:avg",
        1,
        "percent",
    ),
    (
        "busiest_gpu",
        "Utilization of its busiest GPU",
        "allocation_id:DCGM_FI_DEV_GPU_UTIL:max",
        1,
        "percent",
    ),
    (
        "engine",
        "Engine activity of all its GPUs",
        "allocation_id:DCGM_FI_PROF_GR_ENGINE_ACTIVE:avg",
        100,
        "percent",
    ),
    (
        "memory_traffic",
        "Memory traffic of all its GPUs",
        "allocation_id:DCGM_FI_PROF_DRAM_ACTIVE:avg",
        100,
        "percent",
    ),
    (
        "power",
        "Power of its hungriest GPU, times an idle one",
        "allocation_id:DCGM_FI_DEV_POWER_USAGE:times_idle",
        1,
        "times",
    ),
    (
        "gpu_memory",
        "GPU memory in use, of all its GPUs",
        "allocation_id:DCGM_FI_DEV_FB_USED:sum",
        1,
        "MiB",
    ),
    ("cpu", "CPU", "allocation_id:container_cpu_cores:rate5m", 1, "cores"),
    (
        "network",
        "Received over the network",
        "allocation_id:container_network_receive_bytes:rate5m",
        1 / 2**20,
        "MiB/s",
    ),
    (
        "disk",
        "Written to disks of the machine",
        "allocation_id:container_fs_writes_bytes:rate5m",
        1 / 2**20,
        "MiB/s",
    ),
    (
        "host_memory",
        "Memory of the machine in use",
        "allocation_id:container_memory_working_set_bytes:sum",
        1 / 2**20,
        "MiB",
    ),
)


def measures(facts: Facts) -> Iterator[Measure]:
    """Yield what is known now; what is missing is not known."""
    for name, words, row, scale, unit in _MEASURES:
        value = facts.rows.value(row)
        if value is not None:
            yield Measure(name, words, value * scale, unit)


def window_of(facts: Facts) -> str | None:
    """Return the window that counts for it, `30m` or `60m`. None: unknown, or never judged."""
    return facts.rows.label(WINDOW, "window")


def length(window: str) -> timedelta | None:
    found = _LENGTH.fullmatch(window)
    if found is None:
        return None
    return int(found[1]) * (timedelta(hours=1) if found[2] == "h" else timedelta(minutes=1))


def idle_conditions(facts: Facts, firing: Sequence[str]) -> tuple[Condition, ...]:
    """Return what has to be so before the alert fires.

    `firing`: the names of the alerts that fire about this allocation.
    """
    never = never_judged(facts.allocation)
    if never:
        return (Condition(_NEVER[never], met=False),)
    if facts.is_mig:
        return (Condition("it holds whole GPUs, and no instances of MIG", met=False),)
    window = window_of(facts)
    if window is None:
        met = False if facts.is_readable else None
        return (Condition("Prometheus knows it, and has a window of idleness for it", met),)
    return (
        _gpus_seen(facts),
        _old_enough(facts, window),
        _samples(facts, window),
        _same_signals(facts, window),
        _believed(firing, facts),
        _gpus_quiet(facts, window),
        _host_quiet(facts, window),
    )


def _gpus_seen(facts: Facts) -> Condition:
    seen, slots = len(facts.rows.all(PER_GPU)), facts.allocation.slots
    return Condition("every GPU of it is seen", seen == slots, float(seen), float(slots), "GPUs")


def _old_enough(facts: Facts, window: str) -> Condition:
    whole = length(window)
    needed = (whole + START_UP) / timedelta(minutes=1) if whole else None
    age = facts.age / timedelta(minutes=1) if facts.age is not None else None
    met = bool(facts.rows.all(HELD_BEFORE, window=window))
    words = f"it held its GPUs before the window of {window} and 10 min of start-up began"
    return Condition(words, met, age, needed, "minutes", passes=True)


def _samples(facts: Facts, window: str) -> Condition:
    words = f"enough measurements of each GPU arrived in the last {window}"
    return _at_least(words, facts.rows.value(COVERAGE_IN, window=window))


def _at_least(words: str, ratio: float | None) -> Condition:
    percent = None if ratio is None else ratio * 100
    met = None if percent is None else percent >= _ENOUGH
    return Condition(words, met, percent, _ENOUGH, "percent")


def _same_signals(facts: Facts, window: str) -> Condition:
    now, most = facts.rows.value(SIGNALS), facts.rows.value(SIGNALS_IN, window=window)
    met = None if now is None or most is None else now >= most
    return Condition("every signal that the window had is there now", met, now, most, "signals")


def _believed(firing: Sequence[str], facts: Facts) -> Condition:
    against = [each for each in CONTRADICTIONS if each in firing]
    words = "no alert says that its measurements cannot be believed"
    if against:
        words += f" ({', '.join(against)} does)"
    return Condition(words, not against if facts.is_readable else None)


def _gpus_quiet(facts: Facts, window: str) -> Condition:
    now, then = facts.rows.value(ACTIVE), facts.rows.value(ACTIVE_IN, window=window)
    words = f"no signal of any GPU said that it works, in the last {window}"
    return Condition(words, _none_of(now, then), passes=True)


def _host_quiet(facts: Facts, window: str) -> Condition:
    if is_long_idle(facts):
        return Condition("no GPU worked for 4 h, so work beside them does not count", met=True)
    if not _host_is_seen(facts, window):
        words = "its machine is seen well enough, or no GPU worked for 4 h"
        seen = _at_least(words, facts.rows.value(HOST_COVERAGE_IN, window=window))
        return replace(seen, passes=True)
    now, then = facts.rows.value(HOST_ACTIVE), facts.rows.value(HOST_ACTIVE_IN, window=window)
    words = f"no work on CPU, network or disk in the last {window}, or no GPU worked for 4 h"
    return Condition(words, _none_of(now, then), passes=True)


def _host_is_seen(facts: Facts, window: str) -> bool:
    seen = facts.rows.value(HOST_COVERAGE_IN, window=window)
    return seen is not None and seen * 100 >= _ENOUGH


def _none_of(*found: float | None) -> bool | None:
    """Tell whether all are 0; one that is not is enough for a no."""
    if any(each for each in found):
        return False
    return None if None in found else True


def is_long_idle(facts: Facts) -> bool:
    return facts.rows.value(IDLE_IN, window=LONG) == 1


def earliest(facts: Facts, lasting: timedelta) -> datetime | None:
    """Return when the alert could fire at the earliest, if nothing works from now on.

    `lasting`: for how long all of it has to be so. None: nobody can say.
    """
    window = window_of(facts)
    whole = length(window) if window else None
    if window is None or whole is None or facts.started_at is None:
        return None
    if not _host_is_seen(facts, window):
        # Nothing but the four hours counts, which do not ask for the host.
        whole = _LONG_WINDOW
    begins = [facts.started_at + START_UP + whole]
    if facts.rows.value(ACTIVE):
        begins.append(facts.now + whole)
    elif at := facts.rows.instant(LAST_ACTIVE):
        begins.append(at + whole)
    if _host_is_seen(facts, window) and facts.rows.value(HOST_ACTIVE_IN, window=window):
        begins.append(_host_rests(facts, whole))
    # It is not pending yet, or that would be known.
    return max(*begins, facts.now) + lasting


def _host_rests(facts: Facts, whole: timedelta) -> datetime:
    """Return when work beside the GPUs keeps it no longer: that it stopped is seen at the latest
    now, and four hours without a GPU at work are enough.
    """
    at = facts.rows.instant(LAST_ACTIVE) or facts.started_at or facts.now
    long = facts.now if is_long_idle(facts) else at + _LONG_WINDOW
    return min(facts.now + whole, long)
