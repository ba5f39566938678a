"""S7 and S9: what a tripped breaker, and its reset, mean for an incident."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.domain import events as e
from app.domain.breaker import BreakerState
from app.domain.consequences import consequence
from app.domain.incident import Hold, Incident, IncidentState
from app.domain.observation import observe
from app.domain.policy import Mode
from app.domain.proof import Verdict, judge
from app.domain.reasons import Reason
from app.domain.world import World
from tests.domain.examples import (
    ALLOCATION,
    GRACE,
    LIMITS,
    POLICY,
    T0,
    after,
    calling,
    firing,
    held,
    notified,
    peer,
    readings,
    sent,
    stopping,
    world,
)

DUE = T0 + GRACE
TRIPPED = BreakerState(tripped=True, at=DUE, by="carol", reason="the exporter is broken")
HOLD = Hold(Reason.BREAKER, by="carol", detail="the exporter is broken")
RESET = replace(TRIPPED, tripped=False)
UNTOUCHED = BreakerState()


def verdict(incident: Incident, seen: World) -> Verdict:
    return judge(incident, incident.targets[0], readings(), seen, policy=POLICY, limits=LIMITS)


def seen_of(incident: Incident, breaker: BreakerState, mode: Mode = Mode.ENFORCE) -> list[e.Event]:
    events = observe(incident, world(DUE, mode=mode, breaker=breaker), mode)
    return [each for each in events if not isinstance(each, e.AlertSeen | e.TargetSeen)]


@pytest.mark.parametrize("incident", [firing(), notified()], ids=["firing", "notified"])
def test_whatever_could_be_stopped_is_held_while_the_breaker_is_tripped(incident: Incident) -> None:
    events = seen_of(incident, TRIPPED)

    assert events == [e.HoldsObserved((HOLD,))]
    assert after(incident, *events).state is IncidentState.HELD


def test_a_hold_ends_with_the_breaker_and_a_new_warning_follows() -> None:
    incident = after(held(), e.HoldsObserved((HOLD,)))

    assert seen_of(incident, RESET) == [e.HoldsObserved(())]


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.WARN])
@pytest.mark.parametrize("breaker", [TRIPPED, RESET], ids=["tripped", "reset"])
def test_where_nothing_is_stopped_the_breaker_changes_nothing(
    mode: Mode, breaker: BreakerState
) -> None:
    assert seen_of(replace(notified(), mode=mode), breaker, mode) == []


def told_since(reset: BreakerState) -> Incident:
    """Return an incident whose owner was warned when the breaker stood like this."""
    [target] = notified().targets
    assert target.warning
    warning = replace(target.warning, breaker_at=reset.at)
    return notified().with_target(replace(target, warning=warning))


@pytest.mark.parametrize(
    "at",
    [DUE, DUE + timedelta(seconds=5), T0 - timedelta(seconds=5)],
    ids=["", "by a clock that is ahead", "by a clock that is behind"],
)
def test_s9_a_trip_that_nobody_saw_before_its_reset_ends_the_round(at: datetime) -> None:
    [event] = seen_of(notified(), replace(RESET, at=at))

    assert event == e.EpisodeBegan({"breaker_reset_by": "carol"}, Reason.HOLD_ENDED)


def test_a_reset_before_the_warning_is_no_news() -> None:
    assert seen_of(told_since(RESET), RESET) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"breaker": TRIPPED}, Reason.BREAKER),
        ({"breaker": RESET}, Reason.HOLD_ENDED),
        ({"snapshot": None}, Reason.DETERMINED_UNAVAILABLE),
        ({"breaker": UNTOUCHED}, Reason.PROVEN),
    ],
    ids=["tripped", "reset after the warning", "what runs is unknown", "never touched"],
)
def test_the_breaker_can_forbid_a_stop(changes: dict[str, object], reason: Reason) -> None:
    assert verdict(notified(), world(DUE, **changes)).reason is reason


def test_a_reset_before_the_warning_forbids_nothing() -> None:
    assert verdict(told_since(RESET), world(DUE, breaker=RESET)).is_proven


def test_the_breaker_is_asked_last() -> None:
    seen = world(DUE, breaker=TRIPPED, clock=GRACE - timedelta(seconds=1))

    assert verdict(notified(), seen).reason is Reason.GRACE_RUNS


@pytest.mark.parametrize("breaker", [TRIPPED, RESET], ids=["tripped", "reset"])
@pytest.mark.parametrize(
    "incident", [stopping(), calling(), sent()], ids=["recorded", "sending", "sent"]
)
def test_an_open_intent_that_is_judged_again_is_withdrawn(
    incident: Incident, breaker: BreakerState
) -> None:
    """Even while something else is not known: it must not wait for better times."""
    unknown = world(DUE, breaker=breaker, peers=(peer(error="503"),))

    event = consequence(incident, incident.targets[0], verdict(incident, unknown), "n2")

    assert isinstance(event, e.StopWithdrawn)
    assert event.allocation_id == ALLOCATION
    assert after(incident, event).state is IncidentState.HELD
