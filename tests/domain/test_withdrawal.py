"""S9: a hold or a lower mode takes back the stops that Determined has not taken."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain import events as e
from app.domain import withdrawal
from app.domain.incident import Hold, Incident, IncidentState, IntentState, StopRequest
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.errors import InvalidTransitionError
from tests.domain.examples import (
    ACCEPTED,
    ALLOCATION,
    CALL,
    ENDED,
    RECEIPT,
    SILENCED,
    T0,
    after,
    calling,
    firing,
    given_warning,
    proven,
    sent,
    stopping,
)
from tests.domain.test_intents import NEIGHBOUR, refused, saved, step, two_are_stopped

S = IncidentState
R = Reason
HELD = e.HoldsObserved((SILENCED,), actor="carol")
LOWERED = e.ModeChanged(Mode.WARN)


@pytest.mark.parametrize("event", [HELD, LOWERED], ids=["a hold", "a lower mode"])
@pytest.mark.parametrize("before", [stopping, calling, refused], ids=lambda make: make.__name__)
def test_s9_what_holds_a_stop_that_was_not_taken_takes_it_back(
    before: Callable[[], Incident], event: e.Event
) -> None:
    transition = step(before(), event)

    assert [state for _, state, _ in saved(transition)] == [IntentState.WITHDRAWN]
    assert transition.incident.state is S.HELD
    assert transition.incident.targets[0].warning is None
    assert transition.entries[0].reason is Reason.STOP_WITHDRAWN


def test_s12_a_stop_that_is_taken_back_says_who_did_it_and_why() -> None:
    [by_hold] = step(refused(), HELD).entries
    [by_mode] = step(refused(), LOWERED).entries

    assert (by_hold.actor, by_hold.detail) == ("carol", "silenced by carol")
    assert (by_mode.actor, by_mode.detail) == ("watchdog", "mode: warn")


@pytest.mark.parametrize("event", [HELD, LOWERED], ids=["a hold", "a lower mode"])
def test_a_stop_that_was_taken_is_followed_to_its_end(event: e.Event) -> None:
    """Nobody can take it back, and what is told of it must not say that it is held (S10)."""
    transition = step(sent(), event)

    assert (transition.incident.state, transition.actions) == (S.STOPPING, ())
    assert transition.incident.targets[0].warning == sent().targets[0].warning


def test_the_end_of_a_hold_is_nothing_to_a_stop_that_was_taken() -> None:
    assert step(sent(), e.HoldsObserved(())).entries == ()


def test_s9_s12_what_holds_a_stop_that_was_taken_is_remembered_and_noted_once() -> None:
    by_hold, by_mode = step(sent(), HELD), step(sent(), LOWERED)

    for transition in (by_hold, by_mode):
        [target] = transition.incident.targets
        assert target.intent
        assert target.intent.held
        assert step(transition.incident, HELD).entries == ()
        assert step(transition.incident, LOWERED).entries == ()
    [held], [lowered] = by_hold.entries, by_mode.entries
    assert (held.reason, held.actor, held.detail) == (R.HOLD_BEGAN, "carol", "silenced by carol")
    assert (lowered.reason, lowered.actor, lowered.detail) == (R.MODE_CHANGED, "watchdog", "warn")


def test_what_a_person_asked_for_is_not_held_by_what_came_after_its_call() -> None:
    [target] = sent().targets
    asked = sent().with_target(replace(target, request=StopRequest("carol", T0)))

    assert step(asked, HELD).entries == ()


def test_s9_of_two_the_one_that_was_taken_is_remembered_while_the_other_is_taken_back() -> None:
    one_taken = after(two_are_stopped(), CALL, ACCEPTED)

    transition = step(one_taken, HELD)

    assert saved(transition) == [(NEIGHBOUR, IntentState.WITHDRAWN, 0)]
    intents = [each.intent for each in transition.incident.targets]
    assert [each and each.held for each in intents] == [True, None]


def taken_beside_one_that_is_due() -> Incident:
    one = firing()
    neighbour = replace(one.targets[0], allocation_id=NEIGHBOUR)
    both = {ALLOCATION: given_warning(), NEIGHBOUR: given_warning()}
    told = e.WarningDelivered(1, RECEIPT, both)
    return after(replace(one, targets=(*one.targets, neighbour)), told, proven(), CALL, ACCEPTED)


@pytest.mark.parametrize("event", [HELD, LOWERED, e.RecoveryObserved({})])
def test_s9_what_breaks_the_round_of_a_neighbour_that_is_yet_to_be_stopped(event: e.Event) -> None:
    transition = step(taken_beside_one_that_is_due(), event)

    assert transition.incident.state is S.STOPPING
    assert saved(transition) == []
    with pytest.raises(InvalidTransitionError, match="no valid warning"):
        step(transition.incident, e.StopProven(NEIGHBOUR, "n2", {}))


def test_s12_a_recovery_beside_a_stop_that_was_taken_is_in_the_history() -> None:
    incident = taken_beside_one_that_is_due()

    [entry] = step(incident, e.RecoveryObserved({"verify": []})).entries

    assert (entry.reason, entry.evidence) == (Reason.RECOVERED, {"verify": []})


@pytest.mark.parametrize(
    ("event", "holds"),
    [
        (e.StopWithdrawn(ALLOCATION, R.NOT_FIRING), (Hold(R.NOT_FIRING),)),
        (HELD, (SILENCED,)),
        (LOWERED, (Hold(R.MODE),)),
        (e.RecoveryObserved({}), (Hold(R.RECOVERED),)),
    ],
    ids=["a proof", "a hold", "a lower mode", "a recovery"],
)
def test_what_holds_it_until_the_next_look(
    event: withdrawal.Withdrawing, holds: tuple[Hold, ...]
) -> None:
    assert withdrawal.holds_of(event) == holds


def test_the_end_of_no_hold_takes_no_stop_back() -> None:
    assert step(refused(), e.HoldsObserved(())).entries == ()


def test_s9_a_hold_takes_back_what_was_not_taken_beside_what_was() -> None:
    both = after(two_are_stopped(), CALL, ACCEPTED)

    transition = step(both, HELD)

    assert saved(transition) == [(NEIGHBOUR, IntentState.WITHDRAWN, 0)]
    assert transition.incident.state is S.STOPPING
    assert after(transition.incident, ENDED).state is S.HELD
    assert step(transition.incident, HELD).entries == (), "it is told once"
