"""How long a task may be kept: long enough for who needs it, and not for ever."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from app.domain.incident import Keep
from app.domain.policy import Policy

MORNING = "morning"
"""Until the next working morning, which is another span every time."""
OFFERED: Mapping[str, timedelta] = {
    "2h": timedelta(hours=2),
    "8h": timedelta(hours=8),
    "24h": timedelta(hours=24),
}
"""For how long a button keeps; besides `MORNING`."""


def still_allowed(
    keeps: Iterable[Keep], policy: Policy, *, since: datetime, now: datetime
) -> timedelta:
    """Return how long one more keep, from now on, may last; nothing or less: no keep is allowed.

    Of the time since then all that the keeps cover counts, once where they overlap.
    """
    covered, reach = timedelta(), since
    for keep in sorted(keeps, key=lambda each: each.created_at):
        begin = max(keep.created_at, reach)
        if keep.until > begin:
            covered += keep.until - begin
            reach = keep.until
    in_force = max(reach - now, timedelta())
    return min(policy.keep_longest, in_force + policy.keep_total - covered)


def still_allowed_for_all(
    keeps: Iterable[Keep],
    task_ids: Iterable[str],
    policy: Policy,
    *,
    since: datetime,
    now: datetime,
) -> timedelta:
    """Return how long each of these tasks may still be kept; nothing where there is none."""
    of_each: dict[str, list[Keep]] = {task_id: [] for task_id in task_ids}
    for keep in keeps:
        if keep.task_id in of_each:
            of_each[keep.task_id].append(keep)
    left = (still_allowed(some, policy, since=since, now=now) for some in of_each.values())
    return min(left, default=timedelta())


def offered(allowed: timedelta, *, until_morning: timedelta) -> tuple[str, ...]:
    """Return which of the spans on offer a keep may still have."""
    spans = {**OFFERED, MORNING: until_morning}
    return tuple(name for name, span in spans.items() if span <= allowed)
