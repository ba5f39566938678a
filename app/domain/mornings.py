"""The next working morning: until when a task is kept that somebody will look at then."""

from datetime import UTC, datetime, time, timedelta, tzinfo

from app.domain.waking import WakingHours

_USUAL = time(9)
_SATURDAY = 5


def next_working_morning(hours: WakingHours, now: datetime, zone: tzinfo) -> datetime:
    """Return when a day's work next begins, Monday to Friday, in UTC.

    It begins with the waking hours; at nine where they are off.
    """
    begin = _USUAL if hours.are_off else hours.begin
    today = now.astimezone(zone).date()
    days = (today + timedelta(days=ahead) for ahead in range(5))
    mornings = (
        datetime.combine(day, begin, zone).astimezone(UTC)
        for day in days
        if day.weekday() < _SATURDAY
    )
    return next(morning for morning in mornings if morning > now)
