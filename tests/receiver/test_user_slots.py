"""Who holds more than the limit while others wait is warned, and told of what."""

import pytest

from app.domain.actions import MessageKind
from app.domain.cluster import QueuedJob
from app.domain.incident import IncidentState, RecipientKind
from app.domain.policy import Mode, SlotLimits
from app.domain.reasons import Reason
from app.errors import UpstreamUnavailableError
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.slots import (
    IDLE,
    NEW,
    OVER,
    about_bob,
    is_over_the_limit,
    job,
    killed,
    named,
    outcomes,
    running,
)
from tests.receiver.world import World, sibling

S = IncidentState
K = MessageKind


async def test_the_idle_task_and_the_newest_are_named_warned_about_and_stopped(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.hears_of(OVER)
    await receiver.tick()
    incident = await about_bob(receiver)
    assert (incident.state, named(incident)) == (S.NOTIFIED, [IDLE, NEW])
    [warning] = [post for post in world.slack.posts if post.kind is K.WARNING]
    assert warning.deadlines == dict.fromkeys([IDLE, NEW], warning.at + GRACE)

    await receiver.run(GRACE - SECOND)
    assert killed(world) == []
    await receiver.run(SECOND)
    await receiver.run(MINUTE)

    assert killed(world) == [IDLE, NEW]
    incident = await about_bob(receiver)
    assert (incident.state, outcomes(incident)) == (S.STOPPED, {IDLE: S.STOPPED, NEW: S.STOPPED})
    proofs = [e for e in await receiver.seen.history(incident.incident_id) if e.reason == "proven"]
    assert len(proofs) == 2, "each target is proven by itself"
    assert [post.kind for post in world.slack.posts if post.to is RecipientKind.OWNER][-1] is (
        K.CLOSING
    )


async def test_an_alert_of_which_the_webhook_was_lost_is_found(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)

    await receiver.tick()

    assert named(await about_bob(receiver)) == [IDLE, NEW]
    assert world.slack.told() == [K.WARNING]


@pytest.mark.parametrize("by", ["webhook", "tick"])
async def test_what_is_left_of_an_alert_opens_nothing_where_determined_knows_better(
    by: str, world: World, receiver: Receiver
) -> None:
    """The rule keeps it firing for a while."""
    await is_over_the_limit(world, receiver)
    world.determined.queue.clear()
    if by == "webhook":
        await receiver.lookout.refresh()
        await receiver.hears_of(OVER)

    await receiver.tick()

    assert [each for each in await receiver.incidents() if each.identity == OVER] == []


async def test_where_no_job_could_begin_nobody_is_told_until_one_can(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    world.determined.queue = [job(8)]

    await receiver.tick()

    incident = await about_bob(receiver)
    assert (incident.state, incident.holds[0].reason) == (S.HELD, Reason.NO_USE)
    assert world.slack.posts == []
    world.determined.queue.append(job(3, "dave", ahead=1))
    await receiver.run(MINUTE)
    assert world.slack.told() == [K.WARNING]
    await receiver.run(GRACE - SECOND)
    assert killed(world) == []
    await receiver.run(SECOND)
    assert killed(world) == [IDLE, NEW]


async def test_s5_where_determined_does_not_tell_of_room_nobody_is_chosen(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    world.determined.agents.clear()

    await receiver.run(GRACE, every=GRACE / 4)

    incident = await about_bob(receiver)
    assert (named(incident), incident.holds[0].reason) == ([], Reason.ROOM_UNKNOWN)
    assert world.slack.posts == []


async def test_a_change_of_the_queue_in_between_makes_no_new_warning(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()

    for queue in ([job(4)], [], [job(2)], [job(8)], [job(3)]):
        world.determined.queue = queue
        await receiver.run(MINUTE)

    assert world.slack.told() == [K.WARNING]
    assert named(await about_bob(receiver)) == [IDLE, NEW]


async def test_a_target_that_ends_before_it_was_told_of_keeps_no_warning_from_the_others(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    world.slack.fault = UpstreamUnavailableError("Slack cannot be reached")
    await receiver.tick()
    world.determined.ends(IDLE)
    await receiver.run(MINUTE)
    world.slack.fault = None

    await receiver.run(MINUTE)

    assert world.slack.told() == [K.WARNING]
    assert named(await about_bob(receiver)) == [NEW]


async def test_when_all_targets_have_ended_others_are_named(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver, slot_limits=SlotLimits(default=0))
    world.determined.queue = [job(2)]
    await receiver.tick()
    world.determined.starts(running(5))
    world.determined.ends(IDLE)

    await receiver.run(MINUTE)

    assert named(await about_bob(receiver)) == [sibling(5)[0].allocation_id]
    assert world.slack.told().count(K.WARNING) == 2


async def test_s10_in_mode_warn_the_user_is_told_and_nothing_is_stopped(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver, mode=Mode.WARN)

    await receiver.run(3 * GRACE)

    [warning] = [post for post in world.slack.posts if post.kind is K.WARNING]
    assert warning.deadlines == {}
    assert killed(world) == []


async def test_jobs_of_the_user_that_are_in_front_make_a_stop_useless(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    mine: QueuedJob = job(3, "bob")
    world.determined.queue = [mine, job(3, ahead=1)]

    await receiver.tick()

    assert (await about_bob(receiver)).holds[0].reason is Reason.NO_USE
