"""How long a task may be kept: long enough for who needs it, and not for ever."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from app.domain.incident import Keep
from app.domain.policy import Policy


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
