"""S6, S8: a stop that is on record and was not sent waits no longer than it may."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.actions import MessageKind
from app.domain.incident import IncidentState
from app.domain.reasons import Reason
from tests.domain.examples import IDENTITY
from tests.receiver.calls import crash
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind
OTHER = replace(IDENTITY, alertname="GPUAllocationHung")
Interrupts = Callable[[World, Receiver], Awaitable[None]]


async def proof_grows_old(world: World, receiver: Receiver) -> None:
    async def takes_long() -> None:
        world.time.passes(11 * SECOND)

    await receiver.run(GRACE - MINUTE)
    world.time.passes(MINUTE - SECOND)
    receiver.calls.before("cluster.stop", takes_long)
    await receiver.run(SECOND)


async def process_dies(world: World, receiver: Receiver) -> None:
    await receiver.run(GRACE - MINUTE)
    world.time.passes(MINUTE - SECOND)
    receiver.calls.before("store.commit", crash, nth=2)
    assert not await receiver.survives(lambda: receiver.run(SECOND))
    await receiver.restart()
    await receiver.lookout.read(timedelta())


left_unsent = pytest.mark.parametrize(
    "interrupts",
    [proof_grows_old, process_dies],
    ids=lambda interruption: interruption.__name__.replace("_", " "),
)


@left_unsent
async def test_s8_an_incident_whose_stop_was_not_sent_ends_when_the_task_is_used_again(
    interrupts: Interrupts, world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await interrupts(world, receiver)
    assert (await receiver.incident()).state is S.STOPPING

    world.recovers()
    await receiver.run(2 * MINUTE, every=MINUTE)

    assert (await receiver.incident()).state is S.RESOLVED
    assert world.determined.calls == []
    assert world.slack.told() == [K.WARNING, K.LAST_CALL, K.CLOSING]


@left_unsent
async def test_s8_a_stop_that_was_not_sent_does_not_keep_another_alert_from_the_task_for_ever(
    interrupts: Interrupts, world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await interrupts(world, receiver)
    assert (await receiver.incident()).state is S.STOPPING

    # Prometheus was restarted, and the alert waits for its `for`: nothing is proven either way.
    world.ceases()
    await receiver.warns(OTHER)
    await receiver.run(GRACE, every=MINUTE)

    first, other = await receiver.incidents()
    assert (first.state, [hold.reason for hold in first.holds]) == (S.HELD, [Reason.NOT_FIRING])
    assert other.state is S.STOPPING
    assert len(world.determined.calls) == 1


async def test_s8_a_call_without_effect_that_cannot_be_proven_again_is_given_up(
    world: World, receiver: Receiver
) -> None:
    world.determined.deaf = True
    await receiver.warns()
    await receiver.run(GRACE)
    world.ceases()
    await receiver.run(17 * MINUTE, every=MINUTE)
    assert (await receiver.incident()).state is S.HELD

    world.prometheus.verify = ()
    await receiver.run(2 * MINUTE, every=MINUTE)

    assert (await receiver.incident()).state is S.RESOLVED
    assert len(world.determined.calls) == 1
