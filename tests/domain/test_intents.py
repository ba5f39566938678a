"""Intents to stop: on record before anything is sent, and never two for one stop (S6)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind, SaveIntent
from app.domain.incident import Incident, IncidentState, Intent, IntentState
from app.domain.lifecycle import advance
from app.domain.reasons import Reason
from app.domain.steps import Transition, open_intents
from app.errors import InvalidTransitionError
from tests.domain.examples import (
    ACCEPTED,
    ALLOCATION,
    CALL,
    ENDED,
    NOT_SENT,
    POLICY,
    RECEIPT,
    REFUSED,
    T0,
    UNANSWERED,
    WITHDRAWN,
    after,
    calling,
    escalated,
    firing,
    given_warning,
    messages,
    notified,
    proven,
    sent,
    stopping,
    warning_delivered,
)

S = IncidentState
NEIGHBOUR = "another-task.1"
LATER = T0 + timedelta(hours=3)


def step(incident: Incident, event: e.Event) -> Transition:
    return advance(incident, event, POLICY, at=LATER)


def refused() -> Incident:
    return after(calling(), REFUSED)


def intent_of(incident: Incident) -> Intent:
    intent = incident.targets[0].intent
    assert intent is not None
    return intent


def saved(transition: Transition) -> list[tuple[str, IntentState, int]]:
    return [
        (order.allocation_id, order.intent.state, order.intent.attempts)
        for order in transition.actions
        if isinstance(order, SaveIntent)
    ]


def test_the_intent_is_an_order_of_the_same_transition() -> None:
    assert saved(step(notified(), proven())) == [(ALLOCATION, IntentState.RECORDED, 0)]


def test_s12_the_proof_is_kept_whole() -> None:
    transition = step(notified(), proven())

    assert transition.entries[0].evidence == {"verify": [0.0]}


def test_a_call_is_sent_once_for_each_proof() -> None:
    with pytest.raises(InvalidTransitionError):
        step(calling(), CALL)


def test_an_intent_of_unknown_fate_keeps_its_number_when_proven_again() -> None:
    again = e.StopProven(ALLOCATION, "n2", {"verify": [1.0]})

    intent = intent_of(step(calling(), again).incident)

    assert (intent.intent_id, intent.attempts) == ("n1", 1)
    assert intent.proof == {"verify": [1.0]}


def test_what_an_event_is_about_and_is_not_there_is_named() -> None:
    with pytest.raises(InvalidTransitionError, match=f"^{NEIGHBOUR} is no target of i1$"):
        step(stopping(), e.StopSending(NEIGHBOUR))
    with pytest.raises(InvalidTransitionError, match=f"^there is no intent to stop {NEIGHBOUR}$"):
        step(one_of_two_is_stopped(), e.StopSending(NEIGHBOUR))


def test_an_attempt_that_was_not_sent_is_taken_back() -> None:
    transition = step(calling(), NOT_SENT)

    assert saved(transition) == [(ALLOCATION, IntentState.RECORDED, 0)]
    assert intent_of(transition.incident).attempts == 0


def test_s12_the_history_says_why_a_call_was_not_made() -> None:
    entry = step(calling(), NOT_SENT).entries[0]

    assert (entry.reason, entry.detail) == (Reason.STOP_NOT_SENT, "proof_old: 12 s")


def test_attempts_that_were_not_sent_use_up_none_of_those_that_may_be_made() -> None:
    incident = after(calling(), REFUSED, proven())

    for _ in range(POLICY.attempts + 1):
        incident = after(incident, CALL, NOT_SENT, proven())

    assert incident.state is S.STOPPING
    assert intent_of(after(incident, CALL)).attempts == 2


@pytest.mark.parametrize("before", [stopping, sent, refused], ids=lambda make: make.__name__)
@pytest.mark.parametrize("event", [NOT_SENT, ACCEPTED], ids=["not sent", "answered"])
def test_only_a_call_that_is_being_made_can_be_answered_or_taken_back(
    before: Callable[[], Incident], event: e.Event
) -> None:
    with pytest.raises(InvalidTransitionError, match="not being called"):
        step(before(), event)


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([CALL, ACCEPTED], S.STOPPED),
        ([CALL], S.STOPPED),
        ([CALL, UNANSWERED], S.STOPPED),
        ([CALL, ACCEPTED, proven()], S.STOPPED),
        ([CALL, proven()], S.STOPPED),
        ([CALL, UNANSWERED, proven(), CALL, REFUSED], S.STOPPED),
        ([CALL, ACCEPTED, proven(), CALL, NOT_SENT], S.STOPPED),
        ([CALL, REFUSED], S.ENDED),
        ([CALL, NOT_SENT], S.ENDED),
        ([], S.ENDED),
    ],
    ids=[
        "taken",
        "of unknown fate",
        "unanswered",
        "taken, then proven again",
        "of unknown fate, then proven again",
        "unanswered, then refused",
        "taken, then not sent again",
        "refused",
        "not sent",
        "never made",
    ],
)
def test_s12_an_end_after_a_call_that_may_have_arrived_is_our_stop_though_it_was_withdrawn(
    events: list[e.Event], outcome: IncidentState
) -> None:
    withdrawn = after(stopping(), *events, WITHDRAWN)
    warned_again = after(withdrawn, e.HoldsObserved(()), warning_delivered(2))

    assert step(withdrawn, ENDED).incident.state is outcome
    assert step(warned_again, ENDED).incident.state is outcome


def test_a_withdrawn_intent_leaves_with_its_reason() -> None:
    transition = step(calling(), e.StopWithdrawn(ALLOCATION, Reason.NEW_EPISODE, "began anew"))

    assert saved(transition) == [(ALLOCATION, IntentState.WITHDRAWN, 1)]
    assert transition.incident.targets[0].intent is None
    assert transition.entries[0].detail == "new_episode: began anew"
    assert messages(transition) == [MessageKind.STATUS]


def one_of_two_is_stopped() -> Incident:
    """Two allocations are named in one warning, and one has an intent."""
    one = firing()
    neighbour = replace(one.targets[0], allocation_id=NEIGHBOUR)
    both = {ALLOCATION: given_warning(), NEIGHBOUR: given_warning()}
    told = e.WarningDelivered(1, RECEIPT, both)
    return after(replace(one, targets=(*one.targets, neighbour)), told, proven())


def two_are_stopped() -> Incident:
    return after(one_of_two_is_stopped(), e.StopProven(NEIGHBOUR, "n2", {}))


def test_the_intent_of_a_neighbour_is_dated_when_it_is_put_on_record() -> None:
    both = step(one_of_two_is_stopped(), e.StopProven(NEIGHBOUR, "n2", {})).incident

    assert [each.intent and each.intent.recorded_at for each in both.targets] == [T0, LATER]


def test_s9_a_withdrawn_intent_needs_a_new_warning_while_a_neighbour_is_stopped() -> None:
    withdrawn = step(two_are_stopped(), WITHDRAWN)

    assert withdrawn.incident.state is S.STOPPING
    assert messages(withdrawn) == [MessageKind.STATUS], "it is stopped no more (S10)"
    with pytest.raises(InvalidTransitionError, match="no valid warning"):
        step(withdrawn.incident, proven("n3"))


def test_s9_a_withdrawn_intent_waits_for_the_neighbour_and_is_then_warned_anew() -> None:
    withdrawn = after(two_are_stopped(), WITHDRAWN)

    alone = after(withdrawn, e.AllocationEnded(NEIGHBOUR))

    assert alone.state is S.HELD
    assert MessageKind.WARNING in messages(step(alone, e.HoldsObserved(())))


def test_an_allocation_that_ends_before_anything_was_sent_ended_by_itself() -> None:
    assert step(stopping(), ENDED).entries[0].reason is Reason.ALLOCATION_ENDED


def test_another_owner_is_never_counted_as_our_stop() -> None:
    changed = e.AllocationEnded(ALLOCATION, Reason.OWNER_CHANGED)

    assert step(sent(), changed).incident.state is S.ENDED


def tried(times: int, answer: e.Event) -> Incident:
    """The calls were made and answered, and the allocation runs on."""
    incident = notified()
    for _ in range(times):
        incident = after(incident, proven(), CALL, answer)
    return incident


@pytest.mark.parametrize("answer", [ACCEPTED, None], ids=["taken", "of unknown fate"])
def test_a_proof_after_the_last_attempt_leaves_it_to_a_person(answer: e.Event | None) -> None:
    last = after(tried(POLICY.attempts - 1, REFUSED), proven(), CALL)
    incident = after(last, answer) if answer else last

    transition = step(incident, proven())

    assert transition.incident.state is S.ESCALATED
    assert saved(transition) == [(ALLOCATION, IntentState.WITHDRAWN, POLICY.attempts)]
    assert messages(transition) == [MessageKind.ADMINS, MessageKind.STATUS]
    assert transition.entries[0].reason is Reason.ATTEMPTS_EXHAUSTED


@pytest.mark.parametrize("answer", [ACCEPTED, REFUSED], ids=["taken", "refused"])
def test_every_attempt_before_the_last_may_be_followed_by_another(answer: e.Event) -> None:
    transition = step(tried(POLICY.attempts - 1, answer), proven())

    assert saved(transition) == [(ALLOCATION, IntentState.RECORDED, POLICY.attempts - 1)]


def test_the_last_failed_attempt_tells_the_admins() -> None:
    incident = after(tried(POLICY.attempts - 1, REFUSED), proven(), CALL)

    transition = step(incident, REFUSED)

    assert transition.incident.state is S.ESCALATED
    assert MessageKind.ADMINS in messages(transition)


def test_nothing_more_is_tried_when_a_person_must_look() -> None:
    assert step(escalated(), proven()).entries == ()


@pytest.mark.parametrize(
    ("neighbour", "was_called"),
    [([], False), ([e.StopSending(NEIGHBOUR)], True)],
    ids=["on record", "being called"],
)
def test_a_person_who_must_look_finds_no_stop_of_a_neighbour_open(
    neighbour: list[e.Event], *, was_called: bool
) -> None:
    both = after(two_are_stopped(), *neighbour)
    for _ in range(POLICY.attempts - 1):
        both = after(both, CALL, REFUSED, proven())

    transition = step(after(both, CALL), REFUSED)

    [first, second] = transition.incident.targets
    assert transition.incident.state is S.ESCALATED
    assert {order for order, state, _ in saved(transition) if state is IntentState.WITHDRAWN} == {
        ALLOCATION,
        NEIGHBOUR,
    }
    assert open_intents(transition.incident) == []
    assert second.was_called == was_called
    assert not first.was_called
