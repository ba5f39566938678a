"""S13: a keep holds from its commit, and no stop passes it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.actions import MessageKind
from app.domain.incident import IncidentState, IntentState
from app.domain.policy import StopAction
from app.domain.reasons import Reason
from app.errors import KeepTooLongError, StopUnderWayError, UpstreamUnavailableError
from app.manual_actions import Order
from tests.domain.examples import ALLOCATION, IDENTITY, TASK
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind
DAY = timedelta(days=1)
DOWN = UpstreamUnavailableError("time-out")
LATE = GRACE - 5 * MINUTE


async def test_a_keep_is_shown_in_alertmanager_once_and_ends_the_countdown_at_once(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(LATE)
    await receiver.keep("2h")
    assert (await receiver.incident()).state is S.HELD

    await receiver.run(GRACE, every=GRACE / 2)

    [made] = world.alertmanagers.made
    assert (made.task_id, made.policy, made.by) == (TASK, IDENTITY.policy, "carol")
    assert world.determined.calls == []


async def test_s12_a_keep_is_in_the_history_with_who_asked_for_it(receiver: Receiver) -> None:
    await receiver.warns()

    await receiver.keep("2h")

    entry = (await receiver.history())[-1]
    assert (entry.reason, entry.actor, entry.after) == (Reason.HOLD_BEGAN, "carol", S.HELD)


async def test_s13_a_keep_is_in_force_from_its_commit_though_alertmanager_takes_no_silence(
    world: World, receiver: Receiver
) -> None:
    world.alertmanagers.fault = UpstreamUnavailableError("Alertmanager: time-out")
    await receiver.warns()
    await receiver.keep("2h")

    await receiver.run(2 * GRACE - SECOND, every=GRACE)

    assert (await receiver.incident()).state is S.HELD
    assert world.determined.calls == []


async def test_s13_a_keep_that_is_committed_while_the_proof_is_gathered_wins(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    # Nothing is asked any more between this call and the intent's commit.
    receiver.calls.before("store.heartbeat_at", receiver.keep, nth=2)

    await receiver.run(GRACE)

    assert (await receiver.incident()).state is S.HELD
    assert world.determined.calls == []


async def test_s13_a_keep_that_is_committed_between_the_intent_and_the_call_wins(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    receiver.calls.before("store.commit", receiver.keep, nth=2)

    await receiver.run(GRACE)

    assert world.determined.calls == []


async def test_s13_a_keep_that_is_committed_while_a_stop_is_proven_again_wins(
    world: World, receiver: Receiver
) -> None:
    world.determined.refusal = DOWN
    await receiver.warns()
    await receiver.run(GRACE)
    receiver.calls.before("store.heartbeat_at", receiver.keep, nth=2)

    await receiver.run(MINUTE)

    assert len(world.determined.calls) == 1


async def test_s13_a_keep_of_the_task_wins_against_the_stop_of_another_incident_about_it(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    other = replace(IDENTITY, alertname="GPUAllocationPartlyIdle")
    receiver.calls.before("store.heartbeat_at", lambda: receiver.keep(identity=other), nth=2)
    world.fires(other)
    await receiver.hears_of(other)

    await receiver.run(GRACE)

    assert world.determined.calls == []


async def test_s13_a_keep_that_comes_too_late_is_refused_and_promises_nothing(
    world: World, receiver: Receiver
) -> None:
    world.determined.latency = GRACE
    await receiver.warns()
    await receiver.run(GRACE)

    with pytest.raises(StopUnderWayError):
        await receiver.keep("2h")

    assert await receiver.seen.keeps(world.time.wall) == []


async def test_s9_a_keep_that_no_tick_saw_ends_the_round_of_every_alert_about_the_task(
    world: World, receiver: Receiver
) -> None:
    """The receiver is down until the keep is over, and Alertmanager never hears of it."""
    await receiver.warns()
    await receiver.warns(replace(IDENTITY, alertname="GPUAllocationPartlyIdle"))
    await receiver.run(LATE)
    await receiver.keep("1h")

    world.time.passes(timedelta(hours=2))
    await receiver.run(10 * MINUTE)

    states = {(each.state, each.round) for each in await receiver.incidents()}
    assert states == {(S.NOTIFIED, 2)}
    assert world.determined.calls == []


async def test_s12_a_keep_takes_a_stop_back_that_was_refused_and_the_history_says_whose(
    world: World, receiver: Receiver
) -> None:
    world.determined.refusal = DOWN
    await receiver.warns()
    await receiver.run(GRACE)

    await receiver.keep("2h")
    await receiver.run(MINUTE)

    [withdrawn] = [
        entry for entry in await receiver.history() if entry.reason is Reason.STOP_WITHDRAWN
    ]
    assert (withdrawn.detail, withdrawn.actor) == ("kept by carol", "carol")
    assert (await receiver.incident()).state is S.HELD
    assert len(world.determined.calls) == 1


async def test_a_task_is_kept_for_three_days_in_all_and_then_stopped(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    for _ in range(3):
        await receiver.keep("24h")
        await receiver.run(DAY, every=DAY)

    with pytest.raises(KeepTooLongError, match="0s are left"):
        await receiver.keep("1m")

    assert world.determined.calls == []
    await receiver.run(GRACE)
    assert len(world.determined.calls) == 1


async def test_the_keeps_of_one_episode_do_not_count_in_the_next(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    for _ in range(3):
        await receiver.keep("24h")
        await receiver.run(DAY, every=DAY)
    world.recovers()
    await receiver.run(MINUTE)
    world.time.passes(SECOND)
    world.idles_again()
    await receiver.run(MINUTE)

    await receiver.keep("24h")

    assert (await receiver.incidents())[-1].state is S.HELD


async def test_a_keep_that_was_refused_can_be_made_when_the_stop_was_not_sent(
    world: World, receiver: Receiver
) -> None:
    other = replace(IDENTITY, alertname="GPUAllocationPartlyIdle")
    await receiver.warns()
    world.fires(other)
    await receiver.hears_of(other)

    async def happen() -> None:
        with pytest.raises(StopUnderWayError):
            await receiver.keep(identity=other)
        world.time.passes(30 * SECOND)

    receiver.calls.before("cluster.stop", happen)
    await receiver.run(GRACE)

    first = (await receiver.seen.find_open([IDENTITY.key]))[IDENTITY.key]
    intent = first.targets[0].intent
    assert world.determined.calls == []
    assert intent is not None
    assert (intent.state, intent.attempts) == (IntentState.RECORDED, 0), "it was not sent"
    await receiver.keep(identity=other)
    await receiver.run(MINUTE)
    assert (await receiver.seen.find_open([IDENTITY.key]))[IDENTITY.key].state is S.HELD
    assert world.determined.calls == []


async def test_s13_what_is_being_stopped_is_not_kept_through_another_alert_either(
    world: World, receiver: Receiver
) -> None:
    other = replace(IDENTITY, alertname="GPUAllocationPartlyIdle")
    await receiver.warns()
    await receiver.warns(other)
    refused = []

    async def keep() -> None:
        # The one that leads to the call knows of it by itself.
        [beside] = [each for each in await receiver.incidents() if each.state is S.NOTIFIED]
        try:
            await receiver.keep(identity=beside.identity)
        except StopUnderWayError as exc:
            refused.append(exc)

    receiver.calls.before("cluster.stop", keep)

    await receiver.run(GRACE)

    assert len(world.determined.calls) == 1
    assert len(refused) == 1
    assert await receiver.seen.keeps(world.time.wall) == []


async def test_what_was_kept_from_a_stop_by_hand_is_stopped_when_somebody_asks_again(
    world: World, receiver: Receiver
) -> None:
    await receiver.task_actions.stop(TASK, Order("ann", "a miner", key="k-1"), StopAction.KILL)
    by_hand = await receiver.incident()
    await receiver.keep(identity=by_hand.identity)
    await receiver.run(MINUTE)
    assert world.determined.calls == []

    await receiver.task_actions.stop(TASK, Order("ann", "it is", key="k-2"), StopAction.KILL)
    await receiver.run(MINUTE)

    assert [each.allocation_id for each in world.determined.kills] == [ALLOCATION]
