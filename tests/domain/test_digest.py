"""The figures of the weekly digest."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.domain import events as e
from app.domain.digest import (
    Account,
    Deed,
    Happening,
    Row,
    Story,
    Usage,
    WeeklyDigest,
    WeekTally,
    account,
    deed,
)
from app.domain.exceptions import Exceptions
from app.domain.history import WATCHDOG
from app.domain.incident import Hold, IncidentState, StopRequest
from app.domain.lifecycle import advance
from app.domain.reasons import Reason
from tests.domain.examples import ENDED, FREED, POLICY, T0, after, escalated, notified, sent

S = IncidentState
DAY = timedelta(days=1)
WEEK = 7 * DAY
HOUR = timedelta(hours=1)


def happening(
    reason: Reason, after: S = S.FIRING, *, at: datetime = T0, actor: str = WATCHDOG
) -> Happening:
    return Happening(at, reason, S.FIRING, after, actor)


@pytest.mark.parametrize(
    ("reason", "actor", "what"),
    [
        (Reason.ALERT_FIRED, WATCHDOG, Deed.FOUND),
        (Reason.WARNING_DELIVERED, WATCHDOG, Deed.WARNED),
        (Reason.DISMISSED, "carol", Deed.DISMISSED),
        (Reason.STOP_VERIFIED, WATCHDOG, Deed.STOPPED),
        (Reason.GPUS_IN_USE, WATCHDOG, Deed.STOPPED),
        (Reason.GPUS_UNSEEN, WATCHDOG, Deed.STOPPED),
        (Reason.STOP_TOOK_EFFECT, WATCHDOG, None),
        (Reason.ATTEMPTS_EXHAUSTED, WATCHDOG, Deed.FAILED),
        (Reason.OWNER_UNREACHABLE, WATCHDOG, Deed.UNREACHABLE),
        (Reason.HOLD_BEGAN, "bob", Deed.KEPT),
        (Reason.HOLD_CHANGED, "bob", Deed.KEPT),
        (Reason.STOP_WITHDRAWN, "bob", Deed.KEPT),
        pytest.param(Reason.HOLD_BEGAN, WATCHDOG, None, id="a silence that was seen"),
        (Reason.STOP_WITHDRAWN, WATCHDOG, None),
        (Reason.ALERT_ACTIVE, WATCHDOG, None),
        (Reason.STOP_SENT, WATCHDOG, None),
        (Reason.PRESS_REFUSED, "mallory", None),
    ],
)
def test_what_is_counted(reason: Reason, actor: str, what: Deed | None) -> None:
    assert deed(happening(reason, actor=actor)) is what


@pytest.mark.parametrize(
    ("at", "counted"),
    [(T0 - WEEK, 1), (T0 - WEEK - HOUR, 0), (T0 - HOUR, 1), (T0, 0)],
    ids=["begin", "before", "last", "end"],
)
def test_what_happened_in_the_time_counts_alone(at: datetime, counted: int) -> None:
    tally = WeekTally(T0 - WEEK, T0)

    tally.add(Story(notified(), (happening(Reason.WARNING_DELIVERED, at=at),)))

    assert tally.total(Deed.WARNED) == counted


def stopped_story(at: datetime = T0 - HOUR, *, asked: bool = False) -> Story:
    """A task of two GPUs that had been idle for three hours."""
    incident = sent()
    [target] = incident.targets
    assert target.intent is not None
    proof = {"alert_active_at": (at - 3 * HOUR).isoformat()}
    request = StopRequest("bob", T0) if asked else None
    intent = replace(target.intent, proof=proof)
    incident = incident.with_target(replace(target, slots=2, intent=intent, request=request))
    ended = after(incident, ENDED, FREED, at=at)
    return Story(ended, (Happening(at, Reason.STOP_VERIFIED, S.STOPPING, S.STOPPED),))


@pytest.mark.parametrize(("asked", "by_hand"), [(False, 0), (True, 1)])
def test_what_a_stop_has_freed_is_counted_by_user_and_pool(*, asked: bool, by_hand: int) -> None:
    tally = WeekTally(T0 - WEEK, T0)

    tally.add(stopped_story(asked=asked))

    assert (tally.gpus, tally.reclaimed_hours) == (2, {("bob", "default"): 6.0})
    assert (tally.total(Deed.STOPPED), tally.by_hand) == (1, by_hand)


def test_what_was_freed_before_the_time_is_not_counted_again() -> None:
    story = stopped_story(T0 - WEEK - HOUR)
    late = happening(Reason.WARNING_LATE, S.STOPPED)
    tally = WeekTally(T0 - WEEK, T0 + DAY)

    tally.add(Story(story.incident, (*story.happenings, replace(late, before=S.STOPPED))))

    assert (tally.gpus, tally.reclaimed_hours) == (0, {})


def test_a_failed_stop_frees_nothing() -> None:
    tally = WeekTally(T0 - WEEK, T0 + HOUR)

    tally.add(Story(escalated(), (happening(Reason.ATTEMPTS_EXHAUSTED, S.ESCALATED),)))

    assert (tally.total(Deed.FAILED), tally.gpus) == (1, 0)


HELD = {("alice", "a100"): 30.0, ("alice", "default"): 10.0, ("bob", "default"): 50.0}
USED = {("alice", "a100"): 20.0, ("bob", "default"): 1.0}
IDLE = {("alice", "a100"): 10.0, ("alice", "default"): 5.0}
USAGE = Usage(HELD, USED, IDLE, covered=1.0)


def by_user(usage: Usage | str, freed: Mapping[tuple[str, str], float]) -> Account:
    return account(usage, freed, lambda holding: holding[0])


def test_the_pools_of_a_user_are_summed_and_those_who_hold_most_come_first() -> None:
    found = by_user(USAGE, {("alice", "default"): 2.0})

    assert found.rows == (
        Row("bob", 50.0, 1.0, None, 0.0),
        Row("alice", 40.0, 20.0, 15.0, 2.0),
    )
    assert (found.others, found.others_count) == (None, 0)


def test_the_users_of_a_pool_are_summed() -> None:
    found = account(USAGE, {}, lambda holding: holding[1])

    assert found.rows == (
        Row("default", 60.0, 1.0, 5.0, 0.0),
        Row("a100", 30.0, 20.0, 10.0, 0.0),
    )


def test_where_prometheus_says_nothing_no_figure_is_a_zero() -> None:
    assert by_user("it is down", {("alice", "a100"): 2.0}).rows == (
        Row("alice", None, None, None, 2.0),
    )


@pytest.mark.parametrize(
    ("users", "others"),
    [
        (10, None),
        (11, Row("", 90.0, 7.0, None, 3.0)),
        (14, Row("", 90.0 + 89.0 + 88.0 + 87.0, 7.0, None, 3.0)),
    ],
)
def test_ten_are_listed_and_the_rest_is_summed(users: int, others: Row | None) -> None:
    held = {(f"u{n:02}", "default"): 100.0 - n for n in range(users)}
    last = {("u10", "default"): 7.0} if others else {}
    freed = {("u10", "default"): 3.0} if others else {}

    found = by_user(Usage(held, last, {}, 1.0), freed)

    assert (len(found.rows), found.others_count) == (10, users - 10)
    assert found.others == others


def test_the_total_is_that_of_all() -> None:
    digest = WeeklyDigest(WeekTally(T0 - WEEK, T0), USAGE, Exceptions())

    assert digest.total == Row("", 90.0, 21.0, 15.0, 0.0)


def test_the_total_of_a_cluster_where_nothing_ran_is_not_known() -> None:
    digest = WeeklyDigest(WeekTally(T0 - WEEK, T0), Usage({}, {}, {}, 1.0), Exceptions())

    assert digest.total == Row("", None, None, None, 0.0)


def test_a_keep_of_a_real_incident_is_one_that_counts() -> None:
    """What the lifecycle writes into the history when an owner keeps a task."""
    held = e.HoldsObserved((Hold(Reason.KEPT, "bob"),), actor="bob")
    [entry] = advance(notified(), held, POLICY, at=T0).entries

    what = deed(Happening(entry.at, entry.reason, entry.before, entry.after, entry.actor))

    assert what is Deed.KEPT
