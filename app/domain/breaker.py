"""The breaker: many stops within an hour need a person (S7).

An exporter or a rule that goes wrong makes a cluster look as if everybody idled. No proof finds
that out, since it asks the same exporter. What gives it away is the number.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_MOST_LISTED = 9
"""In the message to the admins; with the line that counts the others they are ten."""
_EXPLANATION = """\
The breaker has tripped: nothing more is stopped until an admin resets it.
Why: {0}.
Look first whether the GPUs are really idle; an exporter that fails looks the same.
To allow all: POST /api/v1/breaker {{"action": "reset", "reason": "…"}}. Every owner is warned \
anew and has a whole grace period; the stops below then count no more.
To allow some: leave it tripped, and stop each by its incident, with which its line begins: \
`gpu-watchdog kill INCIDENT --reason "…"`, or POST /api/v1/incidents/INCIDENT/kill \
{{"reason": "…"}}. Where an incident is listed more than once, name one with `--allocation` or \
`allocation_ids`, or all of its tasks are stopped.
To allow none: leave it tripped, and set `mode: warn`.
About to be stopped, {1} in all (GET /api/v1/breaker lists them):"""


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """How many allocations may be stopped, or be due, within the window."""

    max_stops_per_hour: int = 10
    max_share: float = 0.25
    """Of the allocations that run."""
    floor: int = 3
    """So many are no large share of any cluster: a small one could not work otherwise."""
    window: timedelta = timedelta(hours=1)

    def most_of(self, running: int) -> int:
        """Return how many of so many running allocations are not too large a share of them."""
        # A float is seldom the number that was written: 0.29 of 100 comes to a little less than 29.
        share = math.floor(round(self.max_share * running, 6))
        return max(self.floor, share)


@dataclass(frozen=True, slots=True)
class PlannedStop:
    """A stop that is due or being made: of one allocation, in one episode of its alert."""

    incident_id: str
    allocation_id: str
    task: str = field(default="", compare=False)
    """The task, in one line for people. Untrusted: its name is in it."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What an intent is measured by when it is put on record.

    The default is the strictest: nothing is known to run, so no more than the floor is allowed.
    """

    limits: BreakerLimits = BreakerLimits()
    running: int = 0
    """How many allocations hold resources."""
    due: tuple[PlannedStop, ...] = ()
    """All that is due at the same tick. Where forty stops come due, the first one is too many."""


@dataclass(frozen=True, slots=True)
class BreakerState:
    tripped: bool = False
    at: datetime | None = None
    """Since when it is so. None: nobody and nothing has touched it yet."""
    by: str = ""
    """Who tripped or reset it: a person, or the watchdog itself."""
    reason: str = ""
    """What that person wrote, or the numbers that were too high."""
    stops: tuple[PlannedStop, ...] = ()
    """Tripped: what was about to happen. Reset: what the person who did so has allowed by it.

    Else the stops to which a person says "yes, all of them" would be too many again as soon as
    their new grace period is over.
    """

    ran: timedelta | None = None
    """The running time since when it is so."""

    def was_reset(self, known: datetime | None) -> bool:
        """Tell whether it was reset since it stood as it did since `known`.

        Not whether that was before or after: who reset it and who asks may go by other clocks, and
        one of them may have jumped.
        """
        return not self.tripped and self.at != known

    def counts_since(self, ran: timedelta, window: timedelta) -> timedelta:
        """Return after which running time stops count: the window's, or a younger reset's.

        Not by the wall clock: one that jumped ahead would forget what was stopped a minute ago.
        """
        since = ran - window
        return since if self.tripped or self.ran is None else max(since, self.ran)

    def switched(
        self, *, tripped: bool, by: str, reason: str, at: datetime, ran: timedelta | None = None
    ) -> "BreakerState":
        """Return it tripped or reset by a person; as it is when it is so already.

        Tripped by hand it lists nothing, so its reset allows nothing in particular either.
        """
        if tripped == self.tripped:
            return self
        return BreakerState(tripped, at, by, reason, () if tripped else self.stops, ran)


def count(
    state: BreakerState, quota: Quota, stop: PlannedStop, recorded: Iterable[PlannedStop]
) -> int:
    """Return how many allocations are stopped or due, this one among them.

    `recorded` are the intents of the window. What a person has allowed does not count.
    """
    counted = {*recorded, *quota.due, stop} - set(state.stops)
    return len({each.allocation_id for each in counted})


def excess(stops: int, quota: Quota) -> str:
    """Return which limits so many stops are beyond, in words. Empty: none, and one more may be."""
    limits = quota.limits
    most = limits.most_of(quota.running)
    beyond = []
    if stops > limits.max_stops_per_hour:
        beyond.append(f"{limits.max_stops_per_hour} in an hour (breaker.max_stops_per_hour)")
    if stops > most:
        beyond.append(f"{most} of the {quota.running} that run (breaker.max_share, breaker.floor)")
    if not beyond:
        return ""
    return (
        f"{stops} allocations were stopped within the last hour or are due now; "
        f"allowed are at most {' and '.join(beyond)}"
    )


def trip(quota: Quota, stop: PlannedStop, *, by: str, reason: str, at: datetime) -> BreakerState:
    """Return the breaker as one stop too many has tripped it."""
    known = quota.due if stop in quota.due else (*quota.due, stop)
    return BreakerState(tripped=True, at=at, by=by, reason=reason, stops=known)


def alarm(state: BreakerState) -> str:
    """Tell the admins: why it tripped, what they can do, and what was about to happen.

    The list comes last: names that users chose must not push anything else out of the message.
    """
    listed = [
        # The id comes first: where a long name is cut off, it is still there to be copied.
        f"• {each.incident_id} · {each.task or each.allocation_id}"
        for each in state.stops[:_MOST_LISTED]
    ]
    left = len(state.stops) - len(listed)
    more = [f"… and {left} more"] if left else []
    return "\n".join([_EXPLANATION.format(state.reason, len(state.stops)), *listed, *more])
