"""The next working morning, until which a task may be kept."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from app.domain.waking import ALWAYS, WakingHours, next_working_morning

BERLIN = ZoneInfo("Europe/Berlin")
EARLY = WakingHours(time(7), time(19))


@pytest.mark.parametrize(
    ("hours", "now", "morning"),
    [
        pytest.param(ALWAYS, (2026, 11, 24, 12), (2026, 11, 25, 8), id="nine o'clock"),
        pytest.param(EARLY, (2026, 11, 24, 12), (2026, 11, 25, 6), id="their waking hours"),
        pytest.param(ALWAYS, (2026, 11, 27, 12), (2026, 11, 30, 8), id="after a weekend"),
        pytest.param(ALWAYS, (2026, 11, 28, 12), (2026, 11, 30, 8), id="from a Saturday on"),
        pytest.param(ALWAYS, (2026, 11, 24, 2), (2026, 11, 25, 8), id="never this morning"),
        pytest.param(ALWAYS, (2026, 3, 27, 12), (2026, 3, 30, 7), id="in summer time"),
    ],
)
def test_next_working_morning_is_the_owners(
    hours: WakingHours, now: tuple[int, ...], morning: tuple[int, ...]
) -> None:
    moment = datetime(*now, tzinfo=UTC)  # type: ignore[misc,arg-type] # year to hour

    assert next_working_morning(hours, moment, BERLIN) == datetime(*morning, tzinfo=UTC)  # type: ignore[misc,arg-type] # year to hour
