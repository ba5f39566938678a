"""What protects a task from making room for others; and that others may take its place."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from app.domain.actions import MessageKind
from app.domain.exemption import Exemption
from app.domain.incident import IncidentState
from app.domain.matchers import Matcher
from app.domain.policy import Policy, SlotLimits, StopAction
from app.domain.reasons import Reason
from app.errors import NothingToKeepError
from tests.domain.examples import T0, allocation
from tests.receiver.conftest import GRACE, MINUTE, POLICY, SECOND, Receiver
from tests.receiver.slots import (
    IDLE,
    LIMITED,
    NEW,
    OLD,
    OVER,
    SLOTS,
    about_bob,
    is_over_the_limit,
    job,
    killed,
    named,
    outcomes,
    running,
)
from tests.receiver.world import World

S = IncidentState
K = MessageKind
PRODUCTION = Exemption((Matcher("experiment_label", "prod"),), "production", T0 + 99 * GRACE)


def silenced(world: World, allocation_id: str) -> None:
    """Let somebody silence one task, of which the alert about the user knows nothing."""
    task_id = allocation_id.rpartition(".")[0]
    for peer in world.alertmanagers.peers:
        peer.silences.append(world.alertmanagers.silence_of(task_id, 8 * GRACE))


async def test_s4_a_silence_over_a_task_keeps_it_from_being_chosen(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    silenced(world, IDLE)

    await receiver.tick()

    assert named(await about_bob(receiver)) == [NEW, OLD]


async def test_s4_a_silence_over_a_target_lets_it_be_and_others_are_named(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()
    await receiver.run(GRACE / 2)
    silenced(world, NEW)

    await receiver.run(MINUTE)

    assert named(await about_bob(receiver)) == [IDLE, OLD]
    assert world.slack.told().count(K.WARNING) == 2
    await receiver.run(GRACE - SECOND)
    assert killed(world) == []
    await receiver.run(SECOND)
    assert killed(world) == [IDLE, OLD]


async def test_s4_a_silence_of_the_last_second_wins(world: World, receiver: Receiver) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()

    async def somebody_silences() -> None:
        silenced(world, IDLE)

    receiver.calls.before("rules.query", somebody_silences)
    await receiver.run(GRACE)

    assert killed(world) == []
    assert (await about_bob(receiver)).state is S.HELD


async def test_a_silence_over_the_alert_holds_all_of_it(world: World, receiver: Receiver) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()
    silence = world.alertmanagers.silence_of("", 3 * MINUTE, username="bob")
    over_bob = replace(silence, matchers=(Matcher("username", "bob"),))
    for peer in world.alertmanagers.peers:
        peer.silences.append(over_bob)

    await receiver.run(MINUTE)

    incident = await about_bob(receiver)
    assert (incident.state, named(incident)) == (S.HELD, [IDLE, NEW])
    await receiver.run(3 * MINUTE)
    assert (await about_bob(receiver)).state is S.NOTIFIED
    assert world.slack.told().count(K.WARNING) == 2


async def test_s13_a_keep_is_for_the_tasks_that_were_named(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver, slot_limits=SlotLimits(default=0))
    await receiver.tick()
    world.determined.queue = [job(2)]
    await receiver.keep("2h", identity=OVER)
    assert (await about_bob(receiver)).state is S.HELD

    await receiver.run(MINUTE)

    assert named(await about_bob(receiver)) == [OLD]
    assert {keep.task_id for keep in world.alertmanagers.made} == {
        each.rpartition(".")[0] for each in (IDLE, NEW)
    }
    await receiver.run(GRACE)
    assert killed(world) == [OLD]


async def test_s13_when_all_is_kept_nothing_is_stopped(world: World, receiver: Receiver) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()
    await receiver.keep("2h", identity=OVER)

    await receiver.run(2 * GRACE - MINUTE, every=GRACE / 4)

    assert killed(world) == []
    assert (await about_bob(receiver)).holds[0].reason is Reason.NO_USE
    assert world.slack.told().count(K.WARNING) == 1


async def test_where_nobody_is_chosen_there_is_nothing_to_keep(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    world.determined.queue = [job(8)]
    await receiver.tick()

    with pytest.raises(NothingToKeepError):
        await receiver.keep("2h", identity=OVER)


async def test_s11_an_exempt_task_is_never_named(world: World, receiver: Receiver) -> None:
    await is_over_the_limit(world, receiver, exempt=(PRODUCTION,))
    world.determined.starts(running(1, labels=("prod",)))
    world.determined.starts(running(2, labels=()))
    world.determined.starts(allocation(labels=()))

    await receiver.tick()

    assert named(await about_bob(receiver)) == [NEW, OLD]


async def test_s11_a_target_that_becomes_exempt_is_let_be(world: World, receiver: Receiver) -> None:
    await is_over_the_limit(world, receiver, exempt=(PRODUCTION,))
    for number in (1, 2):
        world.determined.starts(running(number, labels=()))
    await receiver.tick()
    world.determined.queue = [job(2)]
    world.determined.starts(running(1, labels=("prod",)))

    await receiver.run(MINUTE)

    incident = await about_bob(receiver)
    assert (named(incident), incident.target(IDLE).left) == ([NEW], Reason.EXEMPT)  # type: ignore[union-attr] # It is there.
    assert world.slack.told().count(K.WARNING) == 1, "who was named already is not warned again"
    await receiver.run(GRACE - MINUTE)
    assert killed(world) == [NEW]


async def test_s2_a_target_with_another_owner_is_none(world: World, receiver: Receiver) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()
    world.determined.starts(running(1, username="dave"))
    world.determined.queue = [job(2)]

    await receiver.run(GRACE)
    await receiver.run(MINUTE)

    assert killed(world) == [NEW]
    assert outcomes(await about_bob(receiver)) == {IDLE: S.ENDED, NEW: S.STOPPED}


async def test_while_the_alert_does_not_fire_nobody_is_warned_about_others(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()
    world.prometheus.firing.pop(OVER.key)
    silenced(world, NEW)

    await receiver.run(MINUTE)

    assert world.slack.told().count(K.WARNING) == 1


PAUSING = replace(SLOTS, action=StopAction.PAUSE)
"""With the fall-back `none`. Bob's tasks are notebooks, which cannot be paused."""


def policies(slots: Policy) -> Mapping[str, Policy]:
    return {POLICY.name: POLICY, slots.name: slots}


async def test_s10_what_cannot_be_paused_and_has_no_fallback_is_neither_named_nor_stopped(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver, policies=policies(PAUSING))

    await receiver.tick()
    await receiver.run(GRACE + MINUTE)

    assert killed(world) == []
    assert world.slack.told() == []
    incident = await about_bob(receiver)
    assert (named(incident), incident.holds[0].reason) == ([], Reason.NO_USE)


async def test_s10_what_a_changed_policy_does_not_stop_is_let_be(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()
    await receiver.run(GRACE - SECOND)

    receiver.context.rulebook = replace(LIMITED, policies=policies(PAUSING))
    await receiver.run(MINUTE, every=SECOND)

    assert killed(world) == []
    incident = await about_bob(receiver)
    assert {each.left for each in incident.targets} == {Reason.NOT_PAUSABLE}


async def test_who_is_only_advised_is_told_of_tasks_of_every_type(
    world: World, receiver: Receiver
) -> None:
    advice = replace(SLOTS, action=StopAction.NONE)
    await is_over_the_limit(world, receiver, policies=policies(advice))

    await receiver.tick()
    await receiver.run(GRACE)

    assert killed(world) == []
    assert named(await about_bob(receiver)) == [IDLE, NEW]
    assert world.slack.told() == [K.WARNING]
