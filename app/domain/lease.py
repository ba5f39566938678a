"""Leases: what one replica does alone, and the token by which an old holder is told from the new.

A lease that is over is still its holder's, as long as nobody else has taken it: nothing can have
been done in between.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Duty(StrEnum):
    """What no two replicas may do at the same time."""

    RECONCILE = "reconcile"  # the tick: all transitions and stops, and the answer clock
    DELIVERY = "delivery"  # the outbox: all messages


@dataclass(frozen=True, slots=True)
class Fence:
    """Names the lease under which something is stored: refused when its token is not the latest."""

    duty: Duty
    token: int


@dataclass(frozen=True, slots=True)
class Lease:
    holder: str
    token: int
    """Grows with every takeover."""
    expires_at: datetime

    def is_open_to(self, claimant: str, now: datetime, *, starting: bool, alone: bool) -> bool:
        """Tell whether somebody who does not have it may take it over.

        A process that starts under the name of the holder follows it at once, and where there can
        be but one process (`alone`), any that starts does.
        """
        follows = starting and (alone or claimant == self.holder)
        return follows or self.expires_at <= now

    def taken_over(self, claimant: str, now: datetime, span: timedelta) -> "Lease":
        return Lease(claimant, self.token + 1, now + span)

    def renewed(self, now: datetime, span: timedelta) -> "Lease":
        return Lease(self.holder, self.token, now + span)

    def lasts(self, now: datetime, span: timedelta) -> bool:
        """Tell whether nobody can have taken it over by now.

        Not by a clock that is ahead, either, by less than a third of the lease.
        """
        return now < self.expires_at - span / 3

    def is_worn(self, now: datetime, span: timedelta) -> bool:
        """Tell whether a third of it is over, or a clock was set back: time to renew it."""
        left = self.expires_at - now
        return not span * 2 / 3 < left <= span
