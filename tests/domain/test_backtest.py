"""What a backtest counts: by owner, pool or type, and what it could not judge."""

from dataclasses import replace
from datetime import UTC, time, timedelta, timezone

import pytest

from app.domain.backtest import Grouping, Sum, Tally, summed_up
from app.domain.backtest_course import Grid
from app.domain.backtest_outcome import Enforcement
from app.domain.backtest_verdict import IdleRule, Unjudged
from app.domain.exemption import Exemption
from app.domain.matchers import Matcher
from app.domain.waking import WakingHours
from tests.domain.courses import Happened, after, course, holder, stretches, tracks
from tests.domain.examples import POLICY, T0

GRID = Grid(T0)
HOUR = timedelta(hours=1)
DAY = WakingHours(time(9), time(21))
LENGTH = after(10 * 60)
ENFORCED = Enforcement(IdleRule(), POLICY, since=T0 + HOUR, until=T0 + 10 * HOUR)
IDLE = tracks(LENGTH)
USED_AGAIN = tracks(LENGTH, gpu_active=stretches((0, after(360)), (1, 1), (0, LENGTH)))


def tally(by: Grouping = Grouping.USER) -> Tally:
    return Tally(by, ENFORCED, UTC)


def add(
    to: Tally, parts: Happened, username: str, *, task_type: str = "trial", gpus: int = 1
) -> None:
    one = holder(task_type, username, task_id=f"of-{username}")
    to.add(course(parts, of=one, slots=gpus), GRID)


def test_sums_are_of_the_time_that_is_asked_for() -> None:
    counted = tally()

    add(counted, IDLE, "alice", gpus=2)
    add(counted, USED_AGAIN, "alice")

    # Both are warned when the time begins, at 1 h, and stopped at 2 h; one works at 6 h.
    expected = Sum(tasks=2, held=27.0, warned=2, stopped=2, reclaimed=16.0 + 4.0, used_again=1)
    assert counted.sums == {"alice": expected}


@pytest.mark.parametrize(
    ("by", "names"),
    [
        (Grouping.USER, ["alice", "bob"]),
        (Grouping.POOL, ["default"]),
        (Grouping.TYPE, ["shell", "trial"]),
    ],
)
def test_rows_are_of_what_is_asked_for(by: Grouping, names: list[str]) -> None:
    counted = tally(by)

    add(counted, IDLE, "alice", task_type="trial")
    add(counted, IDLE, "bob", task_type="shell")

    assert sorted(counted.sums) == names


def test_what_ended_before_the_time_counts_nowhere() -> None:
    counted = tally()

    add(counted, tracks(LENGTH, held=stretches((1, after(60)))), "alice")

    assert (counted.sums, counted.unjudged) == ({}, {})


def test_rows_have_the_largest_first_and_a_total() -> None:
    counted = tally()
    for username, gpus in (("alice", 1), ("carol", 4), ("bob", 4)):
        add(counted, IDLE, username, gpus=gpus)

    found = summed_up(counted, (), ())

    assert list(found.rows) == ["bob", "carol", "alice"]
    assert (found.total.tasks, found.total.held, found.total.reclaimed) == (3, 81.0, 72.0)
    assert (found.total.warned, found.total.stopped, found.total.used_again) == (3, 3, 0)


def test_mistakes_have_the_one_that_was_used_soonest_first() -> None:
    counted = tally()
    for username, hours in (("alice", 8), ("bob", 3), ("carol", 5)):
        used = stretches((0, after(60 * hours)), (1, 1), (0, LENGTH))
        add(counted, tracks(LENGTH, gpu_active=used), username)
    add(counted, IDLE, "dave")

    found = summed_up(counted, (), ())

    assert [each.holder.username for each in found.wrong_stops] == ["bob", "carol", "alice"]
    assert [each.holder.username for each in found.stops] == ["alice", "bob", "carol", "dave"]


def test_what_cannot_be_judged_is_counted_in_gpu_hours_of_the_time() -> None:
    counted = tally()

    add(counted, tracks(LENGTH, coverage=[0.5] * LENGTH), "alice", gpus=2)

    found = summed_up(counted, (), ())
    assert found.unjudged == {Unjudged.GPUS_UNSEEN: pytest.approx(18.0)}
    assert found.total.stopped == 0


def test_tasks_without_profiling_metrics_are_counted() -> None:
    counted = tally()

    add(counted, tracks(LENGTH, signals=[8] * LENGTH), "alice", gpus=2)
    add(counted, tracks(LENGTH, signals=[7] * LENGTH), "bob", gpus=2)
    add(counted, tracks(LENGTH, signals=[]), "carol", gpus=2)

    assert counted.without_profiling == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("username", "alice"),
        ("task_type", "trial"),
        ("resource_pool", "default"),
        ("policy", "reclaim"),
    ],
)
def test_what_is_exempt_is_neither_warned_nor_stopped(name: str, value: str) -> None:
    counted = replace(tally(), exempt=(Exemption((Matcher(name, value),), "thesis", T0),))

    add(counted, IDLE, "alice")

    assert counted.exempted == 1
    assert counted.sums == {"alice": Sum(tasks=1, held=9.0)}


@pytest.mark.parametrize("name", ["experiment_label", "workspace"])
def test_exemption_by_what_nobody_recorded_covers_nothing(name: str) -> None:
    matchers = (Matcher("username", "alice"), Matcher(name, "keep"))
    counted = replace(tally(), exempt=(Exemption(matchers, "thesis", T0),))

    add(counted, IDLE, "alice")

    assert (counted.exempted, counted.sums["alice"].stopped) == (0, 1)


def test_waking_hours_are_those_of_the_owner() -> None:
    """At one in the afternoon in London it is night in Honolulu."""
    policy = replace(POLICY, waking_hours=DAY)
    enforced = replace(ENFORCED, policy=policy)
    zones = {"bob": timezone(timedelta(hours=-10))}
    counted = Tally(Grouping.USER, enforced, UTC, zones)

    for username in ("alice", "bob"):
        add(counted, IDLE, username, task_type="notebook")

    warned = {each.holder.username: each.stop.warned_at for each in counted.stops}
    assert warned == {"alice": T0 + HOUR, "bob": T0 + 7 * HOUR}
