"""What keeps a stop from being made, or us from seeing: said once, and to admins when it lasts."""

from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind, SendMessage
from app.domain.incident import Block, Incident
from app.domain.lifecycle import advance
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.domain.steps import Transition
from tests.domain.examples import (
    ACCEPTED,
    CALL,
    NOT_SENT,
    POLICY,
    SILENCED,
    T0,
    after,
    calling,
    firing,
    held,
    messages,
    notified,
    opened,
    proven,
    stopping,
)

SOON = T0 + timedelta(minutes=1)
LASTING = T0 + POLICY.tell_admins_after
DUE = e.StopBlocked(Reason.EVIDENCE_STALE, "31 s")
BLIND = e.Blind(Reason.EVIDENCE_STALE, "31 s")
BOTH = pytest.mark.parametrize("event", [DUE, BLIND], ids=["a stop is due", "blind"])
SEEN = e.AlertSeen(opened().expressions, opened().annotations)


def step(incident: Incident, event: e.Event, *, later: timedelta = timedelta()) -> Transition:
    return advance(incident, event, POLICY, at=SOON + later)


def text_of(transition: Transition) -> str:
    [order] = [order for order in transition.actions if isinstance(order, SendMessage)]
    return order.text


@BOTH
def test_s5_the_same_reason_is_no_news(event: e.StopBlocked | e.Blind) -> None:
    blocked = after(notified(), event)

    assert step(blocked, event).entries == ()


@pytest.mark.parametrize(
    "other",
    [e.StopBlocked(Reason.HEARTBEAT_MISSING), e.StopBlocked(Reason.EVIDENCE_MISSING)],
    ids=["heartbeat", "evidence"],
)
def test_s12_another_reason_is_in_the_history_and_goes_on_with_the_row(
    other: e.StopBlocked,
) -> None:
    transition = step(after(notified(), DUE), other)

    assert transition.entries[0].reason is other.reason
    assert transition.incident.block == Block(other.reason, since=T0)


@BOTH
def test_s5_admins_hear_once_of_what_lasts(event: e.StopBlocked | e.Blind) -> None:
    blocked = after(notified(), event)

    lasting = advance(blocked, event, POLICY, at=LASTING)

    assert advance(blocked, event, POLICY, at=LASTING - timedelta(seconds=1)).actions == ()
    assert messages(lasting) == [MessageKind.ADMINS]
    assert advance(lasting.incident, event, POLICY, at=LASTING).entries == ()


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (DUE, "A stop for bob is due and not made, since 2026-11-24 12:00 UTC"),
        (BLIND, "GPUAllocationIdle for bob may be over, which cannot be seen, since 2026-11-24"),
    ],
    ids=["a stop is due", "blind"],
)
def test_s10_admins_hear_of_a_stop_only_where_one_is_due(
    event: e.StopBlocked | e.Blind, said: str
) -> None:
    text = text_of(advance(after(notified(), event), event, POLICY, at=LASTING))

    assert text.startswith(said)
    assert "evidence_stale. 31 s" in text


@pytest.mark.parametrize(
    ("first", "second"), [(DUE, BLIND), (BLIND, DUE)], ids=["then blind", "then due"]
)
def test_blindness_and_a_prevented_stop_are_two_rows(
    first: e.StopBlocked | e.Blind, second: e.StopBlocked | e.Blind
) -> None:
    told = advance(after(notified(), first), first, POLICY, at=LASTING).incident

    other = advance(told, second, POLICY, at=LASTING)

    due = isinstance(second, e.StopBlocked)
    assert other.incident.block == Block(Reason.EVIDENCE_STALE, since=LASTING, due=due)
    assert other.entries[0].reason is Reason.EVIDENCE_STALE


@pytest.mark.parametrize("incident", [firing(), notified(), held()], ids=lambda x: str(x.state))
def test_an_alert_that_is_seen_again_ends_blindness(incident: Incident) -> None:
    incident = after(incident, SEEN)

    transition = step(after(incident, BLIND), SEEN)

    assert transition.incident.block is None
    assert transition.entries[0].reason is Reason.ALERT_SEEN
    assert step(transition.incident, SEEN).entries == ()


def test_an_alert_that_is_seen_does_not_end_what_prevents_a_stop() -> None:
    blocked = after(notified(), SEEN, DUE)

    assert step(blocked, SEEN) == Transition(blocked)


@pytest.mark.parametrize("incident", [stopping(), calling()], ids=["on record", "being made"])
def test_while_a_stop_is_under_way_nobody_is_blind(incident: Incident) -> None:
    assert step(incident, BLIND) == Transition(incident)


def test_the_end_of_a_round_ends_what_prevented_its_stop() -> None:
    assert step(after(notified(), DUE), e.HoldsObserved((SILENCED,))).incident.block is None


def test_blindness_is_over_when_a_stop_is_proven() -> None:
    assert step(after(notified(), BLIND), proven()).incident.block is None


def test_s5_a_call_that_was_not_made_is_an_obstacle_like_any_other() -> None:
    transition = step(calling(), NOT_SENT)

    assert transition.incident.block == Block(Reason.PROOF_OLD, since=SOON)


def test_s5_admins_hear_once_of_a_stop_that_is_proven_again_and_again_and_never_sent() -> None:
    incident = after(notified(), DUE)
    told = []

    for minutes in range(int(POLICY.tell_admins_after / timedelta(minutes=1)) + 5):
        at = SOON + timedelta(minutes=minutes)
        incident = after(incident, proven(), CALL, at=at)
        transition = advance(incident, NOT_SENT, POLICY, at=at)
        incident = transition.incident
        told += [at for kind in messages(transition) if kind is MessageKind.ADMINS]

    assert told == [LASTING]


def test_a_call_that_was_made_ends_what_prevented_it() -> None:
    assert step(after(notified(), DUE, proven(), CALL), ACCEPTED).incident.block is None


def test_s10_in_mode_observe_admins_have_no_message_about_each_alert() -> None:
    """The digest counts them. Once owners are told, admins are, too."""
    blocked = after(after(opened(Mode.OBSERVE), e.AlertActive()), BLIND)

    observing = advance(blocked, BLIND, POLICY, at=LASTING)
    warned = after(observing.incident, e.ModeChanged(Mode.WARN), BLIND, at=LASTING)
    later = advance(warned, BLIND, POLICY, at=LASTING + POLICY.tell_admins_after)

    assert (messages(observing), observing.entries) == ([], ())
    assert messages(later) == [MessageKind.ADMINS]


def test_s10_a_stop_that_a_person_wants_is_told_of_in_every_mode() -> None:
    blocked = after(after(opened(Mode.OBSERVE), e.AlertActive()), DUE)

    assert messages(advance(blocked, DUE, POLICY, at=LASTING)) == [MessageKind.ADMINS]
