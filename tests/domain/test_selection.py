"""When the targets of a user are looked at again, who of them may stay."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.cluster import Allocation, Container, QueuedJob, Room
from app.domain.incident import Demand, Incident, Target
from app.domain.policy import Mode, Rulebook, SlotLimits
from app.domain.reasons import Reason
from app.domain.selection import nobody_to_stop, reconsider, unneeded
from app.domain.world import World
from tests.domain.examples import POLICY, T0, allocation, peer, snapshot, world
from tests.domain.test_targets import A, B, C, notified, stopping

HOUR = timedelta(hours=1)
DEADLINE = T0 + POLICY.grace_default


def runs(target: Target) -> Allocation:
    """Return a task of bob's on one GPU of the only agent."""
    held = Container(target.task_id, "agent-a", (f"GPU-{target.task_id}",))
    return allocation(
        allocation_id=target.allocation_id, task_id=target.task_id, containers=(held,)
    )


def waits(slots: int) -> QueuedJob:
    return QueuedJob("j1", "carol", slots, slots)


def bob_holds(*targets: Target, job: QueuedJob, limit: int = 0) -> World:
    """Return the world at the deadline. Every GPU is taken, and the last of these began last."""
    held = snapshot(*(runs(each) for each in targets), at=DEADLINE)
    held = replace(
        held,
        agent_slots={"agent-a": len(targets)},
        agent_pools={"agent-a": frozenset({"default"})},
        rooms={"agent-a": Room(len(targets), 0)},
        queue={"default": (job,)},
    )
    return world(
        DEADLINE,
        snapshot=held,
        firing={},
        peers=(peer(alert=None),),
        started={each.allocation_id: T0 + n * HOUR for n, each in enumerate(targets)},
        rulebook=Rulebook(
            Mode.ENFORCE, {POLICY.name: POLICY}, slot_limits=SlotLimits(default=limit)
        ),
    )


def asked_for(incident: Incident, *, held: int, free: int) -> Incident:
    return replace(incident, demand=Demand(held, limit=0, waiting=1, free=free, waiting_since=None))


def test_at_the_deadline_whoever_has_given_what_was_asked_for_is_asked_for_no_more() -> None:
    """Though somebody else waits, and more is held than the limit."""
    incident = asked_for(notified(), held=4, free=1)
    now = bob_holds(A, B, C, job=waits(3))

    assert list(reconsider(incident, now)) == []
    [hold] = nobody_to_stop(incident, now)
    assert hold.reason is Reason.NO_NEED


def test_at_the_deadline_a_target_that_is_not_needed_any_more_leaves() -> None:
    incident = asked_for(notified(), held=3, free=2)

    changes = list(reconsider(incident, bob_holds(A, B, C, job=waits(1))))

    assert changes == [e.TargetsLeft({A.allocation_id: Reason.NO_NEED})]


def test_before_the_deadline_a_change_of_the_queue_lets_nobody_leave() -> None:
    incident = asked_for(notified(), held=3, free=2)
    now = replace(bob_holds(A, B, C, job=waits(0)), clock=timedelta(), now=T0)

    assert list(reconsider(incident, now)) == []
    assert list(nobody_to_stop(incident, now)) == []


def test_a_target_leaves_when_one_that_is_being_stopped_makes_room_enough() -> None:
    changes = list(reconsider(stopping(), bob_holds(A, B, C, job=waits(1))))

    assert changes == [e.TargetsLeft({B.allocation_id: Reason.NO_NEED})]


def test_a_target_stays_when_one_that_is_being_stopped_does_not_make_room_enough() -> None:
    assert list(reconsider(stopping(), bob_holds(A, B, C, job=waits(2)))) == []


def test_whose_slot_is_not_needed_beside_the_stop_under_way_is_not_stopped() -> None:
    """The other one would have been chosen first, and is being stopped instead."""
    enough = unneeded(stopping(), B, bob_holds(A, B, C, job=waits(1)))
    too_few = unneeded(stopping(), B, bob_holds(A, B, C, job=waits(2)))

    assert enough is not None
    assert enough[0] is Reason.NO_NEED
    assert too_few is None


def test_a_stop_under_way_is_not_counted_against_itself() -> None:
    assert unneeded(stopping(), A, bob_holds(A, job=waits(1))) is None


@pytest.mark.parametrize(
    "unknown",
    [
        {"snapshot": None},
        {"firing": None},
        {"peers": ()},
        {"peers": (peer(alert=None), peer("am-2", error="time-out"))},
    ],
)
def test_s5_while_a_system_cannot_be_read_nobody_is_chosen_and_nobody_leaves(
    unknown: dict[str, object],
) -> None:
    """A silence that nobody can see may protect any of them."""
    now = replace(bob_holds(A, B, C, job=waits(1)), **unknown)  # type: ignore[arg-type] # Words.

    assert list(reconsider(asked_for(notified(), held=3, free=2), now)) == []
    refused = unneeded(stopping(), A, now)
    assert refused is not None
    assert refused[0] is Reason.DETERMINED_UNAVAILABLE
