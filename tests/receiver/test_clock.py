"""S13: the grace period runs only while its owner can answer."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from app.domain.actions import MessageKind
from app.domain.incident import IncidentState
from app.errors import StoreUnavailableError, UpstreamUnavailableError
from tests.receiver.calls import crash
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind
DAY = timedelta(days=1)
DOWN = UpstreamUnavailableError("Slack cannot be reached")


async def receiver_is_down(world: World, receiver: Receiver) -> None:
    world.time.passes(DAY)
    await receiver.restart()
    await receiver.settles()


async def receiver_is_down_and_crashes_on_its_way_up(world: World, receiver: Receiver) -> None:
    world.time.passes(DAY)
    for _ in range(3):
        await receiver.restart()
        receiver.calls.before("store.open_incidents", crash)
        assert not await receiver.survives(receiver.tick)
        world.time.passes(MINUTE)
    await receiver.restart()
    await receiver.settles()


async def slack_is_down(world: World, receiver: Receiver) -> None:
    world.slack.fault = DOWN
    await receiver.run(DAY, every=GRACE)
    world.slack.fault = None
    # Slack is seen to answer again; when it began to, nobody knows.
    await receiver.run(GRACE / 4)


async def no_button_is_heard(world: World, receiver: Receiver) -> None:
    """Slack's Web API answers; its Socket Mode, over which presses come, is gone."""
    world.slack.is_open = False
    await receiver.run(DAY, every=GRACE)
    world.slack.is_open = True
    await receiver.run(GRACE / 4)


async def machine_sleeps(world: World, receiver: Receiver) -> None:
    """The monotonic clock of Linux stands still meanwhile."""
    world.time.jumps(DAY)
    await receiver.tick()


async def wall_clock_jumps_forward(world: World, receiver: Receiver) -> None:
    world.time.jumps(5 * GRACE)
    await receiver.tick()


async def wall_clock_is_set_forward_again_and_again(world: World, receiver: Receiver) -> None:
    """Each time by less than what counts as a gap."""
    for _ in range(4):
        world.time.jumps(GRACE / 4)
        await receiver.tick()


async def loop_hangs(world: World, receiver: Receiver) -> None:
    world.time.passes(DAY)
    await receiver.tick()


@pytest.mark.parametrize(
    "passes",
    [
        receiver_is_down,
        receiver_is_down_and_crashes_on_its_way_up,
        slack_is_down,
        no_button_is_heard,
        machine_sleeps,
        wall_clock_jumps_forward,
        wall_clock_is_set_forward_again_and_again,
        loop_hangs,
    ],
    ids=lambda passes: passes.__name__.replace("_", " "),
)
async def test_s13_time_in_which_the_owner_could_not_answer_does_not_count(
    passes: Callable[[World, Receiver], Awaitable[None]], world: World, receiver: Receiver
) -> None:
    await receiver.run(2 * GRACE)
    await receiver.warns()
    await receiver.run(GRACE / 2)
    await passes(world, receiver)

    await receiver.run(GRACE / 2 - SECOND)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_s13_an_outage_of_slack_at_the_deadline_puts_it_off(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE - MINUTE)
    world.slack.fault = DOWN

    await receiver.run(GRACE, every=MINUTE * 10)

    assert (await receiver.incident()).state is S.NOTIFIED
    assert world.determined.calls == []


async def test_s13_nothing_is_stopped_while_no_button_is_heard(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.slack.is_open = False

    await receiver.run(3 * GRACE, every=10 * MINUTE)

    assert (await receiver.incident()).state is S.NOTIFIED
    assert world.determined.calls == []


async def test_s13_an_outage_of_slack_is_not_forgotten_though_the_database_failed_with_it(
    world: World, receiver: Receiver
) -> None:
    async def fail() -> None:
        raise StoreUnavailableError("database: gone for a moment")

    await receiver.warns()
    await receiver.run(GRACE / 2)
    world.slack.fault = DOWN
    receiver.calls.before("store.tick_clock", fail)
    world.time.passes(SECOND)
    with pytest.raises(StoreUnavailableError):
        await receiver.tick()
    world.slack.fault = None

    # When Slack began to answer again, nobody knows: the time up to the first look does not count.
    await receiver.run(GRACE / 4, every=GRACE / 4)
    await receiver.run(GRACE / 2 - SECOND)

    assert world.determined.calls == []
    await receiver.run(GRACE / 4)
    assert len(world.determined.calls) == 1


async def test_s1_a_clock_set_back_right_before_the_call_lets_it_wait_for_the_deadline(
    world: World, receiver: Receiver
) -> None:
    async def set_back() -> None:
        world.time.jumps(-2 * MINUTE)

    await receiver.warns()
    receiver.calls.before("cluster.stop", set_back)

    await receiver.run(GRACE)

    assert world.determined.calls == []
    await receiver.run(2 * MINUTE - SECOND)
    assert world.determined.calls == []
    # A call that was about to be made is repeated after a minute.
    await receiver.run(MINUTE + SECOND)
    assert len(world.determined.calls) == 1


async def test_s13_a_wall_clock_that_is_set_back_shortens_nothing_and_stops_late(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE / 2)
    world.time.jumps(-2 * GRACE)
    await receiver.tick()

    await receiver.run(2 * GRACE + GRACE / 2 - SECOND, every=GRACE / 2)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_s13_a_wall_clock_that_is_set_forward_and_back_shortens_nothing(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    for span in (3 * GRACE, -3 * GRACE) * 2:
        world.time.jumps(span)
        await receiver.tick()

    await receiver.run(GRACE - SECOND)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_s13_a_warning_that_was_given_on_a_wrong_clock_still_has_its_full_grace_period(
    world: World, receiver: Receiver
) -> None:
    world.time.jumps(-3 * GRACE)
    await receiver.warns()
    world.time.jumps(3 * GRACE)
    await receiver.tick()

    await receiver.run(GRACE - SECOND)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_the_heartbeat_of_a_clock_that_ran_ahead_is_no_sign_of_life(
    world: World, receiver: Receiver
) -> None:
    world.time.jumps(3 * GRACE)
    await receiver.tick()
    world.time.jumps(-3 * GRACE)
    world.heart_beats = False
    await receiver.warns()

    await receiver.run(GRACE)

    assert world.determined.calls == []


async def test_s5_a_heartbeat_does_not_grow_young_when_the_wall_clock_is_set_back(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE - MINUTE)
    world.heart_beats = False
    world.time.passes(3 * GRACE)
    await receiver.tick()
    world.time.jumps(-3 * GRACE)
    await receiver.tick()
    for _ in range(4):
        await receiver.run(MINUTE)

    assert world.determined.calls == []


async def test_a_reading_of_determined_by_a_clock_that_ran_ahead_confirms_no_owner(
    world: World, receiver: Receiver
) -> None:
    world.time.jumps(3 * GRACE)
    await receiver.tick()
    world.time.jumps(-3 * GRACE)
    world.determined.fault = UpstreamUnavailableError("time-out")

    await receiver.warns()

    assert world.slack.posts == []


async def test_s13_later_messages_name_the_deadline_that_an_outage_has_moved(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver_is_down(world, receiver)

    await receiver.run(GRACE / 2)

    reminder = world.slack.posts[-1]
    assert reminder.kind is K.REMINDER
    assert set(reminder.deadlines.values()) == {world.time.wall + GRACE / 2}
