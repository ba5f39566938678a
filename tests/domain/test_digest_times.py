"""When digests are due: on the wall's clock, through changes of it."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from app.domain.digest_times import Moments

ZURICH = ZoneInfo("Europe/Zurich")
DAILY = Moments(time(9))
WEEKLY = Moments(time(9), weekday=0)


def at(text: str, zone: tzinfo = UTC) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("moments", "now", "last"),
    [
        (DAILY, "2026-11-24T08:59:59", "2026-11-23T09:00"),
        (DAILY, "2026-11-24T09:00", "2026-11-24T09:00"),
        (DAILY, "2026-11-24T23:59", "2026-11-24T09:00"),
        (DAILY, "2027-01-01T00:00", "2026-12-31T09:00"),
        # The 23rd is a Monday.
        (WEEKLY, "2026-11-23T08:59:59", "2026-11-16T09:00"),
        (WEEKLY, "2026-11-23T09:00", "2026-11-23T09:00"),
        (WEEKLY, "2026-11-29T23:59", "2026-11-23T09:00"),
        (Moments(time(0), weekday=6), "2026-11-28T23:59", "2026-11-22T00:00"),
        (Moments(time(0), weekday=6), "2026-11-29T00:00", "2026-11-29T00:00"),
    ],
    ids=str,
)
def test_the_last_moment_is_the_latest_that_has_come(moments: Moments, now: str, last: str) -> None:
    assert moments.last(at(now, ZURICH), ZURICH) == at(last, ZURICH)


@pytest.mark.parametrize(
    ("moments", "moment", "span"),
    [
        (DAILY, "2026-11-24T09:00", timedelta(days=1)),
        (DAILY, "2026-10-25T09:00", timedelta(hours=25)),
        (DAILY, "2026-03-29T09:00", timedelta(hours=23)),
        (WEEKLY, "2026-11-23T09:00", timedelta(days=7)),
        (WEEKLY, "2026-10-26T09:00", timedelta(days=7, hours=1)),
        (WEEKLY, "2026-03-30T09:00", timedelta(days=7, hours=-1)),
    ],
    ids=str,
)
def test_a_time_ends_where_the_next_one_begins_though_the_clocks_are_changed(
    moments: Moments, moment: str, span: timedelta
) -> None:
    end = at(moment, ZURICH)

    begin = moments.before(end, ZURICH)

    assert end - begin == span
    assert moments.last(end - timedelta(seconds=1), ZURICH) == begin


def test_a_time_that_the_clocks_leave_out_comes_all_the_same() -> None:
    at_half_past_two = Moments(time(2, 30))

    last = at_half_past_two.last(at("2026-03-29T12:00", ZURICH), ZURICH)

    assert last == at("2026-03-29T01:30")


def test_it_is_written_as_in_the_configuration() -> None:
    assert [str(each) for each in (DAILY, WEEKLY)] == ["09:00", "monday 09:00"]
