"""An alert that goes on under other labels ends the incident that it had, or holds it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain import events as e
from app.domain.alert import BY_HAND, Identity
from app.domain.incident import Hold, Incident, StopRequest
from app.domain.policy import Mode, Rulebook, SlotLimits
from app.domain.readings import RuleAlert
from app.domain.reasons import Reason
from app.domain.succession import relabelled, relabelled_holds
from app.domain.world import World
from tests.domain.examples import (
    ANNOTATIONS,
    IDENTITY,
    POLICY,
    T0,
    UNANSWERED,
    WITHDRAWN,
    after,
    allocation,
    calling,
    firing,
    notified,
    sent,
    snapshot,
    stopping,
    world,
)
from tests.domain.test_targets import OVER
from tests.domain.test_targets import notified as over_the_limit

CHANGED = replace(IDENTITY, severity="critical", policy="advise")


def goes_on(identity: Identity = CHANGED, **changes: object) -> World:
    """Return a world in which this fires, in the place of what fired before."""
    fires = RuleAlert(identity, ANNOTATIONS, T0)
    return world(T0, **({"firing": {identity.key: fires}} | changes))


def ends(incident: Incident, seen: World) -> list[e.RuleGone]:
    return list(relabelled(incident, seen))


def holds(incident: Incident, seen: World) -> list[Hold]:
    return list(relabelled_holds(incident, seen))


def test_s12_it_ends_and_says_what_has_changed() -> None:
    assert ends(notified(), goes_on()) == [
        e.RuleGone("the alert goes on with policy=advise, severity=critical", Reason.RELABELLED)
    ]
    assert holds(notified(), goes_on()) == []


def test_s12_a_label_that_is_gone_is_named_as_empty() -> None:
    without = replace(IDENTITY, resource_pool="")

    [end] = ends(notified(), goes_on(without))

    assert end.detail == "the alert goes on with resource_pool="


@pytest.mark.parametrize(
    "seen",
    [
        world(),
        goes_on(firing=None),
        goes_on(snapshot=None),
        goes_on(replace(CHANGED, alertname="GPUAllocationHung")),
        goes_on(replace(CHANGED, allocation_id="another.1", task_id="another")),
        goes_on(snapshot=snapshot(allocation("carol"))),
    ],
    ids=[
        "the alert itself fires",
        "Prometheus is away",
        "Determined is away",
        "another alert",
        "another allocation",
        "of another owner by now",
    ],
)
def test_it_goes_on_where(seen: World) -> None:
    assert (ends(notified(), seen), holds(notified(), seen)) == ([], [])


def asked() -> Incident:
    [target] = notified().targets
    return notified().with_target(replace(target, request=StopRequest("bob", T0)))


def by_hand() -> Incident:
    identity = replace(IDENTITY, alertname=BY_HAND)
    return replace(notified(), identity=identity)


@pytest.mark.parametrize("make", [asked, by_hand])
def test_what_a_person_asks_for_does_not_hang_on_an_alert(make: Callable[[], Incident]) -> None:
    incident = make()
    seen = goes_on(replace(incident.identity, severity="critical"))

    assert (ends(incident, seen), holds(incident, seen)) == ([], [])


def withdrawn_after_a_call() -> Incident:
    return after(calling(), UNANSWERED, WITHDRAWN)


@pytest.mark.parametrize("make", [stopping, calling, sent, withdrawn_after_a_call])
def test_s6_of_what_a_call_may_have_been_made_it_is_held(make: Callable[[], Incident]) -> None:
    incident = make()

    assert ends(incident, goes_on()) == []
    assert holds(incident, goes_on()) == [Hold(Reason.RELABELLED)]


def test_what_nobody_was_told_of_ends_as_well() -> None:
    assert len(ends(firing(), goes_on())) == 1


@pytest.mark.parametrize(("limit", "goes"), [(0, True), (None, False)], ids=["over it", "no limit"])
def test_an_alert_about_a_user_is_borne_out_by_the_slot_limit(
    limit: int | None, *, goes: bool
) -> None:
    rulebook = Rulebook(Mode.ENFORCE, {POLICY.name: POLICY}, slot_limits=SlotLimits(default=limit))
    waits = replace(snapshot(allocation()), queued_slots={"default": {"carol": 8}})
    seen = goes_on(replace(OVER, severity="critical"), rulebook=rulebook, snapshot=waits)

    assert bool(ends(over_the_limit(), seen)) is goes
