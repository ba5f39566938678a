"""What is over is forgotten, and nothing that anybody still decides by."""

from dataclasses import replace
from datetime import timedelta

from app.domain.incident import IncidentState
from app.retention import Retention
from app.store.archive import SqlArchive
from tests.receiver.clocks import Time
from tests.receiver.conftest import BOTH_DATABASES, GRACE, MINUTE, SECOND, Receiver
from tests.receiver.world import World, sibling

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def retention(
    receiver: Receiver, time: Time, *, span: timedelta = 30 * DAY, batch: int = 50
) -> Retention:
    return Retention(
        SqlArchive(receiver.database.engine),
        receiver.context,
        span=span,
        monotonic=lambda: time.monotonic / SECOND,
        batch=batch,
    )


async def is_over(receiver: Receiver) -> None:
    await receiver.warns()
    await receiver.run(GRACE)
    await receiver.run(2 * MINUTE)
    receiver.world.ceases()
    assert (await receiver.incident()).state is IncidentState.STOPPED


@BOTH_DATABASES
async def test_what_has_been_over_for_as_long_as_is_set_is_forgotten(
    world: World, receiver: Receiver
) -> None:
    keeper = retention(receiver, world.time)
    await is_over(receiver)

    world.time.passes(30 * DAY - HOUR)
    await receiver.tick()
    await keeper.prune()
    before = await receiver.incidents()
    world.time.passes(2 * HOUR)
    await receiver.tick()
    await keeper.prune()

    assert len(before) == 1
    assert await receiver.incidents() == []
    await receiver.tick()


async def test_what_is_open_is_not_forgotten_and_goes_on_as_if_nothing_was(
    world: World, receiver: Receiver
) -> None:
    keeper = retention(receiver, world.time)
    await receiver.warns()
    world.time.passes(60 * DAY)

    await keeper.prune()
    await receiver.tick()
    await receiver.run(2 * GRACE)
    await receiver.run(2 * MINUTE)

    assert (await receiver.incident()).state is IncidentState.STOPPED
    assert len(world.determined.kills) == 1


async def test_the_history_of_a_stop_is_counted_as_it_is_forgotten(
    world: World, receiver: Receiver
) -> None:
    keeper = retention(receiver, world.time)
    await is_over(receiver)
    entries = len(await receiver.history())
    world.time.passes(31 * DAY)
    await receiver.tick()

    await keeper.prune()

    counted = {
        table: receiver.context.telemetry.registry.get_sample_value(
            "watchdog_pruned_total", {"table": table}
        )
        for table in ("incidents", "history", "intents", "keeps")
    }
    assert counted == {"incidents": 1, "history": entries, "intents": 1, "keeps": 0}


async def test_it_says_whether_there_may_be_more(world: World, receiver: Receiver) -> None:
    keeper = retention(receiver, world.time, batch=1)
    identity, allocation = sibling(1)
    world.determined.starts(allocation)
    await receiver.warns(identity)
    await receiver.warns()
    world.determined.ends()
    world.determined.ends(allocation.allocation_id)
    world.ceases()
    world.ceases(identity)
    await receiver.tick()
    world.time.passes(31 * DAY)

    more = [await keeper.prune() for _ in range(3)]

    assert more == [True, True, False]
    assert await receiver.incidents() == []


async def test_s7_however_short_it_is_set_the_stops_of_the_last_hour_stay(
    world: World, receiver: Receiver
) -> None:
    keeper = retention(receiver, world.time, span=timedelta(seconds=1))
    await is_over(receiver)
    world.time.passes(50 * MINUTE)
    await receiver.tick()

    await keeper.prune()

    assert await receiver.seen.stops_within(HOUR) == 1
    assert len(await receiver.incidents()) == 1


async def test_however_short_it_is_set_an_alert_that_comes_back_is_known(
    world: World, receiver: Receiver
) -> None:
    limits = replace(receiver.rulebook.limits, again_within=3 * HOUR)
    receiver.context.rulebook = replace(receiver.rulebook, limits=limits)
    keeper = retention(receiver, world.time, span=timedelta(seconds=1))
    await receiver.warns()
    world.recovers()
    await receiver.tick()
    settled = world.time.wall
    world.time.passes(2 * HOUR)

    await keeper.prune()
    world.idles_again()
    await receiver.tick()

    [_, again] = await receiver.incidents()
    assert again.settled_at == settled


async def test_a_wall_clock_that_jumps_forwards_makes_nothing_old(
    world: World, receiver: Receiver
) -> None:
    keeper = retention(receiver, world.time)
    await is_over(receiver)

    world.time.jumps(365 * DAY)
    await keeper.prune()

    assert len(await receiver.incidents()) == 1
