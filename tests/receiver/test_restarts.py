"""S8: neither a restart nor a repeated webhook loses, repeats or shortens anything."""

from app.domain.actions import MessageKind
from app.domain.incident import IncidentState
from app.domain.reasons import Reason
from tests.domain.examples import IDENTITY
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind


async def test_s8_a_restart_in_the_grace_period_loses_and_shortens_nothing(
    world: World, receiver: Receiver
) -> None:
    incident = await receiver.warns()
    await receiver.run(GRACE / 2)

    await receiver.restart()
    await receiver.settles()

    after = await receiver.incident()
    assert (after.state, after.round, after.targets) == (
        incident.state,
        incident.round,
        incident.targets,
    )
    await receiver.run(GRACE / 2 - SECOND)
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert world.slack.told() == [K.WARNING, K.REMINDER, K.LAST_CALL]
    assert len(world.determined.calls) == 1


async def test_s8_a_webhook_that_comes_again_and_again_opens_and_tells_once(
    world: World, receiver: Receiver
) -> None:
    world.fires()
    for _ in range(3):
        await receiver.hears_of(IDENTITY, IDENTITY)
        await receiver.tick()

    incident = await receiver.incident()

    assert incident.state is S.NOTIFIED
    assert world.slack.told() == [K.WARNING]


async def test_s8_repeated_webhooks_neither_shorten_nor_lengthen_the_grace_period(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    for _ in range(4):
        await receiver.hears_of()
        await receiver.run(GRACE / 4)

    assert (await receiver.reasons()).count(Reason.WARNING_DELIVERED) == 1
    assert len(world.determined.calls) == 1


async def test_s8_a_webhook_that_comes_after_the_end_opens_nothing(receiver: Receiver) -> None:
    await receiver.warns()
    await receiver.run(GRACE + MINUTE)
    await receiver.run(MINUTE)

    await receiver.hears_of()
    await receiver.tick()

    assert (await receiver.incident()).state is S.STOPPED


async def test_s8_what_a_webhook_brought_before_a_crash_is_worked_on_after_it(
    world: World, receiver: Receiver
) -> None:
    await receiver.hears_of()

    await receiver.restart()
    await receiver.tick()

    assert world.slack.told() == [K.WARNING]
