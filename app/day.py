"""Dates, parts of the day and time zones, as the configuration writes them."""

import re
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.domain.digest_times import WEEKDAYS, Moments
from app.domain.waking import ALWAYS, WakingHours
from app.durations import parse_duration

_OFF = "off"
_SHORTEST = timedelta(minutes=1)
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_HOURS = re.compile(f"{_TIME}-{_TIME}")
_DAILY = re.compile(_TIME)
_WEEKLY = re.compile(f"({'|'.join(WEEKDAYS)}) +{_TIME}", re.IGNORECASE)


def parse_hours(value: object) -> WakingHours:
    """Read `09:00-21:00`, or `off`, which YAML reads as false.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, WakingHours):
        return value
    if value is False or value == _OFF:
        return ALWAYS
    found = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is no part of a day; write for example 09:00-21:00, or off")
    begin_hour, begin_minute, end_hour, end_minute = map(int, found.groups())
    hours = WakingHours(time(begin_hour, begin_minute), time(end_hour, end_minute))
    if hours.are_off:
        raise ValueError(f"{value} has no length; write off for the whole day")
    return hours


def parse_daily(value: object) -> Moments | None:
    """Read `09:00`; nothing for an empty text. Without quotes YAML takes 10:30 for a number.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, Moments):
        return value
    if value in (None, ""):
        return None
    found = _DAILY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(
            f'{value!r} is no time of day; write "09:00", with the quotes, or "" for none'
        )
    return Moments(time(int(found[1]), int(found[2])))


def parse_weekly(value: object) -> Moments | None:
    """Read `monday 09:00`; nothing for an empty text.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, Moments):
        return value
    if value in (None, ""):
        return None
    found = _WEEKLY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'{value!r} is no time of the week; write "monday 09:00", or "" for none')
    return Moments(time(int(found[2]), int(found[3])), WEEKDAYS.index(found[1].lower()))


def parse_end(value: object) -> datetime:
    """Read the date of a last day, which ends in UTC, or a moment with its time zone.

    Raises:
        ValueError: it is neither.
    """
    return _instant(value, "end", after=timedelta(days=1))


def parse_begin(value: object) -> datetime:
    """Read the date of a first day, which begins in UTC, or a moment with its time zone.

    Raises:
        ValueError: it is neither.
    """
    return _instant(value, "begin", after=timedelta())


def parse_span(since: str, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    """Read a time that has begun: from so long before its end, `7d`, or from a day or a moment on;
    up to a day or a moment, or up to now, which is the latest.

    Raises:
        ValueError: there is no such time.
    """
    end = now if until is None else min(parse_end(until), now)
    begin = _begin(since, end)
    if begin > now:
        raise ValueError(f"{since} lies in the future")
    if end - begin < _SHORTEST:
        raise ValueError(f"from {begin:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ} is no time")
    return begin, end


def _begin(since: str, end: datetime) -> datetime:
    try:
        length = parse_duration(since)
    except ValueError:
        length = None
    try:
        return end - length if isinstance(length, timedelta) else parse_begin(since)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{since!r} is no begin; write how long before the end, 7d, or a day, 2027-01-31, "
            "or a moment with its time zone, 2027-01-31T18:00:00Z"
        ) from None


def _instant(value: object, what: str, *, after: timedelta) -> datetime:
    """Read a moment, or a day: then so long after its midnight."""
    if isinstance(value, str):
        value = _date_or_moment(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, date) and not isinstance(value, datetime) and value <= date.max - after:
        return datetime.combine(value + after, time(), UTC)
    raise ValueError(
        f"{value} is no {what}; write a day, 2027-01-31, or a moment with its time zone, "
        "2027-01-31T18:00:00Z"
    )


def _date_or_moment(text: str) -> object:
    for parse in (date.fromisoformat, datetime.fromisoformat):
        try:
            return parse(text)
        except ValueError:
            continue
    return text


def parse_zone(value: object) -> tzinfo:
    """Read the name of a time zone, such as Europe/Zurich.

    Raises:
        ValueError: this machine knows none of that name.
    """
    if isinstance(value, tzinfo):
        return value
    if value == "UTC":
        # It is known where nothing else is.
        return UTC
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # The second is for what is no name at all, the third for what is a folder of names.
        raise ValueError(_unknown(value)) from None


def _unknown(value: object) -> str:
    if not zoneinfo.available_timezones():
        return f"time zone {value!r}: this machine knows none; install the package tzdata"
    return f"{value!r} is no time zone; write for example Europe/Zurich"
