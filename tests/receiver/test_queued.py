"""Policies that stop only while somebody waits for the GPUs, with the whole receiver."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.domain.actions import MessageKind
from app.domain.alert import Identity
from app.domain.cluster import QueuedJob
from app.domain.incident import IncidentState
from app.domain.reasons import Reason
from tests.domain.examples import ALLOCATION, IDENTITY, T0, allocation
from tests.receiver.conftest import GRACE, MINUTE, POLICY, RULEBOOK, SECOND, Receiver
from tests.receiver.database import Database
from tests.receiver.world import World, sibling

S = IncidentState
K = MessageKind
ASKING = replace(POLICY, only_when_queued=True)


@pytest.fixture
async def receiver(world: World, database: Database) -> AsyncIterator[Receiver]:
    receiver = Receiver(world, database, replace(RULEBOOK, policies={ASKING.name: ASKING}))
    receiver.start()
    world.determined.agents = {"agent-a": 1}
    await receiver.settles()
    yield receiver
    await receiver.stop()


def somebody_waits(world: World, slots: int = 1) -> None:
    job = QueuedJob("j1", "alice", slots=slots, least=slots, since=world.time.wall)
    world.determined.queue = [job]


def nobody_waits(world: World) -> None:
    world.determined.queue = []


async def test_while_somebody_waits_everything_is_as_ever(world: World, receiver: Receiver) -> None:
    somebody_waits(world)
    await receiver.warns()

    await receiver.run(GRACE + 10 * MINUTE, every=10 * MINUTE)

    assert (await receiver.incident()).state is S.STOPPED
    assert world.slack.told() == [K.WARNING, K.REMINDER, K.LAST_CALL, K.CLOSING]


async def test_while_nobody_waits_the_deadline_moves_and_the_message_says_until_when(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    await receiver.run(GRACE + MINUTE, every=GRACE / 2)

    assert (await receiver.incident()).state is S.NOTIFIED
    assert world.determined.calls == []
    assert world.slack.told() == [K.WARNING], "of what will not happen nobody is reminded"
    _, notice = world.slack.updates[-1]
    assert notice.deadlines == {ALLOCATION: T0 + 2 * GRACE}
    assert [each.only_when_queued for each in notice.matters] == [True]
    assert world.slack.told_admins() == []


async def test_once_somebody_waits_the_owner_is_reminded_and_the_stop_comes_at_the_moved_deadline(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE)
    somebody_waits(world)

    await receiver.run(GRACE - SECOND, every=10 * MINUTE)

    assert world.slack.told() == [K.WARNING, K.REMINDER, K.LAST_CALL]
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_s1_who_was_not_reminded_since_the_deadline_moved_has_another_grace_period(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE)
    await receiver.run(GRACE - 10 * MINUTE)
    somebody_waits(world)

    await receiver.run(10 * MINUTE)

    assert world.determined.calls == []
    await receiver.run(GRACE, every=10 * MINUTE)
    assert world.slack.told() == [K.WARNING, K.REMINDER, K.LAST_CALL]
    assert len(world.determined.calls) == 1


async def test_a_job_that_begins_right_before_the_stop_saves_the_task(
    world: World, receiver: Receiver
) -> None:
    somebody_waits(world)
    await receiver.warns()
    await receiver.run(GRACE - SECOND, every=10 * MINUTE)
    nobody_waits(world)

    await receiver.run(SECOND)

    assert world.determined.calls == []
    assert Reason.NOBODY_WAITS in await receiver.reasons()


async def test_s6_an_intent_on_record_for_which_nobody_waits_any_more_is_taken_back(
    world: World, receiver: Receiver
) -> None:
    somebody_waits(world)
    world.determined.deaf = True
    await receiver.warns()
    await receiver.run(GRACE, every=10 * MINUTE)
    nobody_waits(world)

    await receiver.run(2 * MINUTE, every=MINUTE)

    assert len(world.determined.calls) == 1
    assert Reason.STOP_WITHDRAWN in await receiver.reasons()


async def idle_together(world: World, receiver: Receiver, number: int = 3) -> list[Identity]:
    """Let bob's only agent be full of tasks that idle, and he be warned about all of them."""
    world.determined.agents = {"agent-a": number}
    found = [IDENTITY]
    for each in range(1, number):
        identity, one = sibling(each)
        world.determined.starts(one)
        found.append(identity)
    for identity in found:
        world.fires(identity)
    await receiver.hears_of(*found)
    await receiver.tick()
    return found


async def test_s10_a_job_takes_one_stop_and_not_one_of_every_task_that_would_do(
    world: World, receiver: Receiver
) -> None:
    world.determined.latency = 30 * SECOND
    somebody_waits(world)
    await idle_together(world, receiver)

    await receiver.run(GRACE, every=10 * MINUTE)
    await receiver.run(20 * SECOND, every=5 * SECOND)

    assert len(world.determined.calls) == 1
    states = [each.state for each in await receiver.incidents()]
    assert states.count(S.NOTIFIED) == 2, "the others have their deadlines moved"
    nobody_waits(world)
    await receiver.run(GRACE, every=MINUTE)
    assert len(world.determined.calls) == 1


async def test_a_job_that_needs_more_than_a_task_holds_is_served_by_as_many_as_it_takes(
    world: World, receiver: Receiver
) -> None:
    somebody_waits(world, slots=2)
    world.determined.latency = 30 * SECOND
    await idle_together(world, receiver)

    await receiver.run(GRACE + 20 * SECOND, every=10 * MINUTE)

    assert len(world.determined.calls) == 2
    assert K.REMINDER in world.slack.told()


EACH = pytest.mark.parametrize("which", [0, 1], ids=["one", "the other"])
"""Nobody can tell which of two is tried first, and counts on the other."""


@EACH
async def test_s10_without_another_that_it_needs_a_task_is_not_stopped(
    world: World, receiver: Receiver, which: int
) -> None:
    """Two tasks would make room, and one of them is silenced while the first is proven."""
    somebody_waits(world, slots=2)
    found = await idle_together(world, receiver, 2)
    await receiver.run(GRACE - SECOND, every=10 * MINUTE)

    async def somebody_silences() -> None:
        for peer in world.alertmanagers.peers:
            silence = world.alertmanagers.silence_of(found[which].task_id, 8 * GRACE)
            peer.silences.append(silence)

    receiver.calls.before("rules.query", somebody_silences, nth=4)
    await receiver.run(2 * SECOND, every=SECOND)

    assert world.determined.calls == []
    assert Reason.STOP_SENT not in await reasons(receiver)


@EACH
@pytest.mark.parametrize("number", [2, 3])
async def test_s10_another_that_it_needs_is_proven_before_a_task_is_stopped(
    world: World, receiver: Receiver, which: int, number: int
) -> None:
    """A third, where there is one, takes the place of the one that changes hands."""
    somebody_waits(world, slots=2)
    found = await idle_together(world, receiver, number)
    await receiver.run(GRACE - SECOND, every=10 * MINUTE)

    async def changes_hands() -> None:
        [one] = [each for each in (allocation(), sibling(1)[1]) if each.task_id == gone.task_id]
        world.determined.starts(replace(one, username="dave"))

    gone = found[which]
    receiver.calls.before("cluster.read_allocation", changes_hands)
    await receiver.run(SECOND)

    stopped = {call.allocation_id for call in world.determined.calls}
    others = {each.allocation_id for each in found if each is not gone}
    assert stopped == (others if number > 2 else set())


async def reasons(receiver: Receiver) -> set[Reason]:
    """Return those of every incident's history."""
    found = [await receiver.seen.history(each.incident_id) for each in await receiver.incidents()]
    return {entry.reason for entries in found for entry in entries}


async def test_s5_while_an_agent_does_not_tell_its_room_nothing_is_stopped_and_the_deadline_stays(
    world: World, receiver: Receiver
) -> None:
    somebody_waits(world)
    await receiver.warns()
    await receiver.run(GRACE - SECOND, every=10 * MINUTE)
    world.determined.silent_agents = {"agent-a"}

    await receiver.run(MINUTE, every=SECOND)

    assert world.determined.calls == []
    incident = await receiver.incident()
    assert (incident.state, incident.block and incident.block.reason) == (
        S.NOTIFIED,
        Reason.ROOM_UNKNOWN,
    )
    world.determined.silent_agents = set()
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1
