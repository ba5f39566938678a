"""How long a task may be kept."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.incident import Keep
from app.domain.keeping import offered, still_allowed, still_allowed_for_all
from tests.domain.examples import POLICY, T0, TASK

HOUR = timedelta(hours=1)
SHORT = replace(POLICY, keep_longest=8 * HOUR, keep_total=24 * HOUR)

Hours = tuple[float, float]
"""From when until when a keep lasts, counted from the incident's opening."""


def keep(begin: float, end: float) -> Keep:
    return Keep(
        f"k{begin}",
        TASK,
        POLICY.name,
        until=T0 + end * HOUR,
        by="bob",
        reason="run",
        created_at=T0 + begin * HOUR,
    )


def allowed(now: float, *keeps: Hours) -> float:
    """Return the hours that are still allowed at this hour."""
    made = [keep(*each) for each in keeps]
    return still_allowed(made, SHORT, since=T0, now=T0 + now * HOUR) / HOUR


@pytest.mark.parametrize(
    ("now", "keeps", "hours"),
    [
        pytest.param(0, [], 8, id="none yet"),
        pytest.param(10, [(1, 9)], 8, id="one before"),
        pytest.param(20, [(1, 9), (10, 18)], 8, id="two before"),
        pytest.param(25, [(1, 9), (10, 18), (19, 24)], 3, id="little is left"),
        pytest.param(30, [(1, 9), (10, 18), (19, 27)], 0, id="nothing is left"),
        pytest.param(10, [(1, 9), (2, 6)], 8, id="one within another"),
        pytest.param(18, [(1, 9), (5, 13), (9, 17)], 8, id="each overlaps the next"),
        pytest.param(24, [(1, 9), (5, 13), (9, 17), (15, 23)], 2, id="a row without a gap"),
        pytest.param(15, [(1, 9), (5, 13), (9, 17), (15, 23)], 8, id="while the last is in force"),
        pytest.param(22, [(1, 9), (5, 13), (9, 17), (15, 23)], 3, id="as it comes to its end"),
        pytest.param(
            20, [(-7, 1), (2, 10), (11, 19), (19, 20)], 6, id="of an older one the part within"
        ),
        pytest.param(20, [(-9, -1)], 8, id="one that was over when the incident opened"),
        pytest.param(30, [(10, 18), (1, 9), (19, 27)], 0, id="in whatever order they are read"),
    ],
)
def test_what_keeps_cover_within_an_incident_is_limited(
    now: float, keeps: list[Hours], hours: float
) -> None:
    assert allowed(now, *keeps) == hours


def test_a_limit_that_was_lowered_allows_nothing_more() -> None:
    lower = replace(SHORT, keep_total=4 * HOUR)
    made = [keep(1, 9)]

    assert still_allowed(made, lower, since=T0, now=T0 + 10 * HOUR) <= timedelta()


def test_whatever_is_asked_for_within_the_limit_the_sum_stays_within_it() -> None:
    made: list[Keep] = []
    now = 0.0
    for _ in range(40):
        hours = allowed(now, *(((k.created_at - T0) / HOUR, (k.until - T0) / HOUR) for k in made))
        if hours > 0:
            made.append(keep(now, now + hours))
        now += 1.5

    covered = {
        minute
        for each in made
        for minute in range(
            int((each.created_at - T0).total_seconds() // 60),
            int((each.until - T0).total_seconds() // 60),
        )
    }
    assert len(covered) == 24 * 60


@pytest.mark.parametrize(
    ("allowed", "names"),
    [
        (timedelta(hours=24), ("2h", "8h", "24h", "morning")),
        (timedelta(hours=21), ("2h", "8h", "morning")),
        (timedelta(hours=2), ("2h",)),
        (timedelta(minutes=119), ()),
        (timedelta(), ()),
    ],
)
def test_only_a_span_that_is_still_allowed_is_offered(
    allowed: timedelta, names: tuple[str, ...]
) -> None:
    assert offered(allowed, until_morning=timedelta(hours=21)) == names


@pytest.mark.parametrize(
    ("task_ids", "hours"),
    [([TASK], 4), (["another"], 8), ([TASK, "another"], 4), ([], 0)],
    ids=["kept for long", "never kept", "both", "none"],
)
def test_tasks_are_kept_together_for_as_long_as_each_of_them_may_be(
    task_ids: list[str], hours: float
) -> None:
    left = still_allowed_for_all([keep(0, 20)], task_ids, SHORT, since=T0, now=T0 + 20 * HOUR)

    assert left / HOUR == hours
