"""Times as people read them: in their own zone, and how far away."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Clock:
    now: datetime
    zone: tzinfo | None = None
    """None: the zone of this machine."""

    @classmethod
    def of_this_machine(cls) -> "Clock":
        return cls(datetime.now(UTC))

    def moment(self, text: str | None) -> str:
        """Return `14:30 (in 25 min)`, with the day if it is another one; empty: no time."""
        if text is None:
            return ""
        at, now = (each.astimezone(self.zone) for each in (datetime.fromisoformat(text), self.now))
        shown = f"{at:%H:%M}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"
        return f"{shown} ({self.away(text)})"

    def away(self, text: str) -> str:
        """Return `in 25 min` or `25 min ago`."""
        left = datetime.fromisoformat(text) - self.now
        return f"in {span(left)}" if left > timedelta() else f"{span(-left)} ago"

    def left(self, text: str) -> timedelta:
        return datetime.fromisoformat(text) - self.now

    def countdown(self, text: str) -> str:
        """Return `stop in 25 min`, or that it is due."""
        left = self.left(text)
        return f"stop in {span(left)}" if left > timedelta() else "stop due"

    def exact(self, text: str) -> str:
        """Return the day and the time to the second."""
        return f"{datetime.fromisoformat(text).astimezone(self.zone):%Y-%m-%d %H:%M:%S}"


def span(length: timedelta) -> str:
    """Return a span in its two largest units, and in seconds only below two minutes."""
    if length < 2 * _MINUTE:
        return f"{length // timedelta(seconds=1)} s"
    minutes = length // _MINUTE
    days, hours = divmod(minutes // 60, 24)
    parts = [(days, "d"), (hours, "h"), (minutes % 60, "min")]
    first = next(place for place, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)
