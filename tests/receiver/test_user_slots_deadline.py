"""At the deadline as few of the named tasks are stopped as it takes, each once."""

from dataclasses import replace

import pytest

from app.domain.actions import MessageKind
from app.domain.breaker import BreakerLimits
from app.domain.cluster import TaskType
from app.domain.incident import IncidentState
from app.domain.policy import SlotLimits
from app.domain.reasons import Reason
from app.errors import UpstreamRejectedError, UpstreamUnavailableError
from tests.receiver.calls import crash
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.slots import (
    IDLE,
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
from tests.receiver.world import World, sibling

S = IncidentState
K = MessageKind


async def test_at_the_deadline_only_as_many_are_stopped_as_are_still_needed(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()
    await receiver.run(GRACE - MINUTE)
    world.determined.queue = [job(2)]

    await receiver.run(2 * MINUTE, every=MINUTE)

    assert killed(world) == [IDLE]
    incident = await about_bob(receiver)
    assert (incident.state, outcomes(incident)) == (S.STOPPED, {IDLE: S.STOPPED, NEW: S.RESOLVED})
    assert [each.left for each in incident.targets] == [None, Reason.NO_NEED]


async def test_whoever_gives_back_what_was_asked_for_loses_nothing(
    world: World, receiver: Receiver
) -> None:
    """Somebody else has taken it, so others wait as before."""
    await is_over_the_limit(world, receiver)
    for number in (3, 4):
        world.determined.agents[f"agent-{number}"] = 1
        world.determined.starts(running(number, agent=f"agent-{number}"))
    await receiver.tick()
    incident = await about_bob(receiver)
    assert named(incident) == [IDLE, NEW]
    assert incident.demand is not None
    assert incident.demand.free == 2

    for number in (3, 4):
        world.determined.ends(sibling(number)[0].allocation_id)
        world.determined.starts(running(number, agent=f"agent-{number}", username="dave"))
    await receiver.run(GRACE)

    assert killed(world) == []
    [hold] = (await about_bob(receiver)).holds
    assert (hold.reason, hold.detail) == (
        Reason.NO_NEED,
        "the user has given back what was asked for",
    )


async def test_nothing_is_stopped_when_nobody_waits_any_more(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()
    await receiver.run(GRACE - MINUTE)
    world.determined.queue.clear()

    await receiver.run(2 * MINUTE, every=MINUTE)

    assert killed(world) == []
    incident = await about_bob(receiver)
    assert (incident.state, incident.holds[0].reason) == (S.HELD, Reason.NO_NEED)
    world.recovers(OVER)
    await receiver.run(MINUTE)
    assert (await about_bob(receiver)).state is S.RESOLVED


@pytest.mark.parametrize("system", ["determined", "prometheus", "alertmanager"])
async def test_s5_a_system_that_is_away_at_the_deadline_means_no_stop(
    system: str, world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()
    await receiver.run(GRACE - MINUTE)
    fault = UpstreamUnavailableError("it does not answer")
    if system == "determined":
        world.determined.fault = fault
    elif system == "prometheus":
        world.prometheus.fault = fault
    else:
        world.alertmanagers.second.error = "it does not answer"

    await receiver.run(3 * MINUTE, every=MINUTE)

    assert killed(world) == []
    assert named(await about_bob(receiver)) == [IDLE, NEW]


async def test_who_was_not_named_in_the_warning_is_named_in_another_with_a_full_grace_period(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver, slot_limits=SlotLimits(default=0))
    await receiver.tick()
    await receiver.run(GRACE - MINUTE)
    world.determined.queue = [job(4)]

    await receiver.run(MINUTE)

    assert killed(world) == []
    assert named(await about_bob(receiver)) == [IDLE, NEW, OLD]
    assert world.slack.told().count(K.WARNING) == 2
    await receiver.run(GRACE - SECOND)
    assert killed(world) == []
    await receiver.run(SECOND)
    assert killed(world) == [IDLE, NEW, OLD]


async def test_a_target_that_ends_by_itself_leaves_the_others_their_deadline(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()
    await receiver.run(GRACE / 2)
    world.determined.ends(IDLE)

    await receiver.run(GRACE / 2)

    assert world.slack.told().count(K.WARNING) == 1
    assert killed(world) == [NEW]


@pytest.mark.parametrize("call", ["cluster.stop", "store.commit", "cluster.read_allocation"])
@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_s6_a_crash_between_the_two_stops_repeats_neither(
    call: str, nth: int, world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    world.determined.latency = 20 * SECOND
    await receiver.tick()
    world.time.passes(GRACE)
    receiver.calls.before(call, crash, nth=nth)
    await receiver.survives(receiver.tick)

    await receiver.restart()
    await receiver.settles()
    for _ in range(3):
        await receiver.run(MINUTE)
        await receiver.run(GRACE)

    assert sorted(killed(world)) == sorted({IDLE, NEW})
    incident = await about_bob(receiver)
    assert incident.state is S.STOPPED
    warned = {each for post in world.slack.posts for each in post.deadlines}
    assert set(killed(world)) <= warned


async def test_s7_each_of_the_targets_counts(world: World, receiver: Receiver) -> None:
    await is_over_the_limit(world, receiver, breaker=BreakerLimits(floor=1))
    await receiver.tick()

    await receiver.run(GRACE)
    await receiver.run(MINUTE)

    assert killed(world) == []
    [told] = world.slack.told_admins()
    assert "2 allocations" in told
    assert (await about_bob(receiver)).holds[0].reason is Reason.BREAKER


async def test_all_targets_have_the_same_deadline_the_latest_of_theirs(
    world: World, receiver: Receiver
) -> None:
    hasty = replace(SLOTS, grace={TaskType.TRIAL: GRACE / 2})
    await is_over_the_limit(world, receiver, policies={hasty.name: hasty})
    world.determined.starts(running(2, task_type=TaskType.TRIAL))

    await receiver.tick()

    [warning] = [post for post in world.slack.posts if post.kind is K.WARNING]
    assert warning.deadlines == dict.fromkeys([IDLE, NEW], warning.at + GRACE)
    await receiver.run(GRACE - SECOND)
    assert killed(world) == []


async def test_s6_a_stop_that_was_refused_is_given_up_when_nobody_waits_any_more(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    world.determined.refusal = UpstreamRejectedError("Determined answered 500", code="500")
    await receiver.tick()
    await receiver.run(GRACE)
    assert killed(world) == [IDLE, NEW]
    world.determined.refusal = None
    world.determined.queue.clear()

    await receiver.run(5 * MINUTE, every=MINUTE)

    assert killed(world) == [IDLE, NEW], "none was called again"
    assert world.determined.kills == []
    assert (await about_bob(receiver)).holds[0].reason is Reason.NO_NEED


async def test_who_is_over_the_limit_after_a_stop_is_asked_anew(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver, slot_limits=SlotLimits(default=0))
    world.determined.queue = [job(2), job(3, "dave", ahead=1)]
    await receiver.tick()
    await receiver.run(GRACE)
    assert killed(world) == [IDLE]
    world.determined.queue.pop(0)

    await receiver.run(2 * MINUTE, every=MINUTE)

    incident = await about_bob(receiver)
    assert (incident.state, named(incident)) == (S.NOTIFIED, [NEW])
    await receiver.run(GRACE - SECOND)
    assert killed(world) == [IDLE]
