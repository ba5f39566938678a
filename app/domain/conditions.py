"""What the alerts beside the one on idle GPUs look at, as far as their rows tell; for people.

Nothing is decided by this: the rules in alerting-rules/ decide. A test holds the names to them.
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from app.domain.cluster import UNSAVED
from app.domain.facts import (
    BUSY_1D,
    BUSY_6H,
    DRAM_6H,
    MEMORY_1D,
    POWER_6H,
    Condition,
    Facts,
)

Value = Callable[[Facts], float | None]
Compare = Callable[[float, float], bool]
_LT, _LE, _EQ, _GE, _GT = operator.lt, operator.le, operator.eq, operator.ge, operator.gt
_ON_AGENT = "allocation_id_agent_id"
_OF_USER = "username_resource_pool"


@dataclass(frozen=True, slots=True)
class _Test:
    words: str
    value: Value
    compare: Compare
    limit: Value
    unit: str

    def of(self, facts: Facts) -> Condition:
        value, limit = self.value(facts), self.limit(facts)
        met = None if value is None or limit is None else self.compare(value, limit)
        return Condition(self.words, met, value, limit, self.unit)


def conditions(alertname: str, facts: Facts) -> tuple[Condition, ...]:
    """Return what has to be so before the alert fires; nothing of an alert that is not ours."""
    return tuple(each.of(facts) for each in _TESTS.get(alertname, ()))


def _row(name: str, scale: float = 1.0) -> Value:
    def value(facts: Facts) -> float | None:
        found = facts.rows.value(name)
        return None if found is None else found * scale

    return value


def _least(name: str) -> Value:
    def value(facts: Facts) -> float | None:
        found = facts.rows.least(name)
        return None if found is None else found * 100

    return value


def _fixed(number: float) -> Value:
    return lambda _facts: number


def _slots(facts: Facts) -> float:
    return float(facts.allocation.slots)


def _hours(facts: Facts) -> float | None:
    return None if facts.age is None else facts.age / timedelta(hours=1)


def _is_interactive(facts: Facts) -> float:
    return float(facts.allocation.task_type in UNSAVED)


def _agents(facts: Facts) -> float:
    return float(len(facts.agents))


def _agents_needed(facts: Facts) -> float | None:
    most = max((facts.agent_slots.get(each, 0) for each in facts.agents), default=0)
    return float(math.ceil(facts.allocation.slots / most)) if most else None


def _gpu_shares(facts: Facts) -> float | None:
    """Return how many times what comes with one GPU it takes of a machine: cores or memory."""
    return max(_ratios(facts), default=None)


def _ratios(facts: Facts) -> Iterator[float]:
    pairs = (
        ("container_cpu_cores:rate5m", "machine_cpu_cores:max"),
        ("container_memory_working_set_bytes:sum", "node_memory_MemTotal_bytes:max"),
    )
    for agent in facts.agents:
        for used, there in pairs:
            mine = facts.rows.value(f"{_ON_AGENT}:{used}", agent_id=agent)
            whole = facts.rows.value(f"agent_id:{there}", agent_id=agent)
            if mine is not None and whole and facts.agent_slots.get(agent):
                yield mine / (whole / facts.agent_slots[agent])


def _hours_needed(facts: Facts) -> float:
    return 6.0 if facts.allocation.slots > 1 else 24.0


_IDLE_GPUS = _row("allocation_id:watchdog_gpus_idle1h:count")
_LITTLE_BUSY = _row("threshold:watchdog_gpu_busy_low:ratio", 100)
_CPU_SHARE = _row(f"{_ON_AGENT}:watchdog_cpu_share:ratio")
_MEMORY_SHARE = _row(f"{_ON_AGENT}:watchdog_memory_share:ratio")
_MEMORY_LEFT = _least("agent_id:node_memory_available:ratio")
_OLD_ENOUGH = "it has run for long enough"
_TESTS: Mapping[str, tuple[_Test, ...]] = {
    "GPUAllocationPartlyIdle": (
        _Test("some of its GPUs did nothing for an hour", _IDLE_GPUS, _GT, _fixed(0), "GPUs"),
        _Test("others of them worked", _IDLE_GPUS, _LT, _slots, "GPUs"),
        _Test(_OLD_ENOUGH, _hours, _GE, _fixed(1), "hours"),
    ),
    "GPUAllocationInefficient": (
        _Test("its GPUs were little busy in 6 h", _row(BUSY_6H, 100), _LT, _LITTLE_BUSY, "percent"),
        _Test(_OLD_ENOUGH, _hours, _GE, _hours_needed, "hours"),
    ),
    "GPUAllocationFakeLoad": (
        _Test(
            "its GPUs were busy in 6 h",
            _row(BUSY_6H, 100),
            _GE,
            _row("threshold:watchdog_gpu_busy_high:ratio", 100),
            "percent",
        ),
        _Test("none drew more power than when idle", _row(POWER_6H), _LE, _fixed(2), "times"),
        _Test("hardly any memory traffic", _row(DRAM_6H, 100), _LE, _fixed(1), "percent"),
        _Test(_OLD_ENOUGH, _hours, _GE, _fixed(6), "hours"),
    ),
    "BigGPUUsedAsSmall": (
        _Test("it holds one GPU", _slots, _EQ, _fixed(1), "GPUs"),
        _Test(
            "the GPU is big",
            _row("allocation_id:DCGM_FI_DEV_FB_TOTAL:min"),
            _GE,
            _row("threshold:watchdog_gpu_memory_big:mebibytes"),
            "MiB",
        ),
        _Test(
            "little of its memory was used in a day",
            _row(MEMORY_1D),
            _LT,
            _row("threshold:watchdog_gpu_memory_small:mebibytes"),
            "MiB",
        ),
        _Test("it was little busy in a day", _row(BUSY_1D, 100), _LT, _LITTLE_BUSY, "percent"),
        _Test(_OLD_ENOUGH, _hours, _GE, _fixed(24), "hours"),
    ),
    "InteractiveTaskLongLived": (
        _Test("it is a notebook or shell", _is_interactive, _EQ, _fixed(1), "yes or no"),
        _Test("it holds GPUs", _slots, _GT, _fixed(0), "GPUs"),
        _Test("it has run for a week", _hours, _GE, _fixed(168), "hours"),
    ),
    "GPUAllocationFragmented": (
        _Test("it is on more machines than it needs", _agents, _GT, _agents_needed, "machines"),
    ),
    "CPUOverFairShare": (
        _Test(
            "it uses more than its share of the cores",
            _CPU_SHARE,
            _GT,
            _row("threshold:watchdog_cpu_share:ratio"),
            "times",
        ),
        _Test(
            "the machine is busy",
            _row("agent_id:node_cpu_busy:ratio5m", 100),
            _GT,
            _row("threshold:node_cpu_busy:ratio", 100),
            "percent",
        ),
    ),
    "MemoryOverFairShare": (
        _Test(
            "it uses more than its share of the memory",
            _MEMORY_SHARE,
            _GT,
            _row("threshold:watchdog_memory_share:ratio"),
            "times",
        ),
        _Test(
            "the machine has little memory left",
            _MEMORY_LEFT,
            _LT,
            _row("threshold:node_memory_short:ratio", 100),
            "percent",
        ),
    ),
    "NodeMemoryNearlyOut": (
        _Test(
            "it uses more than its share of the memory",
            _MEMORY_SHARE,
            _GT,
            _fixed(1),
            "times",
        ),
        _Test(
            "the machine has next to no memory left",
            _MEMORY_LEFT,
            _LT,
            _row("threshold:node_memory_out:ratio", 100),
            "percent",
        ),
    ),
    "SlotlessTaskOnGPUNode": (
        _Test("it holds no GPU", _slots, _EQ, _fixed(0), "GPUs"),
        _Test("it takes more than comes with a GPU", _gpu_shares, _GT, _fixed(1), "times"),
    ),
    "UserOverSlotLimit": (
        _Test(
            "its owner holds more slots than the limit",
            _row(f"{_OF_USER}:watchdog_allocation_slots:sum"),
            _GT,
            _row("watchdog_user_slot_limit"),
            "slots",
        ),
        _Test(
            "jobs of others wait",
            _row(f"{_OF_USER}:watchdog_queued_slots_of_others:sum"),
            _GT,
            _fixed(0),
            "slots",
        ),
    ),
}
EXPLAINED = frozenset(_TESTS)
