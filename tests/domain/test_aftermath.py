"""What became of the GPUs of a stopped task: seen, waited for, and given up at last."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind, SendMessage
from app.domain.aftermath import Places, Sight, awaited, found, query_for
from app.domain.alert import BY_HAND
from app.domain.cluster import Allocation, Container, Snapshot
from app.domain.evidence import evidence_of
from app.domain.incident import Incident, IncidentState, Target
from app.domain.lifecycle import advance
from app.domain.reasons import Reason
from app.domain.reclaimed import reclaimed
from app.domain.release import Gpu, Release
from app.domain.steps import Transition
from app.errors import InvalidTransitionError
from tests.domain.examples import (
    ACCEPTED,
    ALLOCATION,
    CALL,
    ENDED,
    FREED,
    POLICY,
    T0,
    after,
    allocation,
    messages,
    notified,
    proven,
    readings,
    snapshot,
    world,
)

S = IncidentState
LIMIT = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
TWO = (Container("c1", "agent-a", ("GPU-1",)), Container("c2", "agent-b", ("GPU-2",)))
FREE = {"GPU-1": "", "GPU-2": ""}
IDLE = {"GPU-1": False, "GPU-2": False}
BUSY = e.GpusSeen(
    ALLOCATION, Release.IN_USE, ("GPU-2",), {"GPU-1": Sight.FREE, "GPU-2": Sight.BUSY}
)


def called(held: Allocation | None = None) -> Incident:
    """Determined took the call to stop a notebook with two GPUs, on two agents."""
    held = held or allocation(slots=2, containers=TWO)
    incident = notified()
    [target] = incident.targets
    incident = incident.with_target(replace(target, slots=held.slots, name="lab"))
    proof = evidence_of(incident, target, readings(allocation=held), world())
    return after(incident, e.StopProven(ALLOCATION, "n1", proof), CALL, ACCEPTED)


def gone() -> Incident:
    return after(called(), ENDED)


def place(occupants: dict[str, str], *others: Allocation) -> Snapshot:
    return replace(snapshot(*others), occupants=occupants)


def look(
    seen: Snapshot | None, used: dict[str, bool], *, since: timedelta = SECOND
) -> e.GpusSeen | None:
    [target] = gone().targets
    return found(target, Places(seen), used, now=T0 + since, limit=LIMIT)


def one_target(incident: Incident) -> Target:
    [target] = incident.targets
    return target


def happens(incident: Incident, event: e.Event) -> Transition:
    return advance(incident, event, POLICY, at=T0 + timedelta(minutes=1))


def told_admins(transition: Transition) -> list[str]:
    return [
        order.text
        for order in transition.actions
        if isinstance(order, SendMessage) and order.kind is MessageKind.ADMINS
    ]


def test_what_a_task_held_is_known_from_the_proof_of_its_stop() -> None:
    assert one_target(called()).gpus == (Gpu("GPU-1", "agent-a"), Gpu("GPU-2", "agent-b"))


def test_a_proof_that_does_not_tell_takes_nothing_away_that_is_known() -> None:
    again = after(called(), e.StopProven(ALLOCATION, "n1", {"allocation": None}))

    assert len(one_target(again).gpus) == 2


def test_the_end_of_the_allocation_is_not_yet_the_end_of_the_stop() -> None:
    ended = happens(called(), ENDED)

    [entry] = ended.entries
    assert (entry.reason, entry.after) == (Reason.STOP_TOOK_EFFECT, S.STOPPING)
    assert messages(ended) == [MessageKind.STATUS]
    assert [each.allocation_id for each in awaited(ended.incident)] == [ALLOCATION]
    assert ended.incident.is_gone
    assert reclaimed(ended.incident).gpus == 0


def test_a_task_without_gpus_has_nothing_to_be_looked_for() -> None:
    ended = happens(called(allocation(slots=0, containers=(Container("c1", "agent-a"),))), ENDED)

    assert (ended.incident.state, ended.entries[0].reason) == (S.STOPPED, Reason.STOP_VERIFIED)


def test_what_ended_by_itself_is_not_looked_after() -> None:
    assert after(notified(), ENDED).state is S.ENDED
    assert not after(notified(), ENDED).is_looked_after


def test_gpus_that_are_free_and_unused_verify_the_stop() -> None:
    assert look(place(FREE), IDLE) == e.GpusSeen(
        ALLOCATION, Release.FREED, (), {"GPU-1": Sight.FREE, "GPU-2": Sight.FREE}
    )


def test_gpus_that_another_allocation_has_verify_it_whatever_they_do() -> None:
    other = allocation("carol", allocation_id="other.1", containers=TWO)

    seen = look(place({"GPU-1": "c1", "GPU-2": "c2"}, other), {})

    assert seen is not None
    assert (seen.release, set(seen.sights.values())) == (Release.FREED, {Sight.GIVEN})


def test_the_allocation_itself_is_no_other_one() -> None:
    """A master that restarts may list it again."""
    seen = look(place({"GPU-1": "c1", "GPU-2": "c2"}, allocation(containers=TWO)), IDLE)

    assert seen is None


@pytest.mark.parametrize(
    ("seen", "used", "sight", "release"),
    [
        (place(FREE | {"GPU-2": "c2"}), IDLE, Sight.OCCUPIED, Release.IN_USE),
        (place(FREE), IDLE | {"GPU-2": True}, Sight.BUSY, Release.IN_USE),
        (place(FREE), {"GPU-1": False}, Sight.NOT_MEASURED, Release.UNSEEN),
        (place({"GPU-1": ""}), IDLE, Sight.NOT_LISTED, Release.UNSEEN),
    ],
    ids=["its slot is occupied", "something uses it", "no samples", "no such slot"],
)
def test_a_gpu_that_is_not_seen_free_is_waited_for_and_given_up_at_last(
    seen: Snapshot, used: dict[str, bool], sight: Sight, release: Release
) -> None:
    assert look(seen, used, since=LIMIT - SECOND) is None

    given_up = look(seen, used, since=LIMIT)

    assert given_up is not None
    assert (given_up.release, given_up.lingering) == (release, ("GPU-2",))
    assert given_up.sights == {"GPU-1": Sight.FREE, "GPU-2": sight}


def test_without_determined_nothing_is_seen() -> None:
    assert look(None, IDLE) is None

    given_up = look(None, IDLE, since=LIMIT)

    assert given_up is not None
    assert (given_up.release, given_up.lingering) == (Release.UNSEEN, ("GPU-1", "GPU-2"))


def test_one_in_use_counts_for_more_than_one_that_is_unknown() -> None:
    given_up = look(place(FREE), {"GPU-2": True}, since=LIMIT)

    assert given_up is not None
    assert (given_up.release, given_up.lingering) == (Release.IN_USE, ("GPU-1", "GPU-2"))


def test_a_clock_that_was_set_back_makes_nobody_wait_for_hours() -> None:
    assert look(None, {}, since=-LIMIT) is not None


def test_gpus_that_nobody_has_named_are_given_up_at_once() -> None:
    target = replace(one_target(gone()), gpus=())

    seen = found(target, Places(place(FREE)), IDLE, now=T0, limit=LIMIT)

    assert seen == e.GpusSeen(ALLOCATION, Release.UNSEEN)


def test_prometheus_is_asked_about_what_determined_calls_free_alone() -> None:
    targets = list(gone().targets)
    strange = replace(targets[0], gpus=(Gpu('a"}', "agent-a"),))

    assert Places(place(FREE | {"GPU-2": "c2"})).to_be_measured(targets) == ["GPU-1"]
    assert Places(place({'a"}': ""})).to_be_measured([strange]) == []
    assert Places(None).to_be_measured(targets) == []


def test_a_question_is_about_samples_of_an_age() -> None:
    asked = query_for(["GPU-1", "GPU-2"], timedelta(milliseconds=300))
    shortest = query_for(["GPU-1"], timedelta())

    assert asked.count('{GPU_I_ID="",gpu_uuid=~"GPU-1|GPU-2"}[300ms]') == 2
    assert shortest.count("[1ms]") == 2


def test_a_verified_stop_is_told_to_both_with_what_it_has_freed() -> None:
    ended = happens(gone(), FREED)

    [entry] = ended.entries
    assert (entry.reason, entry.after) == (Reason.STOP_VERIFIED, S.STOPPED)
    assert messages(ended) == [MessageKind.STATUS, MessageKind.CLOSING, MessageKind.ADMINS]
    assert "GPUs free for others: 2." in told_admins(ended)[0]
    assert reclaimed(ended.incident).gpus == 2


def test_a_gpu_that_is_still_used_goes_to_the_admins_by_name_and_once() -> None:
    ended = happens(gone(), BUSY)

    [entry] = ended.entries
    assert (entry.reason, entry.after) == (Reason.GPUS_IN_USE, S.STOPPED)
    assert (entry.detail, entry.evidence["gpus"]["GPU-2"]) == ("GPU-2", Sight.BUSY)
    [text] = told_admins(ended)
    assert "notebook c7a2ea20-b2f1-4c94-ae05-319acb5c7427 “lab” of bob, stopped" in text
    assert "• GPU-2 on agent-b: free in Determined, and in use" in text
    assert "a process or a container that was left behind" in text
    assert "GPU-1" not in text


def test_of_two_gpus_the_one_that_was_seen_free_counts() -> None:
    assert reclaimed(happens(gone(), BUSY).incident).gpus == 1


def test_gpus_that_nobody_could_see_are_told_as_such_and_count_for_nothing() -> None:
    unseen = e.GpusSeen(ALLOCATION, Release.UNSEEN, ("GPU-1", "GPU-2"), {})

    ended = happens(gone(), unseen)

    assert ended.entries[0].reason is Reason.GPUS_UNSEEN
    assert ended.entries[0].detail == "GPU-1, GPU-2"
    [text] = told_admins(ended)
    assert "nobody could see whether its GPUs are free" in text
    assert "left behind" not in text
    assert reclaimed(ended.incident).gpus == 0


def test_long_lists_of_gpus_are_cut() -> None:
    uuids = tuple(f"GPU-{number}" for number in range(12))

    [text] = told_admins(happens(gone(), e.GpusSeen(ALLOCATION, Release.UNSEEN, uuids)))

    assert "• GPU-9 on" in text
    assert "• GPU-10 on" not in text
    assert "… and 2 more" in text


def test_the_owner_hears_how_a_stop_by_hand_ended_though_a_gpu_is_still_used() -> None:
    incident = gone()
    by_hand = replace(incident, identity=replace(incident.identity, alertname=BY_HAND))

    ended = happens(replace(by_hand, message=None), BUSY)

    assert messages(ended) == [MessageKind.ADMINS, MessageKind.CLOSING]


def test_s6_what_has_ended_is_not_called_again_though_its_incident_is_open() -> None:
    for event in (proven(), CALL, ACCEPTED):
        with pytest.raises(InvalidTransitionError):
            happens(gone(), event)


def test_what_is_known_is_not_told_again() -> None:
    over = happens(gone(), BUSY).incident

    assert happens(over, FREED) == Transition(over)
    assert happens(called(), FREED) == Transition(called())


@pytest.mark.parametrize(
    "event",
    [
        e.HoldsObserved(()),
        e.HoldsObserved((), actor="ann"),
        e.EpisodeBegan(),
        e.RuleGone("no such rule"),
        e.RecoveryObserved({}),
        e.AllocationEnded(ALLOCATION),
    ],
    ids=repr,
)
def test_while_gpus_are_awaited_nothing_else_ends_it_or_begins_anything(event: e.Event) -> None:
    assert happens(gone(), event) == Transition(gone())


def test_whatever_ends_an_incident_earlier_leaves_no_gpu_untold() -> None:
    """A neighbour is dismissed while the GPUs of what was stopped are awaited."""
    incident = gone()
    other = replace(
        one_target(incident), allocation_id="o.1", outcome=None, release=None, intent=None
    )
    both = replace(incident, targets=(*incident.targets, other), state=S.HELD)

    ended = happens(both, e.Dismissed("ann"))

    assert ended.incident.state is S.DISMISSED
    assert not ended.incident.is_looked_after
    [text] = told_admins(ended)
    assert "• GPU-1 on agent-a: not looked at" in text
