"""S2: only the allocation that was warned about is stopped, and only while it is the owner's."""

from dataclasses import replace

from app.domain.cluster import TaskType
from app.domain.incident import Incident, IncidentState
from app.domain.reasons import Reason
from tests.domain.examples import ALLOCATION, IDENTITY, T0, TASK, allocation
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.world import Kill, World

S = IncidentState
NEXT = f"{TASK}.2"
GENERIC = replace(IDENTITY, task_type="generic")
CHILD = "0d6c5f0a-2a4f-4f0e-9d5c-6f8f6c1f9e11"


async def restarts(world: World) -> None:
    """Let the task go on with a new allocation."""
    world.determined.ends()
    world.determined.starts(allocation(allocation_id=NEXT))


async def changes_hands(world: World) -> None:
    world.determined.starts(allocation("carol"))


async def warns_of_a_generic_task(world: World, receiver: Receiver, *descendants: str) -> Incident:
    world.determined.starts(allocation(task_type=TaskType.GENERIC, descendants=descendants))
    return await receiver.warns(GENERIC)


async def test_s2_a_task_that_others_descend_from_is_left_to_a_person_until_they_have_ended(
    world: World, receiver: Receiver
) -> None:
    await warns_of_a_generic_task(world, receiver, CHILD)

    await receiver.run(GRACE)
    await receiver.run(20 * MINUTE, every=MINUTE)

    assert world.determined.calls == []
    assert Reason.STOPS_OTHERS in await receiver.reasons()
    [told] = world.slack.told_admins()
    assert CHILD in told
    world.determined.starts(allocation(task_type=TaskType.GENERIC))
    await receiver.run(MINUTE)
    assert [call.allocation_id for call in world.determined.calls] == [ALLOCATION]


async def test_s2_who_asks_for_a_stop_of_a_task_does_not_stop_what_descends_from_it(
    world: World, receiver: Receiver
) -> None:
    incident = await warns_of_a_generic_task(world, receiver, CHILD)
    await receiver.answers.stop(incident.incident_id, [ALLOCATION], by="bob", reason="done")

    await receiver.run(20 * MINUTE, every=MINUTE)

    assert world.determined.calls == []
    assert (await receiver.reasons())[-1] is Reason.REQUEST_LAPSED


async def test_s2_another_allocation_of_the_task_is_not_stopped(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await restarts(world)

    await receiver.run(GRACE)

    assert (await receiver.incident()).state is S.ENDED
    assert world.determined.calls == []


async def test_s2_a_task_that_restarts_right_before_the_stop_is_not_stopped(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    receiver.calls.before("cluster.read_allocation", lambda: restarts(world))

    await receiver.run(GRACE)

    assert (await receiver.incident()).state is S.ENDED
    assert world.determined.calls == []


async def test_s2_the_next_allocation_of_the_task_gets_a_warning_and_a_grace_period_of_its_own(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE / 2)
    world.ceases()
    await restarts(world)
    world.fires(replace(IDENTITY, allocation_id=NEXT))
    await receiver.tick()

    await receiver.run(GRACE - SECOND)

    assert world.slack.posts[-1].deadlines == {NEXT: T0 + GRACE / 2 + GRACE}
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert world.determined.calls == [Kill(T0 + GRACE / 2 + GRACE, NEXT)]


async def test_s2_a_task_that_changed_hands_is_not_stopped(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await changes_hands(world)

    await receiver.run(GRACE)

    assert (await receiver.incident()).state is S.ENDED
    assert (await receiver.reasons())[-1] is Reason.OWNER_CHANGED
    assert world.determined.calls == []


async def test_s2_a_task_that_changes_hands_right_before_the_stop_is_not_stopped(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    receiver.calls.before("cluster.read_allocation", lambda: changes_hands(world))

    await receiver.run(GRACE)

    assert (await receiver.incident()).state is S.ENDED
    assert (await receiver.reasons())[-1] is Reason.OWNER_CHANGED
    assert world.determined.calls == []


async def test_s2_a_task_that_ends_while_it_is_being_stopped_takes_nothing_with_it(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    receiver.calls.before("cluster.stop", lambda: restarts(world))

    await receiver.run(GRACE + SECOND)

    assert (await receiver.incident()).is_final
    assert world.determined.kills == []
    assert await world.determined.read_allocation(NEXT) is not None
    assert await world.determined.read_allocation(ALLOCATION) is None
