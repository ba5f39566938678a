"""What a stop has given back: counted when it is seen, told once, and claimed for no more."""

from dataclasses import replace
from datetime import timedelta

from app.domain import events as e
from app.domain.actions import MessageKind, SendMessage
from app.domain.incident import Incident, IncidentState, Receipt, RecipientKind
from app.domain.lifecycle import advance
from app.domain.policy import StopAction
from app.domain.reclaimed import reclaimed
from app.domain.release import Release
from app.domain.steps import Transition
from tests.domain.examples import (
    ACCEPTED,
    ALLOCATION,
    CALL,
    ENDED,
    POLICY,
    T0,
    after,
    calling,
    notified,
    warning_delivered,
)

HOUR = timedelta(hours=1)
LATE = Receipt("D1", "1795489260.000200", RecipientKind.OWNER)


def stopping(action: StopAction = StopAction.KILL, **proof: object) -> Incident:
    """Two GPUs, held since an hour before the warning."""
    incident = notified()
    incident = incident.with_target(replace(incident.targets[0], slots=2, name="a <b>"))
    read = {"alert_active_at": (T0 - HOUR).isoformat()} | proof
    return after(incident, e.StopProven(ALLOCATION, "n1", read, action=action), CALL, ACCEPTED)


def ends(incident: Incident, *, minutes: int = 0) -> Transition:
    """Its end is seen, and after so many minutes that its GPUs are free."""
    gone = advance(incident, ENDED, POLICY, at=T0 + 2 * HOUR)
    seen = e.GpusSeen(ALLOCATION, Release.FREED)
    later = T0 + 2 * HOUR + timedelta(minutes=minutes)
    return gone.followed_by(advance(gone.incident, seen, POLICY, at=later))


def told_admins(transition: Transition) -> list[str]:
    return [
        order.text
        for order in transition.actions
        if isinstance(order, SendMessage) and order.kind is MessageKind.ADMINS
    ]


def test_gpus_count_for_the_time_in_which_the_condition_held() -> None:
    found = reclaimed(ends(stopping()).incident)

    assert (found.gpus, found.held) == (2, 6 * HOUR)


def test_gpus_count_until_the_end_was_seen_and_not_until_they_were() -> None:
    found = reclaimed(ends(stopping(), minutes=4).incident)

    assert found.held == 6 * HOUR


def test_without_the_begin_of_the_condition_no_time_is_claimed() -> None:
    found = reclaimed(ends(stopping(alert_active_at=None)).incident)

    assert (found.gpus, found.held) == (2, timedelta())


def test_a_clock_that_was_set_back_claims_nothing() -> None:
    found = reclaimed(ends(stopping(alert_active_at=(T0 + 9 * HOUR).isoformat())).incident)

    assert found.held == timedelta()


def test_what_ended_by_itself_was_not_reclaimed() -> None:
    transition = ends(notified())

    assert reclaimed(transition.incident).gpus == 0
    assert told_admins(transition) == []


def test_admins_read_what_was_stopped_and_what_it_has_freed() -> None:
    [text] = told_admins(ends(stopping()))

    assert "GPUs free for others: 2." in text
    assert "6.0 GPU-hours" in text
    assert "notebook c7a2ea20-b2f1-4c94-ae05-319acb5c7427 “a <b>” of bob, stopped" in text


def test_admins_read_that_it_was_paused() -> None:
    [text] = told_admins(ends(stopping(StopAction.PAUSE)))

    assert text.endswith("of bob, paused")


def test_admins_are_told_once() -> None:
    stopped = ends(stopping()).incident

    late = advance(stopped, warning_delivered(7, LATE), POLICY, at=T0 + 3 * HOUR)

    assert stopped.state is IncidentState.STOPPED
    assert late.entries != ()
    assert told_admins(late) == []


def test_a_stop_whose_end_is_not_seen_yet_has_reclaimed_nothing() -> None:
    assert reclaimed(calling()).gpus == 0
