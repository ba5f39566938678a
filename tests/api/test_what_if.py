"""What `--set` offers: a closed list, each with its range, and what was there before."""

from datetime import time, timedelta

import pytest

from app.domain.backtest import Change
from app.domain.backtest_verdict import IdleRule
from app.domain.cluster import TaskType
from app.domain.policy import Policy, StopAction
from app.domain.waking import ALWAYS, WakingHours
from app.what_if import what_if

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
POLICY = Policy(
    "reclaim",
    action=StopAction.KILL,
    grace={TaskType.NOTEBOOK: 2 * HOUR},
    waking_hours=WakingHours(time(9), time(21)),
)


def rule(*asked: str) -> IdleRule:
    return what_if(POLICY, asked).rule


def policy(*asked: str) -> Policy:
    return what_if(POLICY, asked).policy


def test_nothing_asked_changes_nothing() -> None:
    found = what_if(POLICY, [])

    assert (found.rule, found.policy, found.changes) == (IdleRule(), POLICY, ())


def test_each_limit_of_the_rule_can_be_changed() -> None:
    assert rule("idle.window=45m").window == 45 * MINUTE
    assert rule("idle.window.shell=45m").windows == {"shell": 45 * MINUTE}
    assert rule("idle.veto=2h").veto == 2 * HOUR
    assert rule("idle.start_up=0s").start_up == timedelta()
    assert rule("idle.coverage=0.75").coverage == 0.75
    assert rule("idle.for=1h").pending == HOUR


def test_grace_period_of_all_types_replaces_those_of_each() -> None:
    everybody = policy("idle.grace=30m")
    trials = policy("idle.grace.trial=30m")

    assert {everybody.grace_for(each) for each in TaskType} == {30 * MINUTE}
    assert (trials.grace_for("trial"), trials.grace_for("notebook")) == (30 * MINUTE, 2 * HOUR)


def test_the_particular_wins_in_whatever_order_it_is_written() -> None:
    asked = ["idle.grace.shell=3h", "idle.grace=1h"]

    for each in (asked, asked[::-1]):
        assert policy(*each).grace_for("shell") == 3 * HOUR
        assert policy(*each).grace_for("trial") == HOUR


def test_waking_hours_can_be_changed_or_switched_off() -> None:
    assert policy("idle.waking_hours=off").waking_hours == ALWAYS
    assert policy("idle.waking_hours=08:00-18:00").waking_hours == WakingHours(time(8), time(18))


def test_changes_say_what_there_was_before() -> None:
    asked = ["idle.grace=30m", "idle.window=45m", "idle.veto=2h", "idle.waking_hours=off"]

    assert what_if(POLICY, asked).changes == (
        Change("idle.window", "as the rules give it", "45m"),
        Change("idle.veto", "4h", "2h"),
        Change("idle.grace", "1h and 2h", "30m"),
        Change("idle.waking_hours", "09:00-21:00", "off"),
    )


@pytest.mark.parametrize(
    "asked",
    [
        "gpu.window=45m",
        "idle.window",
        "idle.window.checkpoint_gc=45m",
        "idle.threshold=5",
        "",
    ],
)
def test_what_is_not_offered_is_refused_with_what_is(asked: str) -> None:
    with pytest.raises(ValueError, match=r"is not offered; there are idle\.window, idle\.veto"):
        what_if(POLICY, [asked])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("idle.window=4m", "from 5m to 1d"),
        ("idle.window.trial=25h", "from 5m to 1d"),
        ("idle.window=soon", "is no duration"),
        ("idle.veto=59m", "from 1h to 1d"),
        ("idle.for=61m", "from 0s to 1h"),
        ("idle.start_up=25h", "from 0s to 1d"),
        ("idle.coverage=0.4", "from 0.5 to 1"),
        ("idle.coverage=1.1", "from 0.5 to 1"),
        ("idle.coverage=nan", "from 0.5 to 1"),
        ("idle.coverage=much", "from 0.5 to 1"),
        ("idle.grace=4m", "from 5m to 7d"),
        ("idle.grace.shell=8d", "from 5m to 7d"),
        ("idle.waking_hours=often", "is no part of a day"),
        ("idle.window=4h", "is not shorter than idle.veto, 4h"),
        ("idle.window.trial=4h", "is not shorter than idle.veto, 4h"),
        ("idle.grace.shell=12h", "longer than the waking hours 09:00-21:00"),
    ],
)
def test_value_that_makes_no_sense_is_refused_with_what_would(asked: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        what_if(POLICY, [asked])


def test_edges_are_taken() -> None:
    for asked in (
        "idle.window=5m",
        "idle.veto=1h",
        "idle.veto=24h",
        "idle.coverage=0.5",
        "idle.coverage=1",
        "idle.for=0s",
        "idle.grace=5m",
        "idle.grace.trial=7d",
    ):
        assert len(what_if(POLICY, [asked]).changes) == 1


def test_window_may_be_long_where_the_veto_is_longer() -> None:
    assert rule("idle.window=6h", "idle.veto=8h").window == 6 * HOUR


def test_the_last_of_several_values_counts() -> None:
    assert rule("idle.veto=2h", "idle.veto=3h").veto == 3 * HOUR
