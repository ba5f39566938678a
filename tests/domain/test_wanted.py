"""Policies that stop only while somebody waits: who counts, and when the deadline moves."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind
from app.domain.cluster import QueuedJob, Room
from app.domain.incident import Incident, IncidentState
from app.domain.lifecycle import advance
from app.domain.proof import judge
from app.domain.reasons import Reason
from app.domain.schedule import deadlines, due_targets
from app.domain.waiting import moves
from app.domain.wanted import is_wanted
from tests.domain.examples import (
    ALLOCATION,
    GRACE,
    LIMITS,
    POLICY,
    T0,
    after,
    allocation,
    firing,
    held,
    messages,
    notified,
    readings,
    snapshot,
    stopping,
    world,
)

MINUTE = timedelta(minutes=1)
ASKING = replace(POLICY, only_when_queued=True)
FULL = {"agent-a": Room(slots=1, free=0), "agent-b": Room(slots=4, free=0)}
MOVED = e.DeadlineMoved(ALLOCATION, GRACE)
NOW = T0 + GRACE


def job(**changes: object) -> QueuedJob:
    """A job of alice's that needs one GPU, and has waited for just long enough."""
    values = {"job_id": "j1", "username": "alice", "slots": 1, "least": 1}
    return QueuedJob(**(values | {"since": NOW - 10 * MINUTE} | changes))  # type: ignore[arg-type] # The words of the test.


def wanted(*jobs: QueuedJob, rooms: dict[str, Room] | None = None) -> bool:
    seen = replace(snapshot(allocation()), queue={"default": jobs}, rooms=rooms or FULL)
    return is_wanted(notified().targets[0], ASKING, seen, NOW)


def test_a_job_that_would_begin_on_what_the_stop_frees_wants_it() -> None:
    assert wanted(job())


@pytest.mark.parametrize(
    "jobs",
    [
        [],
        [job(since=NOW - 10 * MINUTE + timedelta(seconds=1))],
        [job(since=None)],
        [job(username="bob")],
        [job(username=None)],
        [job(slots=2, least=2)],
        [job(slots=None, least=None)],
    ],
    ids=[
        "nobody waits",
        "not for long enough",
        "nobody knows for how long",
        "the owner's own",
        "nobody knows whose",
        "it needs more",
        "nobody knows how much it needs",
    ],
)
def test_whom_the_stop_would_not_serve(jobs: list[QueuedJob]) -> None:
    assert not wanted(*jobs)


def test_a_job_that_begins_anyway_wants_no_stop() -> None:
    assert not wanted(job(), rooms=FULL | {"agent-b": Room(slots=4, free=1)})


def test_s5_where_the_room_is_not_known_nobody_is_served() -> None:
    seen = replace(snapshot(allocation()), queue={"default": (job(),)})

    assert not is_wanted(notified().targets[0], ASKING, seen, NOW)
    assert not is_wanted(notified().targets[0], ASKING, None, NOW)


def test_a_policy_that_does_not_ask_stops_whether_anybody_waits_or_not() -> None:
    assert is_wanted(notified().targets[0], POLICY, None, NOW)


def test_a_deadline_moves_by_a_grace_period_and_the_message_says_so() -> None:
    transition = advance(notified(), MOVED, ASKING, at=NOW)
    later = transition.incident

    assert messages(transition) == [MessageKind.STATUS]
    assert transition.entries[0].reason is Reason.NOBODY_WAITS
    assert deadlines(later, ASKING, clock=GRACE, now=NOW) == {ALLOCATION: NOW + GRACE}
    assert due_targets(later, ASKING, clock=GRACE, now=NOW) == []
    assert due_targets(later, ASKING, clock=2 * GRACE, now=NOW + GRACE) != []


def test_a_moved_deadline_is_reminded_of_anew_and_blocked_no_more() -> None:
    due = after(notified(), e.ReminderDue("reminder", "0.5"), e.StopBlocked(Reason.NOBODY_WAITS))

    later = after(due, MOVED)

    assert later.reminders == ()
    assert later.block is None


@pytest.mark.parametrize("state", [firing, held, stopping], ids=lambda make: make.__name__)
def test_a_deadline_that_does_not_run_cannot_be_moved(state: Callable[[], Incident]) -> None:
    assert advance(state(), MOVED, ASKING, at=NOW).entries == ()


def test_s9_a_new_round_begins_without_what_was_moved() -> None:
    moved = after(notified(), MOVED)

    again = advance(moved, e.EpisodeBegan(), ASKING, at=NOW).incident

    assert again.state is IncidentState.FIRING
    assert again.targets[0].warning is None


def judged(incident: Incident, *jobs: QueuedJob) -> Reason:
    now = NOW + GRACE
    seen = replace(snapshot(allocation(), at=now), queue={"default": jobs}, rooms=FULL)
    read = readings(allocation=seen.allocations[ALLOCATION])
    look = world(now, snapshot=seen)
    return judge(incident, incident.targets[0], read, look, policy=ASKING, limits=LIMITS).reason


def test_the_proof_asks_again_whether_anybody_waits() -> None:
    assert judged(notified(), job()) is Reason.PROVEN
    assert judged(notified()) is Reason.NOBODY_WAITS


def test_s1_a_moved_deadline_that_no_new_message_has_named_allows_no_stop() -> None:
    moved = after(notified(), MOVED)
    reminded = after(moved, e.ReminderDue("reminder", "0.5"))

    assert judged(moved, job()) is Reason.NOBODY_WAITS
    assert judged(reminded, job()) is Reason.PROVEN
    seen = replace(snapshot(allocation()), queue={"default": (job(),)}, rooms=FULL)
    look = world(NOW + GRACE, snapshot=seen)
    assert list(moves(moved, list(moved.targets), ASKING, look)) == [MOVED]
    assert list(moves(reminded, list(moved.targets), ASKING, look)) == []


def test_s5_while_determined_cannot_be_read_no_deadline_moves() -> None:
    incident = notified()

    look = world(NOW, snapshot=None)

    assert list(moves(incident, list(incident.targets), ASKING, look)) == []
