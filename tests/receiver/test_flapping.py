"""An alert that comes back soon: a new episode for the clock, the same matter for its owner."""

import pytest

from app.domain.actions import MessageKind
from app.domain.incident import IncidentState
from tests.domain.examples import ALLOCATION
from tests.receiver.conftest import GRACE, MINUTE, RULEBOOK, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind
AGAIN = RULEBOOK.limits.again_within


async def recovers_late(world: World, receiver: Receiver) -> None:
    """Let the owner come back five minutes before the deadline."""
    await receiver.warns()
    await receiver.run(GRACE - 5 * MINUTE)
    world.recovers()
    await receiver.run(MINUTE)
    assert (await receiver.incident()).state is S.RESOLVED


@pytest.mark.parametrize("heard", [True, False], ids=["by webhook", "without one"])
async def test_s9_an_alert_that_comes_back_has_a_new_message_and_a_whole_grace_period(
    world: World, receiver: Receiver, *, heard: bool
) -> None:
    await recovers_late(world, receiver)
    settled = world.time.wall
    world.time.passes(10 * MINUTE)
    world.idles_again()
    if heard:
        await receiver.hears_of()
    await receiver.tick()
    began = world.time.wall

    await receiver.run(GRACE - SECOND, every=GRACE)

    old, new = await receiver.incidents()
    assert new.settled_at == settled
    assert old.message != new.message
    warning = [post for post in world.slack.posts if post.kind is K.WARNING][-1]
    assert warning.thread is None, "a new post, which notifies its reader (S1)"
    assert warning.channel == world.slack.posts[0].channel
    assert warning.deadlines == {ALLOCATION: began + GRACE}
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_after_a_while_an_alert_is_a_new_matter(world: World, receiver: Receiver) -> None:
    await recovers_late(world, receiver)
    world.time.passes(AGAIN + SECOND)
    world.idles_again()

    await receiver.tick()

    assert (await receiver.incidents())[-1].settled_at is None


async def test_what_is_left_of_a_recovery_opens_nothing(world: World, receiver: Receiver) -> None:
    await receiver.warns()
    firing = dict(world.prometheus.firing)
    world.recovers()
    world.time.passes(MINUTE)
    await receiver.tick()
    world.prometheus.firing = firing

    await receiver.run(14 * MINUTE, every=MINUTE)

    assert len(await receiver.incidents()) == 1
