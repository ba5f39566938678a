"""S3, S5: what keeps a due stop from being made, and that everybody learns why."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from app.domain.cluster import Allocation
from app.domain.incident import IncidentState
from app.domain.policy import Mode
from app.domain.readings import PeerAlertState
from app.domain.reasons import Reason
from app.errors import UpstreamError, UpstreamMalformedError, UpstreamUnavailableError
from tests.domain.examples import IDENTITY, T0, allocation
from tests.receiver.conftest import GRACE, MINUTE, POLICY, RULEBOOK, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
DOWN = UpstreamUnavailableError("time-out")
UNREADABLE = UpstreamMalformedError("not JSON")
PROOF_AGE = RULEBOOK.limits.proof_age
NAN, INFINITY = float("nan"), float("inf")


@dataclass(frozen=True)
class Obstacle:
    """Something that a stop must not be made past."""

    reason: Reason
    rises: Callable[[World], None]
    falls: Callable[[World], None]


def determined(fault: UpstreamError) -> Obstacle:
    return Obstacle(
        Reason.DETERMINED_UNAVAILABLE,
        lambda world: setattr(world.determined, "fault", fault),
        lambda world: setattr(world.determined, "fault", None),
    )


def prometheus(fault: UpstreamError) -> Obstacle:
    return Obstacle(
        Reason.PROMETHEUS_UNAVAILABLE,
        lambda world: setattr(world.prometheus, "fault", fault),
        lambda world: setattr(world.prometheus, "fault", None),
    )


def runs(one: Allocation) -> Callable[[World], None]:
    return lambda world: world.determined.starts(one)


def evidence(reason: Reason, *ages: float) -> Obstacle:
    return Obstacle(
        reason,
        lambda world: setattr(world.prometheus, "evidence", ages),
        lambda world: setattr(world.prometheus, "evidence", (12.0,)),
    )


def second_peer(reason: Reason, name: str, value: object, harmless: object) -> Obstacle:
    return Obstacle(
        reason,
        lambda world: setattr(world.alertmanagers.second, name, value),
        lambda world: setattr(world.alertmanagers.second, name, harmless),
    )


def blind(world: World) -> None:
    world.prometheus.verify, world.prometheus.evidence = (), ()


def seeing(world: World) -> None:
    world.prometheus.verify, world.prometheus.evidence = (0.0,), (12.0,)


def heart(*, beats: bool) -> Callable[[World], None]:
    return lambda world: setattr(world, "heart_beats", beats)


OBSTACLES = {
    "Determined is down": determined(DOWN),
    "Determined cannot be read": determined(UNREADABLE),
    "Determined does not tell the owner": Obstacle(
        Reason.OWNER_UNKNOWN, runs(allocation(None)), runs(allocation())
    ),
    "Determined does not tell the type": Obstacle(
        Reason.NOT_STOPPABLE, runs(allocation(task_type=None)), runs(allocation())
    ),
    "Prometheus is down": prometheus(DOWN),
    "Prometheus cannot be read": prometheus(UNREADABLE),
    "queries fail": Obstacle(
        Reason.PROMETHEUS_UNAVAILABLE,
        lambda world: setattr(world.prometheus, "query_fault", DOWN),
        lambda world: setattr(world.prometheus, "query_fault", None),
    ),
    "the rule has no verify expression any more": Obstacle(
        Reason.EXPRESSIONS_MISSING,
        lambda world: world.is_reported_with(verify=""),
        lambda world: world.is_reported_with(verify="idle{}"),
    ),
    "the rule has no evidence expression any more": Obstacle(
        Reason.EXPRESSIONS_MISSING,
        lambda world: world.is_reported_with(evidence=""),
        lambda world: world.is_reported_with(evidence="age{}"),
    ),
    "there is no evidence": evidence(Reason.EVIDENCE_MISSING),
    "neither verify nor evidence returns anything": Obstacle(
        Reason.EVIDENCE_MISSING, blind, seeing
    ),
    "the evidence is stale": evidence(Reason.EVIDENCE_STALE, 30.1),
    "a part of the evidence is stale": evidence(Reason.EVIDENCE_STALE, 12.0, 30.1),
    "the evidence is not a number": evidence(Reason.EVIDENCE_STALE, NAN),
    "a part of the evidence is not a number": evidence(Reason.EVIDENCE_STALE, 12.0, NAN),
    "the evidence is infinitely old": evidence(Reason.EVIDENCE_STALE, INFINITY),
    "the evidence is of the future": evidence(Reason.EVIDENCE_STALE, -1.0),
    "a peer is down": second_peer(Reason.ALERTMANAGER_UNAVAILABLE, "error", "time-out", ""),
    "a peer has only just got the alert": second_peer(
        Reason.NOT_IN_ALERTMANAGER, "state", PeerAlertState.UNPROCESSED, PeerAlertState.ACTIVE
    ),
    "a peer restarted and is empty": second_peer(
        Reason.NOT_IN_ALERTMANAGER, "alerts", {}, {IDENTITY.key: IDENTITY}
    ),
    "the heartbeat is gone": Obstacle(
        Reason.HEARTBEAT_MISSING, heart(beats=False), heart(beats=True)
    ),
}


@pytest.mark.parametrize("obstacle", OBSTACLES.values(), ids=OBSTACLES)
async def test_s5_what_is_not_known_prevents_a_due_stop_until_it_is_known(
    obstacle: Obstacle, world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    obstacle.rises(world)
    await receiver.run(GRACE)
    incident = await receiver.incident()
    assert world.determined.calls == []

    obstacle.falls(world)
    await receiver.run(SECOND)

    assert incident.state is S.NOTIFIED
    assert incident.block is not None
    assert incident.block.reason is obstacle.reason
    assert obstacle.reason in await receiver.reasons()
    assert len(world.determined.calls) == 1


@pytest.mark.parametrize(
    "obstacle",
    [OBSTACLES[name] for name in ("Prometheus is down", "there is no evidence", "a peer is down")],
    ids=lambda obstacle: obstacle.reason,
)
async def test_s5_admins_hear_once_of_a_stop_that_is_prevented_for_long(
    obstacle: Obstacle, world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    obstacle.rises(world)
    await receiver.run(GRACE)
    await receiver.run(POLICY.tell_admins_after - SECOND)
    assert world.slack.told_admins() == []

    await receiver.run(3 * GRACE, every=GRACE)

    [told] = world.slack.told_admins()
    assert obstacle.reason in told
    assert (await receiver.reasons()).count(obstacle.reason) == 2
    assert world.determined.calls == []


async def test_s3_an_alert_that_prometheus_does_not_report_at_the_deadline_stops_nothing(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    del world.prometheus.firing[IDENTITY.key]

    await receiver.run(GRACE)

    incident = await receiver.incident()
    assert incident.block is not None
    assert incident.block.reason is Reason.NOT_FIRING
    assert world.determined.calls == []


async def test_s3_the_expressions_that_a_webhook_brought_are_never_evaluated(
    world: World, receiver: Receiver
) -> None:
    world.fires()
    await receiver.hears_of(verify="vector(1)", evidence="vector(0)")
    await receiver.tick()

    await receiver.run(GRACE)

    assert world.prometheus.queries == ["idle{}", "age{}"]
    assert len(world.determined.calls) == 1


async def test_s3_an_empty_verify_with_fresh_evidence_means_that_the_owner_works_again(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.prometheus.verify = ()

    await receiver.run(GRACE)

    assert (await receiver.incident()).state is S.RESOLVED
    assert world.determined.calls == []


@pytest.mark.parametrize(
    ("step", "took", "calls"),
    [
        pytest.param("rules.query", PROOF_AGE, 1, id="as long as it may"),
        pytest.param("rules.query", PROOF_AGE + SECOND, 0, id="to be read"),
        pytest.param("cluster.stop", PROOF_AGE + SECOND, 0, id="to be carried out"),
    ],
)
async def test_s3_a_proof_that_took_too_long_stops_nothing_and_is_made_again(
    step: str, took: timedelta, calls: int, world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    async def takes_long() -> None:
        world.time.passes(took)

    receiver.calls.before(step, takes_long)
    await receiver.run(GRACE)

    assert len(world.determined.calls) == calls
    assert ((await receiver.reasons()).count(Reason.STOP_NOT_SENT) == 0) is bool(calls)
    await receiver.run(MINUTE)
    assert len(world.determined.calls) == 1


@pytest.mark.parametrize(
    "call", ["peers.read", "rules.firing_alerts"], ids=["Alertmanager", "Prometheus"]
)
async def test_s5_a_system_that_fails_while_the_proof_is_gathered_prevents_the_stop(
    call: str, world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    async def fail() -> None:
        world.alertmanagers.second.error = "time-out"
        world.prometheus.fault = DOWN

    receiver.calls.before(call, fail, nth=2)
    await receiver.run(GRACE)

    assert world.determined.calls == []


async def test_s5_a_stop_is_prevented_only_by_what_is_so_now(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.prometheus.fault = DOWN
    await receiver.run(GRACE / 2)
    world.prometheus.fault = None

    await receiver.run(GRACE / 2)

    assert len(world.determined.calls) == 1


async def test_admins_are_told_since_when_a_stop_has_been_due_and_not_since_when_we_were_blind(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    blind(world)
    alert = world.prometheus.firing.pop(IDENTITY.key)
    await receiver.run(10 * MINUTE)
    world.prometheus.firing[IDENTITY.key] = alert

    await receiver.run(GRACE - 10 * MINUTE)

    assert world.slack.told_admins() == []
    await receiver.run(POLICY.tell_admins_after)
    [told] = world.slack.told_admins()
    assert "is due" in told
    assert f"since {T0 + GRACE:%Y-%m-%d %H:%M}" in told


async def test_s10_admins_read_of_no_due_stop_where_nothing_is_ever_stopped(
    world: World, receiver: Receiver
) -> None:
    await receiver.restart(mode=Mode.WARN)
    await receiver.warns()
    blind(world)
    del world.prometheus.firing[IDENTITY.key]

    await receiver.run(3 * GRACE)

    [told] = world.slack.told_admins()
    assert "cannot be seen" in told
    assert "is due" not in told


async def test_s10_in_mode_observe_admins_read_the_digest_and_nothing_of_what_cannot_be_seen(
    world: World, receiver: Receiver
) -> None:
    await receiver.restart(mode=Mode.OBSERVE)
    await receiver.warns()
    blind(world)
    del world.prometheus.firing[IDENTITY.key]

    await receiver.run(3 * GRACE)

    assert world.slack.told_admins() == []
