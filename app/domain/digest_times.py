"""When digests are due: at a time of the wall, once a day or once a week."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class DigestKind(StrEnum):
    WEEKLY = "weekly"  # what the week was like
    DAILY = "daily"  # what would have happened, where the mode is `observe`


@dataclass(frozen=True, slots=True)
class Moments:
    """The same time on every day, or on one day of every week."""

    at: time
    weekday: int | None = None
    """0 is Monday. None: every day."""

    def last(self, now: datetime, zone: tzinfo) -> datetime:
        """Return the latest of them that is not in the future, in UTC."""
        local = now.astimezone(zone)
        day = local.date()
        if self.weekday is not None:
            day -= timedelta(days=(local.weekday() - self.weekday) % 7)
        moment = self._on(day, zone)
        return moment if moment <= now else self._on(day - self._step, zone)

    def before(self, moment: datetime, zone: tzinfo) -> datetime:
        """Return the one before that; where the clocks are changed, no whole days lie between."""
        return self._on(moment.astimezone(zone).date() - self._step, zone)

    @property
    def _step(self) -> timedelta:
        return timedelta(days=1 if self.weekday is None else 7)

    def _on(self, day: date, zone: tzinfo) -> datetime:
        return datetime.combine(day, self.at, zone).astimezone(UTC)

    def __str__(self) -> str:
        """Return it as the configuration writes it."""
        day = "" if self.weekday is None else f"{WEEKDAYS[self.weekday]} "
        return f"{day}{self.at:%H:%M}"
