"""Policies that stop only while somebody waits: who counts, and when the deadline moves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind
from app.domain.beside import ALONE, Beside
from app.domain.cluster import Allocation, QueuedJob, Room, Snapshot
from app.domain.incident import Incident, IncidentState, Target
from app.domain.lifecycle import advance
from app.domain.policy import Mode, Policy, Rulebook
from app.domain.proof import judge
from app.domain.reasons import Reason
from app.domain.schedule import deadlines, due_targets
from app.domain.waiting import moves
from app.domain.wanted import unwanted
from app.domain.world import World
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
POOLS = {
    "agent-a": frozenset({"default"}),
    "agent-b": frozenset({"default"}),
    "agent-z": frozenset({"other"}),
}
MOVED = e.DeadlineMoved(ALLOCATION, GRACE)
NOW = T0 + GRACE


def job(**changes: object) -> QueuedJob:
    """A job of alice's that needs one GPU, and has waited for just long enough."""
    values = {"job_id": "j1", "username": "alice", "slots": 1, "least": 1}
    return QueuedJob(**(values | {"since": NOW - 10 * MINUTE} | changes))  # type: ignore[arg-type] # The words of the test.


def queue_of(
    *jobs: QueuedJob, rooms: Mapping[str, Room] = FULL, held: Sequence[Allocation] = (allocation(),)
) -> Snapshot:
    """Return what Determined tells of two agents, and of one in another pool that is empty."""
    return replace(
        snapshot(*held),
        queue={"default": jobs},
        agent_pools=POOLS,
        agent_slots={"agent-a": 1, "agent-b": 4, "agent-z": 8},
        rooms={"agent-z": Room(8, 8), **rooms},
    )


def answer(
    seen: Snapshot | None,
    *,
    policy: Policy = ASKING,
    beside: Beside = ALONE,
    target: Target = notified().targets[0],  # noqa: B008 -- frozen
) -> Reason | None:
    no = unwanted(target, policy, world(NOW, snapshot=seen, beside=beside))
    return no[0] if no else None


def wanted(*jobs: QueuedJob, rooms: Mapping[str, Room] = FULL) -> bool:
    found = answer(queue_of(*jobs, rooms=rooms))
    assert found in {None, Reason.NOBODY_WAITS}
    return found is None


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


def test_room_in_another_pool_serves_nobody_of_this_one() -> None:
    assert wanted(job(slots=1), rooms=FULL | {"agent-z": Room(slots=8, free=8)})


@pytest.mark.parametrize("untold", ["agent-a", "agent-b"])
def test_s5_where_an_agent_of_the_pool_does_not_tell_its_room_it_is_not_known_who_is_served(
    untold: str,
) -> None:
    seen = queue_of(job())

    seen = replace(seen, rooms={a: room for a, room in seen.rooms.items() if a != untold})

    assert answer(seen) is Reason.ROOM_UNKNOWN


def test_s5_where_an_agent_tells_no_pool_it_is_not_known_who_is_served() -> None:
    seen = replace(queue_of(job()), agent_pools=POOLS | {"agent-z": frozenset()})

    assert answer(seen) is Reason.ROOM_UNKNOWN


def test_where_nobody_waits_the_room_makes_no_difference() -> None:
    assert answer(replace(queue_of(), rooms={})) is Reason.NOBODY_WAITS


@pytest.mark.parametrize("seen", [None, queue_of(job(), held=())], ids=["nothing", "not the task"])
def test_s5_without_a_reading_of_the_task_it_is_not_known_who_waits(seen: Snapshot | None) -> None:
    assert answer(seen) is Reason.DETERMINED_UNAVAILABLE


def test_a_policy_that_does_not_ask_stops_whether_anybody_waits_or_not() -> None:
    assert answer(None, policy=POLICY) is None


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
    seen = replace(queue_of(*jobs), at=now)
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
    look = asking(NOW + GRACE, queue_of(job()))
    assert moves([moved], look) == {moved.incident_id: [MOVED]}
    assert moves([reminded], look) == {}


def asking(now: datetime, seen: Snapshot | None) -> World:
    rulebook = Rulebook(Mode.ENFORCE, {ASKING.name: ASKING})
    return world(now, rulebook=rulebook, snapshot=seen)


@pytest.mark.parametrize(
    "seen", [None, replace(queue_of(job()), rooms={})], ids=["nothing", "not the room"]
)
def test_s5_while_determined_does_not_tell_no_deadline_moves(seen: Snapshot | None) -> None:
    assert moves([notified()], asking(NOW, seen)) == {}
    assert moves([notified()], asking(NOW, queue_of())) != {}
