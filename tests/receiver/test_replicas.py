"""Two receivers on one database: one works, the other is ready to go on in its place."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.actions import MessageKind
from app.domain.incident import IncidentState
from app.errors import UpstreamUnavailableError
from tests.domain.examples import IDENTITY
from tests.receiver.conftest import GRACE, LEASE, MINUTE, RULEBOOK, SECOND, TICK, Receiver
from tests.receiver.world import World, sibling

S = IncidentState
K = MessageKind
OTHER = sibling(1)[0]
Happens = Callable[[World, Receiver], Awaitable[None]]
# A file has one process: whoever starts on it follows the one before.
pytestmark = pytest.mark.parametrize("empty_database", ["empty_postgres"], indirect=True)


@pytest.fixture
async def replica(world: World, receiver: Receiver) -> Receiver:
    """Another receiver, beside the one that was there first."""
    replica = Receiver(world, receiver.database, name="watchdog-b:8090")
    replica.start()
    await replica.settles()
    return replica


def holds(receiver: Receiver) -> tuple[float | None, ...]:
    """Return what a receiver shows of its duties: reconcile, delivery."""
    registry = receiver.context.telemetry.registry
    name = "watchdog_lease_held"
    return tuple(registry.get_sample_value(name, {"duty": d}) for d in ("reconcile", "delivery"))


async def test_s6_replicas_that_race_about_an_incident_warn_once_and_stop_once(
    world: World, receiver: Receiver, replica: Receiver
) -> None:
    world.fires()
    await asyncio.gather(receiver.hears_of(), replica.hears_of())

    for _ in range(4):
        await asyncio.gather(receiver.tick(), replica.tick())
        world.time.passes(GRACE / 2)

    assert len(world.determined.calls) == 1
    assert world.slack.told() == [K.WARNING, K.REMINDER, K.CLOSING]
    assert (holds(receiver), holds(replica)) == ((1, 1), (0, 0))


async def test_a_replica_takes_over_when_the_lease_of_the_other_is_over_and_not_before(
    world: World, receiver: Receiver, replica: Receiver
) -> None:
    world.fires()
    await replica.hears_of()

    world.time.passes(LEASE - SECOND)
    await replica.tick()
    assert (world.slack.told(), holds(replica)) == ([], (0, 0))

    world.time.passes(SECOND)
    await replica.tick()
    assert (world.slack.told(), holds(replica)) == ([K.WARNING], (1, 1))
    await receiver.tick()
    assert holds(receiver) == (0, 0)


async def test_a_replica_follows_at_once_when_the_other_has_ended_in_order(
    world: World, receiver: Receiver, replica: Receiver
) -> None:
    world.fires()
    await receiver.hears_of()

    await receiver.reconcile.end()
    await receiver.delivery.end()
    await replica.tick()

    assert world.slack.told() == [K.WARNING]


async def test_s13_a_takeover_does_not_shorten_a_grace_period(
    world: World, receiver: Receiver, replica: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE / 2)
    await replica.tick()
    world.time.passes(LEASE)
    await replica.tick()

    await replica.run(GRACE / 2 - SECOND)

    assert world.determined.calls == []
    await replica.run(SECOND)
    assert len(world.determined.calls) == 1


@pytest.mark.parametrize("behind", [0, 5])
async def test_s13_a_grace_period_is_whole_though_one_replica_warns_and_another_counts(
    behind: int, world: World, receiver: Receiver, replica: Receiver
) -> None:
    """By clocks that differ: what one has counted says less than it seems to the other."""
    replica.ahead = -behind * SECOND
    await receiver.delivery.end()
    world.fires()
    await receiver.hears_of()
    await receiver.reconciler.tick()
    world.time.passes(10 * SECOND)
    world.determined.ahead = replica.ahead
    await replica.lookout.refresh()
    world.determined.ahead = timedelta()
    await replica.dispatcher.deliver_due()
    told_at = world.time.wall
    assert (await receiver.incident()).state is S.NOTIFIED

    for step in [*[MINUTE] * (int(GRACE / MINUTE) - 1), *[SECOND] * 75]:
        world.time.passes(step)
        await receiver.intake.receive([], heartbeat=True)
        await receiver.reconciler.tick()

    [kill] = world.determined.calls
    assert GRACE <= kill.at - told_at <= GRACE + 10 * SECOND


async def test_s13_time_that_another_replica_saw_counts_for_none_that_comes_back(
    world: World, receiver: Receiver, replica: Receiver
) -> None:
    """Slack was out of reach when the other looked last."""
    for each in (receiver, replica):
        limits = replace(RULEBOOK.limits, lease=TICK / 4)
        each.context.rulebook = replace(RULEBOOK, limits=limits)
    await receiver.run(TICK / 2, every=TICK / 8)
    before = await receiver.seen.clock()
    world.time.passes(TICK / 4)
    world.slack.fault = UpstreamUnavailableError("Slack cannot be reached")
    await replica.tick()
    await replica.reconcile.end()
    world.slack.fault = None

    world.time.passes(TICK / 4)
    await receiver.reconciler.tick()
    assert holds(receiver)[0] == 0, "its lease was taken over while it did nothing"
    await receiver.reconciler.tick()

    assert holds(receiver)[0] == 1
    assert (await receiver.seen.clock()).elapsed == before.elapsed


async def test_a_replica_without_the_lease_sees_and_shows_the_same(
    world: World, receiver: Receiver, replica: Receiver
) -> None:
    await receiver.warns()
    await asyncio.gather(receiver.tick(), replica.tick())

    def shown(of: Receiver) -> dict[str, float]:
        names = {"open_incidents", "answer_clock_seconds", "upstream_up", "breaker_tripped"}
        return {
            f"{sample.name}{sample.labels}": sample.value
            for metric in of.context.telemetry.registry.collect()
            if metric.name.removeprefix("watchdog_") in names
            for sample in metric.samples
        }

    assert shown(replica) == shown(receiver)
    assert replica.context.telemetry.last_tick == world.time.wall


@pytest.mark.parametrize("call", ["messenger.recipient", "outbox.attempt", "outbox.sent"])
async def test_who_wakes_with_an_old_lease_posts_nothing(
    call: str, world: World, receiver: Receiver, replica: Receiver
) -> None:
    world.fires()
    await receiver.hears_of()
    await receiver.reconciler.tick()

    async def sleep() -> None:
        world.time.passes(LEASE)
        await replica.tick()

    receiver.calls.before(call, sleep)
    await receiver.dispatcher.deliver_due()

    assert receiver.failed_steps() == 0
    assert world.slack.told() == [K.WARNING]
    assert (await receiver.incident()).state is S.NOTIFIED


@pytest.mark.parametrize("set_back", [timedelta(), LEASE], ids=["", "its wall clock set back"])
async def test_who_falls_asleep_after_an_attempt_was_noted_does_not_make_it(
    set_back: timedelta, world: World, receiver: Receiver, replica: Receiver
) -> None:
    world.fires()
    await receiver.hears_of()
    await receiver.reconciler.tick()

    async def sleep() -> None:
        world.time.passes(LEASE)
        await replica.tick()
        world.time.jumps(-set_back)

    receiver.calls.after("outbox.attempt", sleep)
    await receiver.dispatcher.deliver_due()

    assert world.slack.told() == [K.WARNING]


async def test_s6_a_replica_whose_clock_is_ahead_takes_over_from_one_that_does_nothing_any_more(
    world: World, receiver: Receiver, replica: Receiver
) -> None:
    world.fires()
    await receiver.hears_of()
    await receiver.reconciler.tick()
    replica.ahead = 5 * SECOND

    async def sleep() -> None:
        # By the holder's own clocks the lease lasts for two seconds more.
        world.time.jumps(LEASE - 2 * SECOND)
        await replica.tick()
        assert holds(replica) == (1, 1)

    receiver.calls.after("outbox.attempt", sleep)
    await receiver.dispatcher.deliver_due()

    assert world.slack.told() == [K.WARNING]


async def test_who_wakes_with_an_old_lease_rewrites_no_message(
    world: World, receiver: Receiver, replica: Receiver
) -> None:
    await receiver.warns()
    world.is_silenced(LEASE / 2)
    await receiver.reconciler.tick()

    async def sleep() -> None:
        world.time.passes(LEASE)

    receiver.calls.before("store.incident", sleep)
    await receiver.dispatcher.deliver_due()

    assert world.slack.updates == []
    await replica.tick()
    assert world.slack.updates != []


async def all_that_is_done(world: World, receiver: Receiver) -> object:
    return await receiver.history(), await receiver.seen.clock(), list(world.determined.calls)


@pytest.mark.parametrize(
    ("call", "nth"),
    [
        ("store.tick_clock", 1),
        ("cluster.read_allocation", 1),
        ("store.commit", 2),
        ("cluster.stop", 1),
    ],
)
async def test_who_wakes_with_an_old_lease_stores_nothing_and_stops_nothing(
    call: str, nth: int, world: World, receiver: Receiver, replica: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE - MINUTE)
    world.time.passes(MINUTE)
    left: list[object] = []

    async def sleep() -> None:
        # The machine is suspended: its monotonic clock stands still.
        world.time.jumps(LEASE)
        await replica.tick()
        left.append(await all_that_is_done(world, receiver))

    receiver.calls.before(call, sleep, nth=nth)
    await receiver.reconciler.tick()

    assert left == [await all_that_is_done(world, receiver)]
    assert receiver.failed_steps() == 0
    await replica.run(2 * GRACE)
    assert len(world.determined.calls) == 1


async def stops_are_due(world: World, receiver: Receiver) -> None:
    for identity in (IDENTITY, OTHER):
        await receiver.warns(identity)
    await receiver.run(GRACE - MINUTE)
    world.time.passes(MINUTE)


async def something_is_silenced(world: World, receiver: Receiver) -> None:
    await receiver.warns()
    world.is_silenced(3 * LEASE)


async def two_are_over(world: World, receiver: Receiver) -> None:
    for identity in (IDENTITY, OTHER):
        await receiver.warns(identity)
    for identity in (IDENTITY, OTHER):
        world.recovers(identity)


async def two_are_kept(world: World, receiver: Receiver) -> None:
    await stops_are_due(world, receiver)
    for identity in (IDENTITY, OTHER):
        await receiver.keep(identity=identity)


async def two_are_to_be_warned(world: World, receiver: Receiver) -> None:
    for identity in (IDENTITY, OTHER):
        world.fires(identity)
    await receiver.reconciler.tick()


@pytest.mark.parametrize(
    ("happens", "calls"),
    [
        pytest.param(something_is_silenced, [("peers.read", 1), ("store.commit", 1)], id="settles"),
        pytest.param(two_are_over, [("rules.query", 1), ("rules.query", 3)], id="asks"),
        pytest.param(two_are_kept, [("peers.silence", 1), ("peers.silence", 2)], id="silences"),
        pytest.param(
            stops_are_due,
            [("cluster.read_allocation", 1), ("cluster.read_allocation", 2)],
            id="stops",
        ),
        pytest.param(
            two_are_to_be_warned,
            [("store.incident", 1), ("store.incident", 2)],
            id="delivers",
        ),
    ],
)
async def test_a_lease_is_renewed_in_the_midst_of_a_step_that_takes_longer(
    happens: Happens,
    calls: list[tuple[str, int]],
    world: World,
    receiver: Receiver,
    replica: Receiver,
) -> None:
    world.determined.starts(sibling(1)[1])
    await happens(world, receiver)
    # Both duties are had for a whole lease from now on.
    await receiver.reconcile.go_on()
    await receiver.delivery.go_on()
    seen: list[tuple[float | None, ...]] = []

    async def takes_long() -> None:
        world.time.passes(0.7 * LEASE)
        await replica.tick()
        seen.append(holds(replica))

    for name, nth in calls:
        receiver.calls.before(name, takes_long, nth=nth)
    duty = int(happens is two_are_to_be_warned)
    await (receiver.dispatcher.deliver_due() if duty else receiver.reconciler.tick())

    assert [each[duty] for each in seen] == [0, 0]
