"""What is asked for without an alert; and what a request leaves behind, in every detail."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import by_hand_proof
from app.domain import events as e
from app.domain.alert import BY_HAND
from app.domain.by_hand import is_by_hand, is_forgotten
from app.domain.by_hand_proof import REQUEST_LIFE
from app.domain.incident import Incident, StopRequest
from app.domain.lifecycle import advance
from app.domain.policy import Mode, StopAction
from app.domain.proof import Verdict
from app.domain.reasons import Reason
from tests.domain.examples import (
    ALLOCATION,
    IDENTITY,
    LIMITS,
    POLICY,
    T0,
    after,
    notified,
    peer,
    proven,
    readings,
    world,
)

KILL = e.StopRequested((ALLOCATION,), StopRequest("ann", T0), "a new fan", {"effects": ["kill"]})
PAUSE = replace(KILL, request=StopRequest("bob", T0, StopAction.PAUSE))


def alone(*happened: e.Event, mode: Mode = Mode.OBSERVE) -> Incident:
    """Return an incident about no alert, after what has happened to it."""
    identity = replace(IDENTITY, alertname=BY_HAND)
    return replace(after(notified(), *happened), identity=identity, mode=mode)


def test_a_request_is_in_the_history_with_what_it_was_asked_for_against() -> None:
    [entry] = advance(notified(), KILL, POLICY, at=T0).entries

    assert (entry.detail, entry.evidence) == ("a new fan", {"effects": ["kill"]})


def test_a_kill_takes_the_place_of_a_pause_while_nothing_is_begun() -> None:
    paused = after(notified(), PAUSE)

    assert after(paused, KILL).targets[0].request == KILL.request
    assert after(after(paused, KILL), PAUSE).targets[0].request == KILL.request
    begun = after(paused, proven())
    assert after(begun, KILL).targets[0].request == PAUSE.request


def test_a_request_that_came_too_late_says_so() -> None:
    target = after(notified(), KILL).targets[0]

    event = by_hand_proof.consequence(
        target, Verdict(Reason.PROVEN), "n9", T0 + REQUEST_LIFE + timedelta(seconds=1)
    )

    assert event == e.RequestLapsed(ALLOCATION, "request_lapsed: asked for too long ago")


def test_what_nobody_asks_for_any_more_is_forgotten() -> None:
    assert is_by_hand(alone())
    assert is_forgotten(alone())
    assert not is_forgotten(alone(KILL))
    assert not is_forgotten(alone(KILL, proven()))
    assert not is_forgotten(alone(proven())), "a stop that has begun is brought to its end"


def test_an_alert_that_nobody_asks_about_is_not_forgotten() -> None:
    assert not is_by_hand(notified())
    assert not is_forgotten(notified())


def against(incident: Incident, mode: Mode) -> set[str]:
    seen = world(mode=mode, firing={}, peers=(peer(),))
    found = by_hand_proof.judge(
        incident, incident.targets[0], readings(), seen, policy=POLICY, limits=LIMITS
    )
    return {each.partition(":")[0] for each in found.evidence["against"]}


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.WARN])
def test_nothing_is_held_against_it_that_is_of_an_alert(mode: Mode) -> None:
    moot = {"not_firing", "expressions_missing", "not_in_alertmanager"}

    assert not against(alone(KILL), mode) & moot
    assert ("mode" in against(alone(KILL), mode)) is (mode is not Mode.ENFORCE)


def test_of_an_alert_all_of_it_is_held_against_it() -> None:
    observed = replace(after(notified(), KILL), mode=Mode.OBSERVE)

    assert {"not_firing", "mode"} <= against(observed, Mode.ENFORCE)
