"""What people ask for: a stop now, a keep that takes it back, a false alarm."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.domain import by_hand_proof
from app.domain import events as e
from app.domain.actions import MessageKind, SaveIntent
from app.domain.by_hand import wanted
from app.domain.by_hand_proof import REQUEST_LIFE
from app.domain.cluster import TaskType
from app.domain.evidence import Readings
from app.domain.history import WATCHDOG
from app.domain.incident import Hold, Incident, IncidentState, IntentState, Keep, StopRequest
from app.domain.lifecycle import advance
from app.domain.policy import Mode
from app.domain.proof import Verdict
from app.domain.reasons import Reason
from app.domain.schedule import due_targets
from app.domain.steps import Transition
from app.errors import InvalidTransitionError
from tests.domain.examples import (
    ALLOCATION,
    CALL,
    ENDED,
    LIMITS,
    POLICY,
    SILENCED,
    T0,
    TASK,
    UNANSWERED,
    after,
    allocation,
    calling,
    escalated,
    firing,
    held,
    messages,
    notified,
    opened,
    proven,
    readings,
    sent,
    stopping,
    warning_delivered,
    world,
)

S = IncidentState
LATER = T0 + timedelta(minutes=1)
REQUEST = StopRequest("bob", T0)
ASKED = e.StopRequested((ALLOCATION,), REQUEST, "done with it")
KEPT = e.HoldsObserved((Hold(Reason.KEPT, by="bob"),), actor="bob")
DISMISSED = e.Dismissed("ann", "its GPUs are busy")
NOTHING = Readings(None)


def step(incident: Incident, event: e.Event) -> Transition:
    return advance(incident, event, POLICY, at=LATER)


def asked(make: Callable[[], Incident] = notified) -> Incident:
    return after(make(), ASKED)


@pytest.mark.parametrize("make", [opened, firing, notified, held, stopping, calling])
def test_s12_a_request_is_noted_with_who_asked_and_nothing_else_happens_yet(
    make: Callable[[], Incident],
) -> None:
    before = make()

    transition = step(before, ASKED)

    is_called = before.targets[0].intent is not None and make is calling
    assert transition.incident.state is before.state
    if is_called:
        assert transition.entries == ()
        return
    assert transition.incident.targets[0].request == REQUEST
    [entry] = transition.entries
    assert (entry.reason, entry.actor, entry.detail) == (
        Reason.STOP_REQUESTED,
        "bob",
        "done with it",
    )
    assert (MessageKind.STATUS in messages(transition)) == (before.message is not None)


@pytest.mark.parametrize("make", [sent, escalated])
def test_nobody_asks_for_what_is_being_done_or_was_given_up(make: Callable[[], Incident]) -> None:
    assert step(make(), ASKED).entries == ()


def test_a_request_that_is_repeated_is_the_first_one() -> None:
    again = step(asked(), replace(ASKED, request=StopRequest("ann", LATER)))

    assert again.entries == ()
    assert again.incident.targets[0].request == REQUEST


def test_only_the_allocations_that_were_named_are_asked_for() -> None:
    transition = step(notified(), replace(ASKED, allocation_ids=("another.1",)))

    assert transition.entries == ()


@pytest.mark.parametrize("make", [opened, firing, notified, held])
def test_a_request_that_is_proven_begins_a_stop_in_every_state(
    make: Callable[[], Incident],
) -> None:
    transition = step(asked(make), proven())

    assert transition.incident.state is S.STOPPING
    [saved] = [each for each in transition.actions if isinstance(each, SaveIntent)]
    assert (saved.intent.state, saved.quota) == (IntentState.RECORDED, None)
    assert transition.entries[0].actor == "bob"


@pytest.mark.parametrize("make", [opened, firing, held])
def test_without_a_request_the_same_proof_is_refused(make: Callable[[], Incident]) -> None:
    with pytest.raises(InvalidTransitionError):
        step(make(), proven())


def test_a_request_needs_no_mode_that_stops() -> None:
    observed = after(opened(Mode.OBSERVE), e.AlertActive(), ASKED)

    assert step(observed, proven()).incident.state is S.STOPPING


def test_the_watchdog_s_own_stops_are_still_measured_and_nobody_s_word() -> None:
    transition = step(notified(), proven())

    [saved] = [each for each in transition.actions if isinstance(each, SaveIntent)]
    assert saved.quota is not None
    assert transition.entries[0].actor == WATCHDOG


@pytest.mark.parametrize("make", [opened, firing, notified, held])
def test_s13_a_keep_takes_a_request_back(make: Callable[[], Incident]) -> None:
    kept = after(asked(make), KEPT)

    assert kept.state is S.HELD
    assert kept.targets[0].request is None


def test_s13_the_same_keep_again_takes_a_later_request_back() -> None:
    kept = after(notified(), KEPT)

    again = step(after(kept, ASKED), KEPT)

    assert again.incident.targets[0].request is None
    assert again.entries[0].reason is Reason.HOLD_CHANGED


def test_the_same_holds_again_are_no_news() -> None:
    kept = after(notified(), KEPT)

    assert step(kept, KEPT).entries == ()
    assert step(after(kept, ASKED), replace(KEPT, actor=WATCHDOG)).entries == ()


def test_what_the_watchdog_itself_sees_takes_no_request_back() -> None:
    silenced = after(asked(), e.HoldsObserved((SILENCED,)))

    assert silenced.state is S.HELD
    assert silenced.targets[0].request == REQUEST


@pytest.mark.parametrize(
    "event",
    [e.HoldsObserved((SILENCED,)), e.ModeChanged(Mode.WARN), e.RecoveryObserved({})],
    ids=["a silence", "a lower mode", "a recovery"],
)
def test_what_speaks_against_a_stop_takes_none_back_that_a_person_wants(event: e.Event) -> None:
    begun = after(asked(), proven())

    assert step(begun, event).entries == ()


def test_s13_a_keep_takes_the_intent_back_as_long_as_nothing_was_taken() -> None:
    transition = step(after(asked(), proven()), KEPT)

    assert transition.incident.state is S.HELD
    target = transition.incident.targets[0]
    assert (target.intent, target.request) == (None, None)


def test_an_intent_that_is_withdrawn_takes_its_request_with_it() -> None:
    begun = after(asked(), proven(), CALL, UNANSWERED)

    withdrawn = after(begun, e.StopWithdrawn(ALLOCATION, Reason.REQUEST_LAPSED))

    assert (withdrawn.state, withdrawn.targets[0].request) == (S.HELD, None)
    with pytest.raises(InvalidTransitionError):
        step(withdrawn, proven())


def test_what_could_not_be_stopped_is_not_asked_for_any_more() -> None:
    incident = asked()
    for _ in range(POLICY.attempts):
        incident = after(incident, proven(), CALL, UNANSWERED)

    assert incident.state is S.ESCALATED
    assert incident.targets[0].request is None


def test_a_stop_that_was_asked_for_ends_as_any_other() -> None:
    transition = step(after(asked(), proven(), CALL), ENDED)

    assert transition.incident.state is S.STOPPED
    assert transition.entries[0].reason is Reason.STOP_VERIFIED


def test_what_is_asked_for_is_not_due_for_its_alert_as_well() -> None:
    late = T0 + timedelta(hours=3)

    due = due_targets(asked(), POLICY, clock=late - T0, now=late)

    assert due == []
    assert wanted(asked()) == list(asked().targets)


@pytest.mark.parametrize(
    "make",
    [notified, lambda: after(asked(), proven()), lambda: after(asked(), ENDED)],
    ids=["nobody asks", "the intent is on record", "it has ended"],
)
def test_nothing_more_is_wanted_where(make: Callable[[], Incident]) -> None:
    assert wanted(make()) == []


def test_a_request_lapses_and_the_grace_period_goes_on() -> None:
    transition = step(asked(), e.RequestLapsed(ALLOCATION, "time-out"))

    assert transition.incident == replace(notified(), changed_at=LATER)
    [entry] = transition.entries
    assert (entry.reason, entry.detail) == (Reason.REQUEST_LAPSED, "time-out")
    assert messages(transition) == [MessageKind.STATUS]


@pytest.mark.parametrize(
    ("make", "allocation_id"),
    [
        (notified, ALLOCATION),
        (asked, "another.1"),
        (lambda: after(asked(), proven()), ALLOCATION),
    ],
    ids=["nobody asks", "of another", "the intent is on record"],
)
def test_there_is_nothing_to_lapse_where(make: Callable[[], Incident], allocation_id: str) -> None:
    assert step(make(), e.RequestLapsed(allocation_id)).entries == ()


def test_s12_a_press_by_who_may_not_changes_nothing_and_is_noted() -> None:
    transition = step(notified(), e.PressRefused("U9 (Slack)", "stop"))

    assert transition.incident == replace(notified(), changed_at=LATER)
    assert transition.actions == ()
    [entry] = transition.entries
    assert (entry.reason, entry.actor, entry.detail) == (
        Reason.PRESS_REFUSED,
        "U9 (Slack)",
        "stop",
    )


@pytest.mark.parametrize("make", [opened, firing, notified, held, escalated])
def test_s12_a_false_alarm_is_closed_with_who_said_so(make: Callable[[], Incident]) -> None:
    before = make()

    transition = step(before, DISMISSED)

    assert transition.incident.state is S.DISMISSED
    [entry] = transition.entries
    assert (entry.reason, entry.actor, entry.detail, dict(entry.evidence)) == (
        Reason.DISMISSED,
        "ann",
        "its GPUs are busy",
        {},
    )
    told = [MessageKind.STATUS, MessageKind.CLOSING] if before.message else []
    assert messages(transition) == told


@pytest.mark.parametrize("make", [stopping, calling, sent])
def test_it_is_too_late_to_call_false_what_is_being_stopped(make: Callable[[], Incident]) -> None:
    assert step(make(), DISMISSED).entries == ()


@pytest.mark.parametrize("event", [ASKED, DISMISSED, e.PressRefused("eve", "keep")])
def test_nobody_asks_anything_of_what_is_over(event: e.Event) -> None:
    assert step(after(notified(), ENDED), event).entries == ()


def test_a_warning_that_comes_after_the_request_is_no_news_while_it_is_being_stopped() -> None:
    begun = after(asked(firing), proven())

    assert after(begun, warning_delivered()).state is S.STOPPING


# The proof.


def verdict(read: Readings, request: StopRequest = REQUEST, **seen: object) -> Verdict:
    incident = after(firing(), replace(ASKED, request=request))
    return by_hand_proof.judge(
        incident,
        incident.targets[0],
        read,
        world(LATER, **seen),
        policy=POLICY,
        limits=LIMITS,
    )


@pytest.mark.parametrize(
    "seen",
    [{}, {"firing": None}, {"firing": {}}, {"peers": ()}, {"mode": Mode.OBSERVE}],
    ids=["nothing", "Prometheus is away", "no alert", "no Alertmanager", "it stops nothing"],
)
def test_determined_alone_is_heard(seen: dict[str, object]) -> None:
    found = verdict(readings(), REQUEST, **seen)

    assert (found.reason, found.detail) == (Reason.PROVEN, "")


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (NOTHING, Reason.ALLOCATION_ENDED),
        (readings(allocation=allocation(containers=())), Reason.ALLOCATION_ENDED),
        (readings(allocation=allocation("carol")), Reason.OWNER_CHANGED),
        (readings(allocation=allocation(None)), Reason.OWNER_UNKNOWN),
        (readings(allocation=allocation(task_type=TaskType.CHECKPOINT_GC)), Reason.NOT_STOPPABLE),
        (Readings(None, allocation_error="500"), Reason.DETERMINED_UNAVAILABLE),
    ],
    ids=["gone", "queued", "another's", "nobody's", "no call for it", "Determined is away"],
)
def test_s2_s5_what_forbids_it(read: Readings, reason: Reason) -> None:
    assert verdict(read).reason is reason


def test_s12_what_forbids_it_is_said_in_words() -> None:
    assert verdict(Readings(None, allocation_error="500")).detail == "500"


def test_s12_the_verdict_says_what_spoke_against_it() -> None:
    evidence = verdict(readings(evidence=None), firing={}).evidence

    assert any(each.startswith("not_firing: ") for each in evidence["against"])
    assert "not_warned" in evidence["against"]
    assert not any("evidence_missing" in each for each in evidence["against"])
    assert evidence["allocation"]["allocation_id"] == ALLOCATION


def keep(**changes: object) -> Keep:
    """Return a keep of the task, in force when the request is judged."""
    made = Keep("k1", TASK, POLICY.name, T0 + timedelta(hours=2), "carol", "a long run", T0)
    return replace(made, **changes)  # type: ignore[arg-type] # Changes are words of the test.


@pytest.mark.parametrize("until", [T0 + timedelta(hours=2), LATER], ids=["in force", "over"])
def test_s13_a_keep_that_was_not_in_force_takes_the_request_back(until: datetime) -> None:
    found = verdict(readings(), keeps=(keep(until=until),))

    assert (found.reason, found.detail) == (Reason.KEPT, "by carol, after the stop was asked for")


@pytest.mark.parametrize(
    "other",
    [keep(task_id="another"), keep(policy="advise"), keep(until=T0), keep(keep_id="k0")],
    ids=["of another task", "of another policy", "over before", "in force when it was asked for"],
)
def test_no_other_keep_does(other: Keep) -> None:
    request = replace(REQUEST, despite=("k0",))

    assert verdict(readings(), request, keeps=(other,)).reason is Reason.PROVEN


def test_what_is_over_is_said_before_who_keeps_it() -> None:
    assert verdict(NOTHING, keeps=(keep(),)).reason is Reason.ALLOCATION_ENDED


def means(incident: Incident, given: Verdict, after_: timedelta = timedelta()) -> e.Event:
    return by_hand_proof.consequence(incident.targets[0], given, "n9", T0 + after_)


UNREADABLE = Verdict(Reason.DETERMINED_UNAVAILABLE, "500", {"seen": 1})


def test_a_proven_request_is_an_intent() -> None:
    event = means(asked(), Verdict(Reason.PROVEN, "", {"seen": 1}))

    assert event == e.StopProven(ALLOCATION, "n9", {"seen": 1})


@pytest.mark.parametrize(
    ("late", "lapses"), [(timedelta(), False), (timedelta(seconds=1), True)], ids=["last", "late"]
)
def test_s13_a_request_that_nobody_judged_in_time_lapses(late: timedelta, *, lapses: bool) -> None:
    event = means(asked(), Verdict(Reason.PROVEN), REQUEST_LIFE + late)

    assert isinstance(event, e.RequestLapsed) is lapses


def test_an_intent_that_was_never_sent_is_withdrawn_when_it_is_old() -> None:
    recorded = after(asked(), proven())

    event = means(recorded, Verdict(Reason.PROVEN), 2 * REQUEST_LIFE)

    assert isinstance(event, e.StopWithdrawn)


def test_a_call_that_may_have_been_made_is_brought_to_its_end_however_old() -> None:
    begun = after(asked(), proven("n1"), CALL, UNANSWERED)

    assert isinstance(means(begun, Verdict(Reason.PROVEN), 2 * REQUEST_LIFE), e.StopProven)


def test_an_intent_that_is_proven_again_is_the_same_one() -> None:
    begun = after(asked(), proven("n1"), CALL, UNANSWERED)

    assert means(begun, Verdict(Reason.PROVEN)) == e.StopProven(ALLOCATION, "n1", {})


@pytest.mark.parametrize("reason", [Reason.ALLOCATION_ENDED, Reason.OWNER_CHANGED])
def test_what_is_over_ends(reason: Reason) -> None:
    event = means(asked(), Verdict(reason, "", {"seen": 1}))

    assert event == e.AllocationEnded(ALLOCATION, reason, {"seen": 1})


def test_s5_what_nobody_can_read_waits() -> None:
    event = means(asked(), UNREADABLE, REQUEST_LIFE)

    assert event == e.StopBlocked(Reason.DETERMINED_UNAVAILABLE, "500", {"seen": 1})


def test_s5_what_nobody_could_read_for_too_long_lapses() -> None:
    event = means(asked(), UNREADABLE, REQUEST_LIFE + timedelta(seconds=1))

    assert event == e.RequestLapsed(ALLOCATION, "determined_unavailable: 500")


def test_s5_an_intent_that_nobody_can_prove_again_is_withdrawn_when_it_is_old() -> None:
    begun = after(asked(), proven(), CALL, UNANSWERED)

    event = means(begun, UNREADABLE, 2 * REQUEST_LIFE)

    assert event == e.StopWithdrawn(
        ALLOCATION, Reason.REQUEST_LAPSED, "determined_unavailable: 500", {"seen": 1}
    )


@pytest.mark.parametrize("reason", [Reason.NOT_STOPPABLE, Reason.KEPT])
def test_what_no_call_may_stop_lapses_at_once(reason: Reason) -> None:
    event = means(asked(), Verdict(reason, "no call"))

    assert event == e.RequestLapsed(ALLOCATION, f"{reason}: no call")


def test_s13_a_keep_withdraws_an_intent_that_was_begun_without_effect() -> None:
    begun = after(asked(), proven(), CALL, UNANSWERED)

    event = means(begun, Verdict(Reason.KEPT, "by carol", {"seen": 1}))

    why = "kept: by carol"
    assert event == e.StopWithdrawn(ALLOCATION, Reason.REQUEST_LAPSED, why, {"seen": 1})
