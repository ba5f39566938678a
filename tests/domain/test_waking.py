"""S13: waking hours, in the owner's own time, over midnight and through changes of the clock."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from app.domain.waking import ALWAYS, WakingHours

ZURICH = ZoneInfo("Europe/Zurich")
HOUR = timedelta(hours=1)


def hours(begin: str, end: str) -> WakingHours:
    return WakingHours(time.fromisoformat(begin), time.fromisoformat(end))


def at(text: str, zone: tzinfo = UTC) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


DAY, NIGHT = hours("09:00", "21:00"), hours("20:00", "04:00")


@pytest.mark.parametrize(
    ("span", "now", "begin"),
    [
        (DAY, "2026-11-24T08:59:59", "2026-11-24T09:00"),
        (DAY, "2026-11-24T09:00", None),
        (DAY, "2026-11-24T20:59:59", None),
        (DAY, "2026-11-24T21:00", "2026-11-25T09:00"),
        (DAY, "2026-11-24T00:00", "2026-11-24T09:00"),
        (NIGHT, "2026-11-24T19:59:59", "2026-11-24T20:00"),
        (NIGHT, "2026-11-24T20:00", None),
        (NIGHT, "2026-11-25T00:00", None),
        (NIGHT, "2026-11-25T03:59:59", None),
        (NIGHT, "2026-11-25T04:00", "2026-11-25T20:00"),
        (hours("09:00", "00:00"), "2026-11-24T23:59:59", None),
        (hours("09:00", "00:00"), "2026-11-25T00:00", "2026-11-25T09:00"),
        (ALWAYS, "2026-11-24T03:00", None),
    ],
)
def test_hours_begin_with_their_first_minute_and_are_over_with_their_last(
    span: WakingHours, now: str, begin: str | None
) -> None:
    assert span.next_begin(at(now), UTC) == (at(begin) if begin else None)


@pytest.mark.parametrize(
    ("span", "now", "end"),
    [
        (DAY, "2026-11-24T08:59:59", None),
        (DAY, "2026-11-24T09:00", "2026-11-24T21:00"),
        (DAY, "2026-11-24T20:59:59", "2026-11-24T21:00"),
        (DAY, "2026-11-24T21:00", None),
        (NIGHT, "2026-11-24T23:00", "2026-11-25T04:00"),
        (NIGHT, "2026-11-25T03:00", "2026-11-25T04:00"),
        (ALWAYS, "2026-11-24T03:00", None),
    ],
)
def test_hours_that_last_have_an_end(span: WakingHours, now: str, end: str | None) -> None:
    assert span.next_end(at(now), UTC) == (at(end) if end else None)


@pytest.mark.parametrize(
    ("zone", "now", "begin"),
    [
        ("Europe/Zurich", "2026-11-24T20:30", "2026-11-25T08:00"),
        ("America/New_York", "2026-11-24T20:30", None),
        ("Asia/Kolkata", "2026-11-24T03:29", "2026-11-24T03:30"),
        ("Pacific/Kiritimati", "2026-11-24T18:00", "2026-11-24T19:00"),
        ("Pacific/Pago_Pago", "2026-11-24T09:00", "2026-11-24T20:00"),
    ],
)
def test_hours_are_those_of_the_place(zone: str, now: str, begin: str | None) -> None:
    assert DAY.next_begin(at(now), ZoneInfo(zone)) == (at(begin) if begin else None)


@pytest.mark.parametrize(
    ("span", "now", "begin"),
    [
        pytest.param(DAY, "2026-03-28T23:00", "2026-03-29T07:00", id="a short night"),
        pytest.param(DAY, "2026-10-24T23:00", "2026-10-25T08:00", id="a long night"),
        # 02:30 is not there, 03:30 is where it would have been.
        pytest.param(
            hours("02:30", "12:00"), "2026-03-29T01:15", "2026-03-29T01:30", id="begin left out"
        ),
        # 02:30 is there twice: at 00:30 and at 01:30 in UTC.
        pytest.param(
            hours("02:30", "12:00"), "2026-10-25T00:45", "2026-10-25T01:30", id="begin twice"
        ),
        pytest.param(
            hours("20:00", "02:30"), "2026-10-25T00:45", "2026-10-25T19:00", id="end twice"
        ),
        pytest.param(
            hours("20:00", "02:30"), "2026-03-29T00:45", "2026-03-29T18:00", id="end left out"
        ),
    ],
)
def test_where_the_clock_is_set_the_hours_are_rather_too_short(
    span: WakingHours, now: str, begin: str
) -> None:
    assert span.next_begin(at(now), ZURICH) == at(begin)


@pytest.mark.parametrize("month", range(1, 13))
def test_no_minute_of_the_year_is_both_asleep_and_awake(month: int) -> None:
    """Whatever the hours say of a moment, they say until the moment that they name."""
    now = datetime(2026, month, 1, tzinfo=UTC)
    while now.month == month:
        begin = NIGHT.next_begin(now, ZURICH)
        if begin is None:
            now += HOUR / 2
            continue
        assert now < begin
        assert NIGHT.next_begin(begin - timedelta(minutes=1), ZURICH) == begin
        assert NIGHT.next_begin(begin, ZURICH) is None
        now = begin


@pytest.mark.parametrize(
    ("span", "now", "end"),
    [
        (DAY, "2026-11-24T10:00", "2026-11-24T12:00"),
        (DAY, "2026-11-24T18:59:59", "2026-11-24T20:59:59"),
        (DAY, "2026-11-24T19:00", "2026-11-25T11:00"),
        (DAY, "2026-11-24T20:00", "2026-11-25T11:00"),
        (DAY, "2026-11-24T23:00", "2026-11-25T11:00"),
        (DAY, "2026-11-24T03:00", "2026-11-24T11:00"),
        (NIGHT, "2026-11-24T23:00", "2026-11-25T01:00"),
        (NIGHT, "2026-11-25T02:30", "2026-11-25T22:00"),
        (ALWAYS, "2026-11-24T23:00", "2026-11-25T01:00"),
    ],
)
def test_what_the_evening_would_break_begins_again_in_the_morning(
    span: WakingHours, now: str, end: str
) -> None:
    assert span.earliest_end(2 * HOUR, at(now), UTC) == at(end)


@pytest.mark.parametrize(
    ("span", "length", "text"),
    [
        (DAY, 12 * HOUR, "09:00-21:00"),
        (NIGHT, 8 * HOUR, "20:00-04:00"),
        (hours("09:00", "00:00"), 15 * HOUR, "09:00-00:00"),
        (ALWAYS, 24 * HOUR, "off"),
    ],
)
def test_length_and_words(span: WakingHours, length: timedelta, text: str) -> None:
    assert (span.length, str(span)) == (length, text)
