"""GPU-hours of a time, from the rows that the rules of usage have recorded of it."""

import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from app.domain.digest import Holding, Usage
from app.domain.readings import Sample
from app.errors import UpstreamError
from app.ports import Rules

_SECOND = timedelta(seconds=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
Key = TypeVar("Key")
HELD = "username_resource_pool:watchdog_allocation_slots:sum"
USED = "username_resource_pool:watchdog_gpus_used:sum"
IDLE = "username_resource_pool:watchdog_gpus_idle:sum"
# As the rules of the rows above have it, by another label.
HELD_BY_TYPE = """\
sum by (task_type) (
  allocation_id:watchdog_allocation_info:group
  * on (allocation_id) group_left ()
  allocation_id:watchdog_allocation_slots:max
)"""
USED_BY_TYPE = """\
sum by (task_type) (
  gpu_uuid_allocation_id:watchdog_gpu_active:max
  * on (allocation_id) group_left (task_type)
  allocation_id:watchdog_allocation_info:group
)"""
IDLE_BY_TYPE = """\
sum by (task_type) (
  (1 - gpu_uuid_allocation_id:watchdog_gpu_active:max)
  * on (allocation_id) group_left (task_type)
  allocation_id:watchdog_allocation_info:group
)"""
_HEARTBEAT = 'ALERTS{alertname="WatchdogHeartbeat",alertstate="firing"}'
NO_RECORD = "Prometheus has no record of these rules in this time"


@dataclass(frozen=True, slots=True)
class TypeUsage:
    """GPU-hours by type of task."""

    held: Mapping[str, float]
    used: Mapping[str, float]
    idle: Mapping[str, float]
    covered: float


async def read_usage(
    rules: Rules, since: datetime, until: datetime, *, now: datetime
) -> Usage | str:
    """Return the GPU-hours of a time, or why they are not known."""
    span, late = until - since, now - until

    async def ask(series: str) -> dict[Holding, float]:
        samples = await _finite(rules, hours(series, span, late))
        return {
            (each.labels.get("username", ""), each.labels.get("resource_pool", "")): each.value
            for each in samples
        }

    found = await _asked(rules, span, late, ask, (HELD, USED, IDLE))
    if isinstance(found, str):
        return found
    covered, (held, used, idle) = found
    return Usage(held, used, idle, covered)


async def read_usage_by_type(
    rules: Rules, since: datetime, until: datetime, *, now: datetime
) -> TypeUsage | str:
    """Return the GPU-hours of a time by type of task, or why they are not known.

    No rule sums up by type. So it is done here, minute by minute, and a day at a time: Prometheus
    has all samples of a question in memory at once.
    """

    async def ask(rows: str) -> dict[str, float]:
        found: defaultdict[str, float] = defaultdict(float)
        begin = since
        while begin < until:
            end = min(begin + _DAY, until)
            for each in await _finite(rules, hours(rows, end - begin, now - end, each=":1m")):
                found[each.labels.get("task_type", "")] += each.value
            begin = end
        return found

    asked = (HELD_BY_TYPE, USED_BY_TYPE, IDLE_BY_TYPE)
    found = await _asked(rules, until - since, now - until, ask, asked)
    if isinstance(found, str):
        return found
    covered, (held, used, idle) = found
    return TypeUsage(held, used, idle, covered)


async def _asked(
    rules: Rules,
    span: timedelta,
    late: timedelta,
    ask: Callable[[str], Awaitable[dict[Key, float]]],
    asked: Sequence[str],
) -> tuple[float, Sequence[dict[Key, float]]] | str:
    """Return the share of the time that is covered, and the answers."""
    try:
        covered = await _covered(rules, span, late)
        if covered <= 0:
            return NO_RECORD
        return covered, [await ask(each) for each in asked]
    except UpstreamError as exc:
        return f"Prometheus could not be read: {exc}"


async def _covered(rules: Rules, span: timedelta, late: timedelta) -> float:
    samples = await rules.query(coverage(span, late))
    return min(max((each.value for each in samples), default=0.0), 1.0)


async def _finite(rules: Rules, expression: str) -> list[Sample]:
    return [each for each in await rules.query(expression) if math.isfinite(each.value)]


def hours(series: str, span: timedelta, late: timedelta, *, each: str = "") -> str:
    """Return the expression for GPU-hours, as alerting-rules/usage.rules.yaml has it of a day.

    `each`: `:1m` for what is not recorded once a minute, but found out then.
    """
    rows = f"{series}[{_seconds(span)}{each}]{_offset(late)}"
    return f"{span / _HOUR:g} * sum_over_time({rows}) / {_all_rows(span)}"


def coverage(span: timedelta, late: timedelta) -> str:
    """Return the expression for the share of the time in which the rules were evaluated."""
    rows = f"{_HEARTBEAT}[{_seconds(span)}:1m]{_offset(late)}"
    return f"max(count_over_time({rows})) / {_all_rows(span)}"


def _all_rows(span: timedelta) -> str:
    return f"scalar(count_over_time(vector(1)[{_seconds(span)}:1m]))"


def _seconds(span: timedelta) -> str:
    return f"{span // _SECOND}s"


def _offset(late: timedelta) -> str:
    return f" offset {_seconds(late)}" if late >= _SECOND else ""
