"""The answer clock: it counts the time in which owners could have said no (S13).

A warning notes the clock's reading, and its grace period is over when the clock has gone on by as
much. So a receiver that was down, a Slack that was out of reach and a clock that jumped never
shorten a grace period, and no incident has to be touched for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class AnswerClock:
    elapsed: timedelta
    advanced_at: datetime
    """Wall time of the last tick."""

    def tick(
        self, *, now: datetime, monotonic: timedelta, gap: timedelta, answerable: bool
    ) -> "AnswerClock":
        """Count the time since the last tick: the smaller of wall and monotonic time.

        `monotonic` is since this process's own last tick, and zero at its first. Longer than `gap`
        counts nothing: nobody knows what happened then.
        """
        wall = now - self.advanced_at
        step = min(wall, monotonic)
        counts = answerable and step > timedelta() and max(wall, monotonic) <= gap
        return AnswerClock(self.elapsed + step if counts else self.elapsed, now)

    def latest(self, now: datetime, gap: timedelta) -> timedelta:
        """Return the most that the next tick can make of it: the safe start of a grace period.

        A tick after more than `gap` counts nothing.
        """
        return self.elapsed + min(max(now - self.advanced_at, timedelta()), gap)
