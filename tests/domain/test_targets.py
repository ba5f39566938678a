"""What the life of an incident makes of it that others are its targets, or fewer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind
from app.domain.alert import Identity, Scope
from app.domain.incident import (
    GivenWarning,
    Incident,
    IncidentState,
    IntentState,
    Target,
)
from app.domain.lifecycle import advance
from app.domain.opening import open_incident
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.domain.release import Gpu, Release
from app.domain.steps import Transition
from app.domain.targets import evidence_of
from tests.domain.examples import ALLOCATION, DEMAND, POLICY, RECEIPT, SILENCED, T0, messages
from tests.domain.examples import opened as about_one

S = IncidentState
OVER = Identity("UserOverSlotLimit", "warning", "reclaim", Scope.USER, "bob", "default")
A, B, C = (Target(f"{name}.1", name, "trial", "bob", name, slots=1) for name in "abc")
NO_NEED = e.TargetsLeft({B.allocation_id: Reason.NO_NEED})
STOPPED = (e.AllocationEnded(A.allocation_id), e.GpusSeen(A.allocation_id, Release.FREED))
"""A is stopped, and its GPUs are free."""


def opened(mode: Mode = Mode.ENFORCE) -> Incident:
    return open_incident("u1", OVER, mode=mode, annotations={}, at=T0).incident


def chosen(*targets: Target) -> e.TargetsChosen:
    return e.TargetsChosen(targets, DEMAND)


def happens(incident: Incident, *events: e.Event) -> Incident:
    for event in events:
        incident = advance(incident, event, POLICY, at=T0).incident
    return incident


def moved(incident: Incident, event: e.Event) -> Transition:
    return advance(incident, event, POLICY, at=T0)


def warned(incident: Incident) -> e.WarningDelivered:
    given = GivenWarning(T0, clock=timedelta(), deadline=T0 + timedelta(hours=1), username="bob")
    ids = [each.allocation_id for each in incident.open_targets]
    return e.WarningDelivered(incident.round, RECEIPT, dict.fromkeys(ids, given))


def firing(mode: Mode = Mode.ENFORCE) -> Incident:
    return happens(opened(mode), chosen(A, B), e.AlertActive())


def notified(mode: Mode = Mode.ENFORCE) -> Incident:
    incident = firing(mode)
    return happens(incident, warned(incident))


def stopping() -> Incident:
    """The first is being stopped, the second is not yet."""
    first = A.allocation_id
    answer = e.StopAnswered(first, IntentState.SENT, Reason.STOP_ACCEPTED)
    return happens(notified(), e.StopProven(first, "n1", {}), e.StopSending(first), answer)


def outcomes(incident: Incident) -> dict[str, IncidentState | None]:
    return {each.task_id: each.outcome for each in incident.targets}


def test_s1_nobody_is_told_before_there_is_a_target() -> None:
    assert moved(opened(), e.AlertActive()) == Transition(opened())


def test_the_first_choice_is_noted_and_warned_about_when_the_alert_is_active() -> None:
    first = moved(opened(), chosen(A, B))

    assert (first.incident.round, messages(first)) == (0, [])
    assert first.incident.demand == DEMAND
    assert messages(moved(first.incident, e.AlertActive())) == [MessageKind.WARNING]


@pytest.mark.parametrize("incident", [firing(), notified()], ids=["firing", "notified"])
def test_s1_whoever_is_named_newly_is_warned_about_and_the_others_again(
    incident: Incident,
) -> None:
    after = moved(incident, chosen(A, C))

    assert after.incident.state is S.FIRING
    assert after.incident.round == incident.round + 1
    assert messages(after)[-1] is MessageKind.WARNING
    assert [each.warning for each in after.incident.targets] == [None, None]
    assert after.entries[0].reason is Reason.TARGETS_CHOSEN


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.WARN])
def test_where_nothing_is_stopped_another_choice_is_no_new_warning(mode: Mode) -> None:
    incident = notified(mode)

    after = moved(incident, chosen(C))

    assert (after.incident.round, messages(after)) == (incident.round, [MessageKind.STATUS])


def test_while_held_a_choice_waits_for_the_end_of_the_hold() -> None:
    held = happens(notified(), e.HoldsObserved((SILENCED,)))

    after = moved(held, chosen(C))

    assert (after.incident.state, MessageKind.WARNING in messages(after)) == (S.HELD, False)
    assert outcomes(after.incident) == {"c": None}


def test_a_target_that_leaves_takes_nothing_from_the_others() -> None:
    before = notified()

    after = moved(before, NO_NEED)

    assert after.incident.state is S.NOTIFIED
    assert messages(after) == [MessageKind.STATUS]
    assert outcomes(after.incident) == {"a": None, "b": S.RESOLVED}
    assert after.incident.targets[0] == before.targets[0]
    assert after.incident.targets[1].warning is None


def test_a_target_that_has_left_is_not_stopped() -> None:
    left = happens(notified(), NO_NEED)

    ended = moved(left, e.AllocationEnded(B.allocation_id))

    assert ended == Transition(left)


def test_s6_while_one_is_being_stopped_nobody_else_is_named() -> None:
    assert moved(stopping(), chosen(C)) == Transition(stopping())


def test_s6_who_is_being_stopped_does_not_leave() -> None:
    left = e.TargetsLeft({A.allocation_id: Reason.SILENCED, B.allocation_id: Reason.SILENCED})

    after = moved(stopping(), left)

    assert outcomes(after.incident) == {"a": None, "b": S.RESOLVED}
    assert after.incident.state is S.STOPPING


def test_when_the_last_stop_is_verified_it_is_over_whoever_has_left() -> None:
    incident = happens(stopping(), NO_NEED, *STOPPED)

    assert (incident.state, outcomes(incident)) == (S.STOPPED, {"a": S.STOPPED, "b": S.RESOLVED})


def test_when_whoever_is_left_leaves_after_a_stop_it_is_over() -> None:
    held = happens(stopping(), *STOPPED)
    assert held.state is S.HELD

    after = moved(held, NO_NEED)

    assert after.incident.state is S.STOPPED
    assert MessageKind.CLOSING in messages(after)
    assert messages(after).count(MessageKind.STATUS) == 1


def test_nothing_holds_what_is_only_waited_for() -> None:
    held = happens(stopping(), STOPPED[0], e.HoldsObserved((SILENCED,)))
    assert held.holds == (SILENCED,)

    waits = happens(held, NO_NEED)

    assert (waits.state, waits.holds) == (S.STOPPING, ())


def test_who_leaves_while_gpus_are_awaited_leaves_it_open_until_they_were_seen() -> None:
    held = happens(stopping(), STOPPED[0])

    waits = moved(held, NO_NEED)

    assert (waits.incident.state, waits.incident.holds) == (S.STOPPING, ())
    assert MessageKind.CLOSING not in messages(waits)
    over = moved(waits.incident, STOPPED[1])
    assert (over.incident.state, over.entries[0].reason) == (S.STOPPED, Reason.STOP_VERIFIED)
    assert MessageKind.CLOSING in messages(over)


def test_a_neighbour_has_its_new_round_while_gpus_are_awaited() -> None:
    held = happens(stopping(), STOPPED[0])

    assert held.state is S.HELD
    assert happens(held, e.HoldsObserved(())).state is S.FIRING


def test_targets_that_all_end_by_themselves_do_not_end_the_alert() -> None:
    incident = happens(notified(), *(e.AllocationEnded(each.allocation_id) for each in (A, B)))

    assert incident.state is S.NOTIFIED
    assert not incident.open_targets


def test_what_was_stopped_stays_in_the_incident_and_what_was_let_be_does_not() -> None:
    held = happens(stopping(), NO_NEED)
    held = replace(held, state=S.HELD)
    stopped = happens(held, e.AllocationEnded(A.allocation_id))
    again = replace(stopped, state=S.HELD)

    assert outcomes(happens(again, chosen(B, C))) == {"a": S.STOPPED, "b": None, "c": None}


def test_a_target_that_may_have_been_called_stays_so_when_it_is_named_again() -> None:
    withdrawn = happens(stopping(), e.StopWithdrawn(A.allocation_id, Reason.SILENCED))

    [other, first] = happens(withdrawn, chosen(C)).targets[::-1]
    assert (first.task_id, first.was_called, other.task_id) == ("a", True, "c")
    [named] = happens(withdrawn, chosen(A)).targets
    assert named.was_called


def test_an_incident_about_one_allocation_has_its_target_for_ever() -> None:
    incident = about_one()

    left = e.TargetsLeft({ALLOCATION: Reason.NO_NEED})
    assert moved(incident, left) == Transition(incident)
    assert moved(incident, chosen(C)) == Transition(incident)


def test_s12_a_new_choice_is_told_with_its_targets_and_its_evidence() -> None:
    event = e.TargetsChosen((A, C), DEMAND, {"held": 3})

    [entry] = moved(notified(), event).entries

    assert (entry.reason, entry.detail) == (Reason.TARGETS_CHOSEN, "a.1, c.1")
    assert entry.evidence == {"held": 3}


def test_s12_who_is_let_be_is_told_with_the_reason() -> None:
    both = e.TargetsLeft({B.allocation_id: Reason.SILENCED, A.allocation_id: Reason.NO_NEED})

    after = moved(notified(), both)

    [entry] = after.entries
    assert (entry.reason, entry.detail) == (Reason.TARGETS_LEFT, "a.1: no_need, b.1: silenced")
    assert [each.left for each in after.incident.targets] == [Reason.NO_NEED, Reason.SILENCED]


def test_s1_what_is_followed_to_its_end_has_no_warning_left_when_others_are_named() -> None:
    withdrawn = happens(stopping(), e.StopWithdrawn(A.allocation_id, Reason.SILENCED))
    warned_again = withdrawn.with_target(
        replace(withdrawn.targets[0], warning=notified().targets[0].warning)
    )

    followed = happens(warned_again, chosen(C)).targets[0]

    assert (followed.task_id, followed.warning) == ("a", None)


def test_what_a_target_has_held_is_known_when_it_is_named_again() -> None:
    gpus = (Gpu("GPU-1", "agent-a"),)
    withdrawn = happens(stopping(), e.StopWithdrawn(A.allocation_id, Reason.SILENCED))
    held = withdrawn.with_target(replace(withdrawn.targets[0], gpus=gpus))

    [named] = happens(held, chosen(A)).targets

    assert named.gpus == gpus


def test_s12_a_choice_says_of_each_target_what_it_was_chosen_for() -> None:
    assert evidence_of(replace(A, since=T0, idle=True)) == {
        "allocation_id": "a.1",
        "slots": 1,
        "since": T0,
        "idle": True,
    }


def test_s12_an_incident_that_its_targets_close_says_why() -> None:
    ended = happens(stopping(), *STOPPED)

    [entry] = moved(ended, NO_NEED).entries

    assert (entry.reason, entry.after) == (Reason.TARGETS_LEFT, S.STOPPED)
    assert entry.evidence == {}
