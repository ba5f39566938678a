"""The hours of the day in which an owner can be expected to answer (S13)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

_DAY = timedelta(days=1)
_NINE = time(9)
_WEEKEND = frozenset({5, 6})


@dataclass(frozen=True, slots=True)
class WakingHours:
    """A part of every day, in local time. It goes over midnight where it ends before it begins."""

    begin: time
    end: time
    """The same as `begin`: the whole day, which is how the hours are switched off."""

    def __str__(self) -> str:
        return "off" if self.are_off else f"{self.begin:%H:%M}-{self.end:%H:%M}"

    @property
    def are_off(self) -> bool:
        return self.begin == self.end

    @property
    def length(self) -> timedelta:
        begin, end = (
            timedelta(hours=each.hour, minutes=each.minute) for each in (self.begin, self.end)
        )
        return (end - begin) % _DAY or _DAY

    def next_begin(self, now: datetime, zone: tzinfo) -> datetime | None:
        """Return when the hours begin again, in UTC. None means that they last now."""
        if self.are_off:
            return None
        return _next_begin(self, now, zone)

    def next_end(self, now: datetime, zone: tzinfo) -> datetime | None:
        """Return when the hours that last now end, in UTC. None: never, or they do not last."""
        if self.are_off:
            return None
        return next((end for begin, end in _days(self, now, zone) if begin <= now < end), None)

    def earliest_end(self, span: timedelta, now: datetime, zone: tzinfo) -> datetime:
        """Return the end of the first such span from now on that the hours do not break."""
        if self.are_off:
            return now + span
        days = _days(self, now, zone)
        if any(begin <= now and now + span < end for begin, end in days):
            return now + span
        return min(begin for begin, _ in days if begin > now) + span


@lru_cache(maxsize=256)
def _days(hours: WakingHours, now: datetime, zone: tzinfo) -> tuple[tuple[datetime, datetime], ...]:
    """Return the hours of the days around now, in UTC. A tick asks the same for every incident.

    Where the clock is set forward or back, a local time has two readings: the hours begin at the
    later and end at the earlier of them.
    """
    today = now.astimezone(zone).date()
    days = (today - _DAY, today, today + _DAY)
    over_midnight = _DAY if hours.end < hours.begin else timedelta()
    return tuple(
        (
            max(_readings(day, hours.begin, zone)),
            min(_readings(day + over_midnight, hours.end, zone)),
        )
        for day in days
    )


@lru_cache(maxsize=256)
def _next_begin(hours: WakingHours, now: datetime, zone: tzinfo) -> datetime | None:
    days = _days(hours, now, zone)
    if any(begin <= now < end for begin, end in days):
        return None
    return min(begin for begin, _ in days if begin > now)


def _readings(day: date, at: time, zone: tzinfo) -> Iterator[datetime]:
    for fold in (0, 1):
        yield datetime.combine(day, at.replace(fold=fold), zone).astimezone(UTC)


def next_working_morning(hours: WakingHours, now: datetime, zone: tzinfo) -> datetime:
    """Return when the waking hours begin on the next day from Monday to Friday, in UTC.

    Nine o'clock where the hours are off. Never sooner than tomorrow.
    """
    at = _NINE if hours.are_off else hours.begin
    day = now.astimezone(zone).date() + _DAY
    while day.weekday() in _WEEKEND:
        day += _DAY
    return max(_readings(day, at, zone))


ALWAYS = WakingHours(time(), time())
"""The hours are off."""
