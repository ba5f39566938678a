"""What the dashboards ask Prometheus, in parts that several panels share.

They ask for recorded rows, and for raw series only of the few GPUs of one task: what is cheap for
the rules at 10,000 GPUs is cheap here. A part that is missing is never taken for 0: see `or_none`.
"""

POOL = 'resource_pool=~"$resource_pool"'
# An agent of several pools has one row, which lists them all with commas between.
POOLS = 'resource_pool=~"(.+,)?$resource_pool(,.+)?"'
AGENT = 'agent_id=~"$agent_id"'
USER = f'username=~"$username", {POOL}'
ALLOCATION = 'allocation_id="$allocation_id"'
GPU = 'gpu_uuid=~"$gpu_uuid"'

INFO = "allocation_id:watchdog_allocation_info:group"
SLOTS = f"sum(max by (agent_id) (watchdog_agent_slots{{{POOLS}}}))"
"""What the agents of the chosen pools offer."""


def or_none(expr: str, known: str) -> str:
    """Return 0 where there is nothing, but only while `known` proves that somebody looked.

    That must be of the same group of rules: else a group that is late would look like an answer.
    `or vector(0)` would draw a cluster at rest while Prometheus sees nothing of it.
    """
    return f"({expr} or 0 * {known})"


# 0 while the mapping is fresh and says that no task of the chosen pools holds a slot.
NOTHING_HELD = (
    "0 * max(instance:watchdog_snapshot_timestamp_seconds:fresh) unless on () "
    f"(allocation_id:watchdog_allocation_slots:max > 0 and on (allocation_id) {INFO}{{{POOL}}})"
)


def recent(row: str) -> str:
    """Return a row that is recorded every five minutes, also when the next one is late."""
    return f"last_over_time({row}[10m])"


def hours(row: str) -> str:
    """Return GPU-hours of the chosen time, of a row of GPUs that is recorded each minute."""
    expected = "scalar(count_over_time(vector(1)[$__range:1m]))"
    return f"$__range_s / 3600 * sum_over_time({row}[$__range]) / {expected}"


def of_tasks(row: str, labels: str, selector: str) -> str:
    """Return a row of allocations with more labels of them, of those that are chosen."""
    return f"{row} * on (allocation_id) group_left ({labels}) {INFO}{{{selector}}}"


def most_of(label: str, row: str) -> str:
    """Return a row for each of the ten with the most of it in the chosen time, from end to end."""
    return f"topk(10, sum by ({label}) (sum_over_time({row}[$__range] @ end())))"


def happened(counter: str, window: str, by: str = "") -> str:
    """Return how often something happened, the first time included.

    A counter with labels appears with its first event and not with 0, and increase() knows only
    what comes after. So the first value of a series that is new in the window is added; one is not
    new that was there within the day before, since a gap would show again all that ever happened.
    """
    increased = f'label_replace(increase({counter}[{window}]), "part", "later", "", "")'
    first = (
        f"min_over_time({counter}[{window}]) unless last_over_time({counter}[1d] offset {window})"
    )
    return f"sum{f' by ({by}) ' if by else ' '}({increased} or {first})"
