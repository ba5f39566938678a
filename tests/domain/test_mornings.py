"""Until when a task is kept that is kept until the next working morning."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from app.domain.mornings import next_working_morning
from app.domain.waking import ALWAYS, WakingHours

DAY = WakingHours(time(8, 30), time(21))
ZURICH = ZoneInfo("Europe/Zurich")


@pytest.mark.parametrize(
    ("now", "morning"),
    [
        pytest.param("2026-11-24T23:10", "2026-11-25T08:30", id="at night"),
        pytest.param("2026-11-25T03:00", "2026-11-25T08:30", id="before the morning"),
        pytest.param("2026-11-25T08:30", "2026-11-26T08:30", id="at the very moment"),
        pytest.param("2026-11-27T18:00", "2026-11-30T08:30", id="on Friday evening"),
        pytest.param("2026-11-28T03:00", "2026-11-30T08:30", id="on Saturday"),
        pytest.param("2026-11-29T23:59", "2026-11-30T08:30", id="on Sunday"),
        pytest.param("2026-03-27T18:00", "2026-03-30T08:30", id="over the change of the clocks"),
    ],
)
def test_work_begins_with_the_waking_hours_of_the_next_working_day(now: str, morning: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=ZURICH)

    found = next_working_morning(DAY, at.astimezone(UTC), ZURICH)

    assert found.astimezone(ZURICH).replace(tzinfo=None) == datetime.fromisoformat(morning)
    assert found.tzinfo is UTC


def test_without_waking_hours_it_begins_at_nine() -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    assert next_working_morning(ALWAYS, now, UTC) == datetime(2026, 11, 25, 9, tzinfo=UTC)
