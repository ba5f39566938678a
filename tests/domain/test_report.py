"""The figures of `gpu-watchdog report`: what nobody knows is no zero."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.domain.digest import Deed, Story, Usage
from app.domain.reasons import Reason
from app.domain.report import (
    By,
    Hours,
    Report,
    ReportRow,
    ReportTally,
    by_holder,
    incomplete,
    report,
)
from tests.domain.examples import T0, notified
from tests.domain.test_digest import happening, stopped_story

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
HELD = {("alice", "a100"): 30.0, ("alice", "default"): 10.0, ("bob", "default"): 50.0}
USED = {("alice", "a100"): 20.0, ("bob", "default"): 1.0}
IDLE = {("alice", "a100"): 10.0, ("bob", "default"): 5.0}
USAGE = Usage(HELD, USED, IDLE, covered=1.0)
NOTHING: tuple[Hours, Hours, Hours] = ({}, {}, {})


def tally(by: By, *stories: Story) -> ReportTally:
    found = ReportTally(by, T0 - WEEK, T0)
    for story in stories:
        found.add(story)
    return found


def warned(username: str = "bob") -> Story:
    one = notified()
    changed = replace(one, identity=replace(one.identity, username=username))
    return Story(changed, (happening(Reason.WARNING_DELIVERED, at=T0 - HOUR),))


@pytest.mark.parametrize(
    ("by", "name"),
    [
        (By.USER, "bob"),
        (By.POOL, "default"),
        (By.TYPE, "notebook"),
        (By.ALERT, "GPUAllocationIdle"),
    ],
)
def test_what_was_done_and_freed_is_counted_by_what_the_rows_are_of(by: By, name: str) -> None:
    found = tally(by, warned(), stopped_story())

    assert found.deeds == {name: Counter({Deed.WARNED: 1, Deed.STOPPED: 1})}
    assert found.reclaimed == {name: 6.0}


@pytest.mark.parametrize(
    ("at", "counted"),
    [(T0 - WEEK, 1), (T0 - WEEK - HOUR, 0), (T0 - HOUR, 1), (T0, 0)],
    ids=["begin", "before", "last", "end"],
)
def test_what_happened_in_the_time_counts_alone(at: datetime, counted: int) -> None:
    stopped = stopped_story()
    moved = tuple(replace(each, at=at) for each in stopped.happenings)

    found = tally(By.USER, Story(stopped.incident, moved))

    assert found.deeds["bob"][Deed.STOPPED] == counted
    assert ("bob" in found.reclaimed) is bool(counted)


def test_an_alert_on_a_user_frees_by_the_type_of_each_task() -> None:
    story = stopped_story()
    [target] = story.incident.targets
    trial = replace(target, allocation_id="41.1.1", task_type="trial", slots=1)
    identity = replace(story.incident.identity, task_type="")
    both = replace(story.incident, identity=identity, targets=(target, trial))

    found = tally(By.TYPE, Story(both, story.happenings))

    assert found.reclaimed == {"notebook": 6.0, "trial": 3.0}
    assert dict(found.deeds) == {"": Counter({Deed.STOPPED: 1})}


def test_a_name_of_which_nothing_is_told_has_no_row() -> None:
    found = tally(By.USER, Story(notified(), (happening(Reason.ALERT_FIRED, at=T0 - HOUR),)))

    assert told(found, NOTHING).rows == ()


def told(
    counted: ReportTally | str, hours: tuple[Hours, Hours, Hours] | str | None, by: By = By.USER
) -> Report:
    return report(counted, hours, by=by, since=T0 - WEEK, until=T0)


def test_those_who_held_most_come_first_and_the_total_is_that_of_all() -> None:
    counted = tally(By.USER, warned(), warned("carol"))

    found = told(counted, by_holder(By.USER, USAGE))

    once, never = Counter({Deed.WARNED: 1}), Counter[Deed]()
    assert found.rows == (
        ReportRow("bob", 50.0, 1.0, 5.0, 0.0, once),
        ReportRow("alice", 40.0, 20.0, 10.0, 0.0, never),
        ReportRow("carol", None, None, None, 0.0, once),
    )
    assert found.total == ReportRow("", 90.0, 21.0, 15.0, 0.0, Counter({Deed.WARNED: 2}))
    assert found.unknown == ("GPU-hours of 1 of 3 rows are not known: no sum has them.",)


def test_by_pool_the_users_of_a_pool_are_summed() -> None:
    held, used, idle = by_holder(By.POOL, USAGE)

    assert (held, used) == ({"a100": 30.0, "default": 60.0}, {"a100": 20.0, "default": 1.0})
    assert idle == {"a100": 10.0, "default": 5.0}


def test_who_held_no_gpu_used_none() -> None:
    [row] = told(tally(By.USER), ({"dan": 0.0}, {}, {})).rows

    assert (row.held, row.used, row.idle) == (0.0, 0.0, 0.0)


def test_what_cannot_be_read_is_said_and_no_figure_of_it_is_a_zero() -> None:
    found = told("The history could not be read", "Prometheus could not be read")
    half = told("The history could not be read", ({"bob": 2.0}, {"bob": 1.0}, {"bob": 1.0}))

    assert found.total == ReportRow("", None, None, None, None, None)
    assert found.unknown == ("The history could not be read.", "Prometheus could not be read.")
    assert half.rows == (ReportRow("bob", 2.0, 1.0, 1.0, None, None),)


def test_by_alert_no_gpu_hours_are_missed() -> None:
    found = told(tally(By.ALERT, warned()), None, By.ALERT)

    assert found.unknown == ()


@pytest.mark.parametrize(("covered", "told_share"), [(1.0, []), (0.996, []), (0.939, ["93 %"])])
def test_how_much_of_the_time_is_missing_is_said(covered: float, told_share: list[str]) -> None:
    found = list(incomplete(covered))

    assert [share in sentence for share, sentence in zip(told_share, found, strict=True)] == [
        True for _ in told_share
    ]
