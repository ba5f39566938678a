"""The answer clock: it counts the time in which owners could have said no (S13).

A warning notes the clock's reading, and its grace period is over when the clock has gone on by as
much. So a receiver that was down, a Slack that was out of reach and a clock that jumped never
shorten a grace period, and no incident has to be touched for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

APART = timedelta(seconds=5)
"""How far the clocks of two machines may differ; `gpu-watchdog check` warns of more."""
_BETWEEN_TICKS = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AnswerClock:
    elapsed: timedelta
    advanced_at: datetime
    """Wall time of the last tick."""
    ran: timedelta = timedelta()
    """The running time: for how long receivers have run, whoever could answer meanwhile.

    It never goes on by more than has gone by, whatever becomes of the wall clock, and stands still
    while no receiver runs. So what lay within the last hour lies within the last hour of it.
    """

    def tick(
        self, *, now: datetime, monotonic: timedelta, gap: timedelta, answerable: bool
    ) -> "AnswerClock":
        """Count the time since the last tick: the smaller of wall and monotonic time.

        `monotonic` is since this process's own last tick, and zero at its first. Longer than `gap`
        counts nothing: nobody knows what happened then.
        """
        wall = now - self.advanced_at
        step = max(min(wall, monotonic), timedelta())
        counts = answerable and max(wall, monotonic) <= gap
        return AnswerClock(self.elapsed + step if counts else self.elapsed, now, self.ran + step)

    def ran_at(self, now: datetime) -> timedelta:
        """Return the running time now. Too much of it only keeps what happens now in memory."""
        return self.ran + min(max(now - self.advanced_at, timedelta()), _BETWEEN_TICKS)

    def latest(self, now: datetime, gap: timedelta, *, apart: timedelta = timedelta()) -> timedelta:
        """Return the most that the next tick can make of it: the safe start of a grace period.

        A tick after more than `gap` counts nothing. `apart`: how far the clock that says `now` may
        be behind the one that the clock is advanced by.
        """
        return self.elapsed + min(max(now - self.advanced_at, timedelta()) + apart, gap)
