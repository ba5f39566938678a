"""S7: many stops need a person, however they come about."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest

from app.api.breaker import BreakerRequest, BreakerView, switch_breaker
from app.api.dependencies import Caller
from app.domain.access import Role
from app.domain.actions import MessageKind
from app.domain.alert import Identity
from app.domain.incident import Incident, IncidentState, RecipientKind
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.errors import UpstreamUnavailableError
from tests.domain.examples import IDENTITY
from tests.receiver.calls import crash
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.world import World, sibling

S = IncidentState
K = MessageKind
QUARTER = 15 * SECOND


def runs(world: World, number: int) -> list[Identity]:
    """Let so many notebooks run beside the first one; return whose alerts would be about them."""
    identities = []
    for each in range(1, number + 1):
        identity, allocation = sibling(each)
        world.determined.starts(allocation)
        identities.append(identity)
    return identities


async def idle(world: World, receiver: Receiver, identities: Sequence[Identity]) -> None:
    """Let the alerts fire at once, and the owners be told."""
    for identity in identities:
        world.fires(identity)
    await receiver.tick()


async def press(receiver: Receiver, action: str) -> BreakerView:
    return await switch_breaker(
        BreakerRequest.model_validate({"action": action, "reason": "let me look first"}),
        receiver.seen,
        receiver.context,
        Caller("carol", Role.ADMIN),
    )


async def states(receiver: Receiver) -> list[IncidentState]:
    return [incident.state for incident in await receiver.incidents()]


def metric(receiver: Receiver, name: str) -> float | None:
    return receiver.context.telemetry.registry.get_sample_value(name)


def alarms(world: World) -> list[str]:
    """Return what the admins hear of the breaker, without what they hear of each stop."""
    return [text for text in world.slack.told_admins() if "breaker has tripped" in text]


async def test_s7_forty_stops_that_come_due_at_once_trip_the_breaker_and_none_is_made(
    world: World, receiver: Receiver
) -> None:
    await idle(world, receiver, runs(world, 199)[:40])

    await receiver.run(GRACE)
    await receiver.run(2 * GRACE)

    assert world.determined.calls == []
    assert set(await states(receiver)) == {S.HELD}
    [told] = world.slack.told_admins()
    assert "40 allocations" in told
    assert "… and 31 more" in told
    assert metric(receiver, "watchdog_breaker_tripped") == 1


async def test_s7_the_eleventh_stop_within_an_hour_is_not_made_however_they_are_spread(
    world: World, receiver: Receiver
) -> None:
    for identity in runs(world, 99)[:11]:
        await idle(world, receiver, [identity])
        await receiver.run(5 * MINUTE)

    await receiver.run(2 * GRACE, every=5 * MINUTE)

    assert len(world.determined.kills) == 10
    assert (await states(receiver)).count(S.STOPPED) == 10
    [told] = alarms(world)
    assert "11 allocations" in told


async def jumps_forward(world: World, receiver: Receiver) -> None:
    world.time.jumps(5 * GRACE)
    await receiver.tick()


async def jumps_forward_while_it_is_down(world: World, receiver: Receiver) -> None:
    world.time.jumps(5 * GRACE)
    await receiver.restart()
    await receiver.settles()


async def jumps_back(world: World, receiver: Receiver) -> None:
    world.time.jumps(-5 * GRACE)
    await receiver.tick()


@pytest.mark.parametrize(
    "jumps",
    [jumps_forward, jumps_forward_while_it_is_down, jumps_back],
    ids=lambda jumps: jumps.__name__.replace("_", " "),
)
async def test_s7_a_wall_clock_that_jumps_forgets_no_stop_of_the_last_hour(
    jumps: Callable[[World, Receiver], Awaitable[None]], world: World, receiver: Receiver
) -> None:
    await idle(world, receiver, [IDENTITY, *runs(world, 3)[:2]])
    await receiver.run(MINUTE)
    await receiver.run(GRACE - MINUTE)
    assert len(world.determined.kills) == 3

    await jumps(world, receiver)

    assert metric(receiver, "watchdog_stops_last_hour") == 3
    assert await receiver.seen.stops_within(GRACE) == 3


async def test_s7_after_a_jump_the_hour_goes_by_as_it_did_before(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE)
    await jumps_forward(world, receiver)

    await receiver.run(GRACE - SECOND)
    within = metric(receiver, "watchdog_stops_last_hour")
    await receiver.run(SECOND)

    assert (within, metric(receiver, "watchdog_stops_last_hour")) == (1, 0)


async def test_s7_ten_stops_an_hour_go_on_for_as_long_as_there_are_no_more(
    world: World, receiver: Receiver
) -> None:
    for identity in runs(world, 99)[:12]:
        await idle(world, receiver, [identity])
        await receiver.run(6 * MINUTE)

    await receiver.run(GRACE, every=6 * MINUTE)

    assert len(world.determined.kills) == 12
    assert metric(receiver, "watchdog_breaker_tripped") == 0
    assert metric(receiver, "watchdog_stops_last_hour") == 9


async def test_s7_on_a_small_cluster_three_stops_are_made_and_a_fourth_is_not(
    world: World, receiver: Receiver
) -> None:
    await idle(world, receiver, [IDENTITY, *runs(world, 3)[:2]])
    await receiver.run(MINUTE)
    fourth, _ = sibling(3)
    await idle(world, receiver, [fourth])

    await receiver.run(GRACE - MINUTE)
    await receiver.run(MINUTE)
    await receiver.run(MINUTE)

    assert len(world.determined.kills) == 3
    assert sorted(await states(receiver)) == [S.HELD, S.STOPPED, S.STOPPED, S.STOPPED]


async def test_s7_two_replicas_stop_no_more_than_one(world: World, receiver: Receiver) -> None:
    replica = Receiver(world, receiver.database)
    replica.start()
    await replica.settles()
    for number, identity in enumerate(runs(world, 99)[:14]):
        await idle(world, (receiver, replica)[number % 2], [identity])
        await asyncio.gather(receiver.run(2 * MINUTE), replica.run(timedelta()))

    for _ in range(20):
        world.time.passes(3 * MINUTE)
        await asyncio.gather(receiver.tick(), replica.tick())

    assert len(world.determined.kills) == 10
    assert len(set(alarms(world))) == 1


async def test_s7_a_restart_leaves_the_breaker_tripped(world: World, receiver: Receiver) -> None:
    await idle(world, receiver, runs(world, 99)[:11])
    await receiver.run(GRACE)

    await receiver.restart()
    await receiver.settles()
    await receiver.run(2 * GRACE)

    assert world.determined.calls == []
    assert set(await states(receiver)) == {S.HELD}


async def test_s8_a_crash_right_after_the_trip_loses_no_message_to_the_admins(
    world: World, receiver: Receiver
) -> None:
    await idle(world, receiver, runs(world, 99)[:11])
    receiver.calls.before("cluster.read_allocation", crash, nth=2)
    assert not await receiver.survives(lambda: receiver.run(GRACE))

    await receiver.restart()
    await receiver.run(MINUTE)

    assert len(world.slack.told_admins()) == 1
    assert world.determined.calls == []


@pytest.mark.parametrize("nth", [1, 2], ids=["before the intent", "before the call"])
async def test_s7_the_panic_button_wins_in_the_last_second(
    nth: int, world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    receiver.calls.before("store.commit", lambda: press(receiver, "trip"), nth=nth)

    await receiver.run(GRACE)
    await receiver.run(MINUTE)

    assert world.determined.calls == []
    [incident] = await receiver.incidents()
    assert incident.state is S.HELD
    assert [hold.reason for hold in (await later(receiver)).holds] == [Reason.BREAKER]
    assert (await later(receiver)).holds[0].by == "carol"


async def later(receiver: Receiver) -> Incident:
    """Return the incident after one more tick: a hold after a withdrawal is seen by the next."""
    await receiver.run(QUARTER)
    return await receiver.incident()


@pytest.mark.parametrize("nth", [1, 2], ids=["before the intent", "before the call"])
async def test_s9_a_trip_and_its_reset_in_the_last_second_are_followed_by_a_new_warning(
    nth: int, world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    async def a_moment() -> None:
        await press(receiver, "trip")
        await press(receiver, "reset")

    receiver.calls.before("store.commit", a_moment, nth=nth)
    await receiver.run(GRACE)
    for _ in range(3):
        await receiver.run(QUARTER)

    assert world.determined.calls == []
    assert world.slack.told().count(K.WARNING) == 2


async def test_s9_a_reset_is_followed_by_a_new_warning_and_a_full_grace_period(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE - MINUTE)
    await press(receiver, "trip")
    await receiver.run(GRACE)
    await press(receiver, "reset")
    await receiver.run(MINUTE)

    await receiver.run(GRACE - SECOND)

    assert world.determined.calls == []
    assert world.slack.told().count(K.WARNING) == 2
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


@pytest.mark.parametrize("ahead", [0, 5, -5])
@pytest.mark.parametrize("late", [False, True], ids=["right after the warning", "at the end"])
async def test_s9_a_trip_and_a_reset_that_no_tick_saw_are_followed_by_a_new_warning(
    ahead: int, world: World, receiver: Receiver, *, late: bool
) -> None:
    """By a replica whose clock is some seconds ahead, or behind."""
    await receiver.warns()
    await receiver.run(GRACE - SECOND if late else SECOND)
    receiver.ahead = ahead * SECOND
    await press(receiver, "trip")
    await press(receiver, "reset")
    receiver.ahead = timedelta()

    await receiver.run(SECOND if late else GRACE - SECOND)

    assert world.determined.calls == []
    assert world.slack.told()[-1] is K.WARNING


async def test_s7_what_an_admin_allowed_is_stopped_after_its_new_grace_period_and_no_more(
    world: World, receiver: Receiver
) -> None:
    identities = runs(world, 99)
    await idle(world, receiver, identities[:12])
    await receiver.run(GRACE)
    await press(receiver, "reset")
    await receiver.run(2 * SECOND, every=SECOND)
    await receiver.run(GRACE / 2)
    await idle(world, receiver, identities[12:23])

    await receiver.run(GRACE / 2 - 2 * SECOND)
    assert world.determined.calls == []
    await receiver.run(2 * SECOND, every=SECOND)
    await receiver.run(GRACE)

    stopped = {kill.allocation_id for kill in world.determined.kills}
    assert stopped == {identity.allocation_id for identity in identities[:12]}


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.WARN])
async def test_s7_where_nothing_is_stopped_the_breaker_changes_nothing(
    mode: Mode, world: World, receiver: Receiver
) -> None:
    await receiver.restart(mode=mode)
    await receiver.settles()
    await receiver.warns()
    before = list(await receiver.reasons())
    told = list(world.slack.told())

    await press(receiver, "trip")
    await receiver.run(MINUTE)
    await press(receiver, "reset")
    await receiver.run(MINUTE)

    assert await receiver.reasons() == before
    assert world.slack.told() == told


async def test_s10_nobody_is_threatened_while_the_breaker_is_tripped(
    world: World, receiver: Receiver
) -> None:
    await press(receiver, "trip")
    world.fires()
    await receiver.hears_of()

    await receiver.dispatcher.deliver_due()
    await receiver.run(GRACE)

    assert world.slack.posts == []
    assert (await receiver.incident()).state is S.HELD


async def test_s10_a_reminder_that_waits_is_not_sent_once_the_breaker_has_tripped(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.time.passes(GRACE / 2)
    await receiver.reconciler.tick()
    await press(receiver, "trip")

    await receiver.dispatcher.deliver_due()
    await receiver.run(MINUTE)

    assert world.slack.told() == [K.WARNING]
    _, notice = world.slack.updates[-1]
    assert notice.incidents[0].state is S.HELD
    assert notice.deadlines == {}


async def test_s7_a_call_that_was_made_before_the_trip_is_seen_through(
    world: World, receiver: Receiver
) -> None:
    world.determined.latency = 30 * SECOND
    await receiver.warns()
    await receiver.run(GRACE)
    await press(receiver, "trip")

    await receiver.run(15 * SECOND)
    assert (await receiver.incident()).state is S.STOPPING
    await receiver.run(15 * SECOND)

    assert (await receiver.incident()).state is S.STOPPED
    assert world.slack.told()[-1] is K.CLOSING


async def test_s7_a_call_without_success_is_not_repeated_while_the_breaker_is_tripped(
    world: World, receiver: Receiver
) -> None:
    world.determined.deaf = True
    await receiver.warns()
    await receiver.run(GRACE)
    await press(receiver, "trip")

    await receiver.run(3 * MINUTE, every=MINUTE)

    assert (await receiver.incident()).state is S.HELD
    assert len(world.determined.calls) == 1


async def test_what_is_due_and_fires_no_more_is_not_counted(
    world: World, receiver: Receiver
) -> None:
    # With the first one no more than a tick tries, whatever their order.
    identities = runs(world, 99)[:19]
    await idle(world, receiver, [IDENTITY, *identities])
    for identity in identities:
        world.ceases(identity)

    await receiver.run(GRACE)

    assert [kill.allocation_id for kill in world.determined.kills] == [IDENTITY.allocation_id]


async def test_s5_nothing_is_stopped_while_it_is_not_known_how_much_runs(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    async def fail() -> None:
        raise UpstreamUnavailableError("time-out")

    receiver.calls.before("cluster.snapshot", fail)
    await receiver.run(GRACE)

    block = (await receiver.incident()).block
    assert block is not None
    assert block.reason is Reason.DETERMINED_UNAVAILABLE
    assert world.determined.calls == []


async def test_the_panic_button_without_any_incident_tells_nobody_on_slack(
    world: World, receiver: Receiver
) -> None:
    answer = await press(receiver, "trip")

    await receiver.tick()

    assert (answer.state, answer.by) == ("tripped", "carol")
    assert world.slack.told(RecipientKind.ADMINS) == []
    assert metric(receiver, "watchdog_breaker_tripped") == 1
