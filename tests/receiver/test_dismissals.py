"""A false alarm: closed by an admin, and forgotten only when its condition was seen to be over."""

from app.domain.incident import IncidentState
from app.domain.reasons import Reason
from tests.domain.examples import ALLOCATION
from tests.receiver.conftest import BOTH_DATABASES, GRACE, MINUTE, Receiver
from tests.receiver.world import World

S = IncidentState


async def dismisses(receiver: Receiver) -> None:
    incident = await receiver.incident()
    await receiver.answers.dismiss(incident.incident_id, by="ann", reason="its GPUs are busy")


@BOTH_DATABASES
async def test_what_an_admin_has_called_false_is_closed_and_stays_so_while_it_fires(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await dismisses(receiver)

    await receiver.hears_of()
    await receiver.restart()
    await receiver.run(GRACE + MINUTE, every=5 * MINUTE)

    assert [each.state for each in await receiver.incidents()] == [S.DISMISSED]
    assert (await receiver.history())[-1].actor == "ann"
    assert world.determined.calls == []


async def test_an_alert_that_merely_vanished_is_still_the_same_false_alarm(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await dismisses(receiver)
    world.ceases()
    world.prometheus.evidence = ()
    await receiver.run(5 * MINUTE)

    world.prometheus.evidence = (12.0,)
    world.fires()
    await receiver.hears_of()
    await receiver.run(5 * MINUTE)

    assert len(await receiver.incidents()) == 1


async def test_after_it_was_seen_to_be_over_the_alert_counts_again(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await dismisses(receiver)
    world.recovers()
    await receiver.run(MINUTE)

    world.idles_again()
    await receiver.hears_of()
    await receiver.run(MINUTE)

    states = [each.state for each in await receiver.incidents()]
    assert states == [S.DISMISSED, S.NOTIFIED]


async def test_nothing_is_remembered_of_a_false_alarm_about_a_task_that_has_ended(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await dismisses(receiver)
    world.ceases()
    world.prometheus.evidence = ()

    world.determined.ends(ALLOCATION)
    await receiver.run(MINUTE)

    assert await receiver.seen.dismissed() == []


async def test_it_is_too_late_to_call_false_what_is_being_stopped(
    world: World, receiver: Receiver
) -> None:
    world.determined.latency = 5 * MINUTE
    await receiver.warns()
    await receiver.run(GRACE)
    assert (await receiver.incident()).state is S.STOPPING

    await dismisses(receiver)

    assert Reason.DISMISSED not in await receiver.reasons()
    assert (await receiver.incident()).state is S.STOPPING


@BOTH_DATABASES
async def test_an_alert_that_is_called_false_while_a_webhook_brings_it_opens_nothing(
    receiver: Receiver,
) -> None:
    await receiver.warns()
    receiver.calls.before("store.receive", lambda: dismisses(receiver))

    await receiver.hears_of()

    assert [each.state for each in await receiver.incidents()] == [S.DISMISSED]


@BOTH_DATABASES
async def test_an_alert_that_is_called_false_while_a_tick_finds_it_opens_nothing(
    world: World, receiver: Receiver
) -> None:
    world.fires()

    async def comes_and_is_dismissed() -> None:
        await receiver.hears_of()
        await dismisses(receiver)

    receiver.calls.after("store.dismissed_of", comes_and_is_dismissed)

    await receiver.reconciler.tick()

    assert [each.state for each in await receiver.incidents()] == [S.DISMISSED]
    assert receiver.failed_steps() == 0
