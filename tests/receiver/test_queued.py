"""Policies that stop only while somebody waits for the GPUs, with the whole receiver."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.domain.actions import MessageKind
from app.domain.cluster import QueuedJob
from app.domain.incident import IncidentState
from app.domain.reasons import Reason
from tests.domain.examples import ALLOCATION, T0
from tests.receiver.conftest import GRACE, MINUTE, POLICY, RULEBOOK, SECOND, Receiver
from tests.receiver.database import Database
from tests.receiver.world import World

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


def somebody_waits(world: World) -> None:
    job = QueuedJob("j1", "alice", slots=1, least=1, since=world.time.wall)
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
