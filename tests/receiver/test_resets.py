"""S9: whatever breaks a grace period is followed by a new warning and a full one."""

from collections.abc import Awaitable, Callable

import pytest

from app.domain.actions import MessageKind
from app.domain.incident import IncidentState
from app.domain.policy import Mode
from app.errors import UpstreamUnavailableError
from tests.domain.examples import allocation
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind
LATE = GRACE - 5 * MINUTE
"""So late in the grace period that its rest is short."""


async def silence(world: World, receiver: Receiver) -> None:
    world.is_silenced(2 * MINUTE)
    await receiver.run(MINUTE)
    await receiver.run(MINUTE)


async def inhibition(world: World, receiver: Receiver) -> None:
    world.alertmanagers.first.inhibited_by = ("c0ffee",)
    await receiver.run(MINUTE)
    world.alertmanagers.first.inhibited_by = ()
    await receiver.run(MINUTE)


async def keep(_world: World, receiver: Receiver) -> None:
    await receiver.keep("2m")
    await receiver.run(MINUTE)
    await receiver.run(MINUTE)


async def keep_that_no_tick_saw(_world: World, receiver: Receiver) -> None:
    await receiver.keep("1m")
    await receiver.run(2 * MINUTE)


async def mode_observe(_world: World, receiver: Receiver) -> None:
    await receiver.restart(mode=Mode.OBSERVE)
    await receiver.run(MINUTE)
    await receiver.restart(mode=Mode.ENFORCE)
    await receiver.settles()


async def mode_warn(_world: World, receiver: Receiver) -> None:
    await receiver.restart(mode=Mode.WARN)
    await receiver.run(MINUTE)
    await receiver.restart(mode=Mode.ENFORCE)
    await receiver.settles()


async def new_episode(world: World, receiver: Receiver) -> None:
    """The owner worked, and none of our ticks saw it."""
    world.time.passes(MINUTE)
    world.fires()
    await receiver.run(MINUTE)


async def recovery(world: World, receiver: Receiver) -> None:
    world.recovers()
    await receiver.run(MINUTE)
    world.time.passes(SECOND)
    world.idles_again()
    await receiver.run(MINUTE)


@pytest.mark.parametrize(
    "interrupts",
    [
        silence,
        inhibition,
        keep,
        keep_that_no_tick_saw,
        mode_observe,
        mode_warn,
        new_episode,
        recovery,
    ],
    ids=lambda interruption: interruption.__name__.replace("_", " "),
)
async def test_s9_after_an_interruption_comes_a_new_warning_and_a_full_grace_period(
    interrupts: Callable[[World, Receiver], Awaitable[None]], world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(LATE)
    await interrupts(world, receiver)
    [*_, warning] = [post for post in world.slack.posts if post.kind is K.WARNING]
    assert warning.at == world.time.wall

    await receiver.run(GRACE - SECOND)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_s9_a_silence_that_only_the_last_look_saw_is_followed_by_a_new_warning(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    async def silence_for_a_moment() -> None:
        world.is_silenced(5 * SECOND)

    receiver.calls.before("rules.query", silence_for_a_moment)
    await receiver.run(GRACE)
    await receiver.run(10 * SECOND)

    assert world.determined.calls == []
    assert world.slack.told().count(K.WARNING) == 2


def no_owner(world: World) -> None:
    world.determined.starts(allocation(None))


def no_answer(world: World) -> None:
    world.determined.fault = UpstreamUnavailableError("down")


@pytest.mark.parametrize("forbids", [no_owner, no_answer], ids=lambda forbids: forbids.__name__)
async def test_s9_a_recovery_counts_though_something_else_forbids_the_stop_as_well(
    forbids: Callable[[World], None], world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    forbids(world)
    world.prometheus.verify = ()
    await receiver.run(GRACE)

    world.determined.fault = None
    world.determined.starts(allocation())
    world.prometheus.verify = (0.0,)
    await receiver.run(MINUTE)

    assert world.determined.calls == []
    assert (await receiver.incident()).state is S.RESOLVED


async def test_s9_a_recovery_ends_the_incident_and_its_owner_hears_of_it(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.recovers()

    await receiver.run(MINUTE)

    assert (await receiver.incident()).state is S.RESOLVED
    assert world.slack.told() == [K.WARNING, K.CLOSING]


async def test_a_message_of_a_broken_round_is_not_sent(world: World, receiver: Receiver) -> None:
    world.fires()
    await receiver.hears_of()
    await receiver.reconciler.tick()
    world.is_silenced(GRACE)
    await receiver.reconciler.tick()

    await receiver.dispatcher.deliver_due()

    assert world.slack.posts == []


async def test_s10_the_old_deadline_is_taken_back_when_a_new_round_begins(
    world: World, receiver: Receiver
) -> None:
    incident = await receiver.warns()
    await receiver.run(LATE)

    world.fires()
    await receiver.run(MINUTE)

    rewritten = [receipt for receipt, _notice in world.slack.updates]
    assert incident.message in rewritten, "the old message still names the old deadline"
