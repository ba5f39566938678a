"""A stop is over when its GPUs were seen free or given on; admins hear of those that were not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.actions import MessageKind
from app.domain.cluster import Container, Room, TaskType
from app.domain.incident import IncidentState
from app.domain.policy import StopAction
from app.domain.reasons import Reason
from app.domain.release import Gpu
from app.errors import UpstreamUnavailableError
from app.owner_actions import OwnerActions
from app.store.people import SqlPressBook
from tests.domain.examples import IDENTITY, allocation
from tests.receiver.calls import crash
from tests.receiver.conftest import BOTH_DATABASES, GRACE, MINUTE, POLICY, RULEBOOK, Receiver
from tests.receiver.slack import ADMINS
from tests.receiver.slots import (
    IDLE,
    NEW,
    OVER,
    about_bob,
    is_over_the_limit,
    killed,
    outcomes,
)
from tests.receiver.test_mass_stops import metric
from tests.receiver.world import World

S = IncidentState
K = MessageKind
LIMIT = RULEBOOK.limits.gpu_release
FREED = "watchdog_gpus_reclaimed_total"
DOWN = UpstreamUnavailableError("time-out")


async def ends(receiver: Receiver) -> None:
    """Let bob's notebook be stopped, and its allocation be seen to be gone."""
    await receiver.warns()
    await receiver.run(GRACE)
    await receiver.run(MINUTE)


def told_admins(world: World) -> list[str]:
    return [post.text for post in world.slack.posts if post.channel == ADMINS]


async def over(receiver: Receiver) -> tuple[IncidentState, Reason]:
    return (await receiver.incident()).state, (await receiver.reasons())[-1]


async def test_end_needs_free_gpus(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.determined.agents = {"agent-a": 1}
    monkeypatch.setattr(world.determined, "_rooms", lambda: {"agent-a": Room(1, 0)})
    await receiver.warns()

    await receiver.run(GRACE + 2 * MINUTE, every=15 * MINUTE)

    assert (await receiver.incident()).state is not S.STOPPED


async def test_gpus_that_are_seen_free_at_once_verify_the_stop_at_once(
    world: World, receiver: Receiver
) -> None:
    await ends(receiver)

    [target] = (await receiver.incident()).targets
    assert await over(receiver) == (S.STOPPED, Reason.STOP_VERIFIED)
    assert target.gpus == (Gpu("GPU-1", "agent-a"),)
    assert world.slack.told()[-1] is K.CLOSING
    assert "GPUs free for others: 1." in told_admins(world)[-1]
    assert metric(receiver, FREED) == 1


def container_stays(world: World) -> None:
    world.determined.left_behind.add("GPU-1")


def process_stays(world: World) -> None:
    world.prometheus.gpus_in_use.add("GPU-1")


def agent_is_lost(world: World) -> None:
    world.determined.unlisted.add("GPU-1")


def exporter_is_down(world: World) -> None:
    world.prometheus.gpus_unseen.add("GPU-1")


def prometheus_is_down(world: World) -> None:
    world.prometheus.query_fault = DOWN


def all_is_well(world: World) -> None:
    for each in (world.determined.left_behind, world.determined.unlisted):
        each.clear()
    for each in (world.prometheus.gpus_in_use, world.prometheus.gpus_unseen):
        each.clear()
    world.prometheus.query_fault = None


TROUBLES = pytest.mark.parametrize(
    ("trouble", "reason", "words"),
    [
        pytest.param(
            container_stays,
            Reason.GPUS_IN_USE,
            "GPU-1 on agent-a: occupied by a container that belongs to no task",
            id="its slot stays occupied",
        ),
        pytest.param(
            process_stays,
            Reason.GPUS_IN_USE,
            "GPU-1 on agent-a: free in Determined, and in use",
            id="a process stays",
        ),
        pytest.param(
            agent_is_lost,
            Reason.GPUS_UNSEEN,
            "GPU-1 on agent-a: not listed by Determined",
            id="its agent is lost",
        ),
        pytest.param(
            exporter_is_down,
            Reason.GPUS_UNSEEN,
            "GPU-1 on agent-a: free in Determined, and not seen by Prometheus",
            id="its exporter is down",
        ),
        pytest.param(
            prometheus_is_down,
            Reason.GPUS_UNSEEN,
            "GPU-1 on agent-a: free in Determined, and not seen by Prometheus",
            id="Prometheus is down",
        ),
    ],
)


async def ends_in(trouble: Callable[[World], None], world: World, receiver: Receiver) -> None:
    await receiver.warns()
    await receiver.run(GRACE)
    trouble(world)
    await receiver.run(MINUTE)


@TROUBLES
async def test_a_gpu_that_is_not_seen_free_is_waited_for(
    trouble: Callable[[World], None],
    reason: Reason,
    words: str,
    world: World,
    receiver: Receiver,
) -> None:
    del reason, words
    await ends_in(trouble, world, receiver)
    await receiver.run(LIMIT - MINUTE, every=MINUTE)

    incident = await receiver.incident()
    assert (incident.state, incident.targets[0].outcome) == (S.STOPPING, S.STOPPED)
    assert world.slack.told() == [K.WARNING]
    assert told_admins(world) == []
    assert metric(receiver, FREED) == 0
    all_is_well(world)
    await receiver.run(MINUTE)
    assert await over(receiver) == (S.STOPPED, Reason.STOP_VERIFIED)
    assert metric(receiver, FREED) == 1
    assert len(world.determined.calls) == 1


@TROUBLES
async def test_one_that_is_not_seen_free_for_long_goes_to_the_admins_by_name_and_once(
    trouble: Callable[[World], None],
    reason: Reason,
    words: str,
    world: World,
    receiver: Receiver,
) -> None:
    await ends_in(trouble, world, receiver)

    await receiver.run(LIMIT, every=MINUTE)
    await receiver.run(LIMIT, every=MINUTE)

    assert await over(receiver) == (S.STOPPED, reason)
    [text] = told_admins(world)
    assert words in text
    assert IDENTITY.task_id in text
    assert world.slack.told()[-1] is K.CLOSING
    assert metric(receiver, FREED) == 0
    assert len(world.determined.calls) == 1


async def test_a_gpu_that_another_task_has_by_now_verifies_the_stop(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE)
    held = (Container("c2", "agent-a", ("GPU-1",)),)
    world.determined.starts(allocation("carol", allocation_id="other.1", containers=held))
    process_stays(world)

    await receiver.run(MINUTE)

    assert await over(receiver) == (S.STOPPED, Reason.STOP_VERIFIED)


async def test_what_held_no_gpu_is_over_with_its_allocation(
    world: World, receiver: Receiver
) -> None:
    held = (Container("c1", "agent-a"),)
    world.determined.starts(allocation(slots=0, containers=held))
    prometheus = world.prometheus

    await receiver.warns()
    await receiver.run(GRACE)
    prometheus.query_fault = DOWN
    await receiver.run(MINUTE)

    assert await over(receiver) == (S.STOPPED, Reason.STOP_VERIFIED)


@BOTH_DATABASES
async def test_s8_a_restart_while_gpus_are_awaited_forgets_none_of_them(
    world: World, receiver: Receiver
) -> None:
    await ends_in(process_stays, world, receiver)

    await receiver.restart()
    await receiver.settles()

    assert (await receiver.incident()).state is S.STOPPING
    await receiver.run(LIMIT, every=MINUTE)
    assert await over(receiver) == (S.STOPPED, Reason.GPUS_IN_USE)
    assert len(told_admins(world)) == 1


async def test_s8_after_a_long_outage_the_first_look_decides(
    world: World, receiver: Receiver
) -> None:
    await ends_in(process_stays, world, receiver)
    await receiver.stop()
    world.time.passes(10 * LIMIT)
    all_is_well(world)

    receiver.start()
    await receiver.tick()

    assert await over(receiver) == (S.STOPPED, Reason.STOP_VERIFIED)


@pytest.mark.parametrize("trouble", [all_is_well, process_stays], ids=["free", "in use"])
async def test_s8_a_crash_while_it_is_stored_tells_and_counts_it_once(
    trouble: Callable[[World], None], world: World, receiver: Receiver
) -> None:
    await ends_in(process_stays, world, receiver)
    world.time.passes(LIMIT)
    all_is_well(world)
    trouble(world)
    receiver.calls.before("store.commit", crash)
    assert not await receiver.survives(receiver.tick)
    assert (await receiver.incident()).state is S.STOPPING

    await receiver.restart()
    await receiver.settles()

    assert (await receiver.incident()).state is S.STOPPED
    assert len(told_admins(world)) == 1
    assert len(world.determined.calls) == 1


async def test_nothing_that_happens_meanwhile_ends_the_wait_or_begins_anything(
    world: World, receiver: Receiver
) -> None:
    """Our own stop empties the GPU, so the alert resolves; or somebody silences it, too late."""
    await ends_in(process_stays, world, receiver)
    world.recovers()
    world.is_silenced(10 * MINUTE)

    await receiver.run(3 * MINUTE, every=MINUTE)
    assert (await receiver.incident()).state is S.STOPPING
    world.idles_again()
    await receiver.run(LIMIT, every=MINUTE)

    assert await over(receiver) == (S.STOPPED, Reason.GPUS_IN_USE)
    assert len(world.determined.calls) == 1
    assert world.slack.told() == [K.WARNING, K.CLOSING]


async def test_who_keeps_it_meanwhile_hears_that_it_was_stopped(
    world: World, receiver: Receiver
) -> None:
    await ends_in(process_stays, world, receiver)
    incident = await receiver.incident()
    book = SqlPressBook(receiver.database.engine)
    actions = OwnerActions(receiver.answers, receiver.seen, book, receiver.context)

    kept = await actions.keep(incident.incident_id, argument="2h", by="bob", key="k1")

    assert kept == "It was stopped."
    assert (await receiver.incident()).version == incident.version


async def test_after_a_pause_the_gpus_are_looked_at_as_well(
    world: World, receiver: Receiver
) -> None:
    pause = replace(POLICY, action=StopAction.PAUSE)
    receiver.context.rulebook = replace(RULEBOOK, policies={pause.name: pause})
    generic = allocation(task_type=TaskType.GENERIC)
    identity = replace(IDENTITY, task_type="generic")
    world.determined.starts(generic)
    await receiver.warns(identity)
    await receiver.run(GRACE)
    process_stays(world)
    await receiver.run(MINUTE)
    assert len(world.determined.pauses) == 1
    assert (await receiver.incident()).state is S.STOPPING

    await receiver.run(LIMIT, every=MINUTE)

    assert await over(receiver) == (S.STOPPED, Reason.GPUS_IN_USE)
    [text] = told_admins(world)
    assert "of bob, paused: its end was seen, and not all of its GPUs are free" in text


async def test_of_two_tasks_of_one_incident_each_has_its_own_gpus(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.hears_of(OVER)
    await receiver.tick()
    await receiver.run(GRACE)
    assert killed(world) == [IDLE, NEW]
    world.determined.left_behind.add("GPU-2")

    await receiver.run(MINUTE)
    assert (await about_bob(receiver)).state is S.STOPPING
    await receiver.run(LIMIT, every=MINUTE)

    incident = await about_bob(receiver)
    assert (incident.state, outcomes(incident)) == (S.STOPPED, {IDLE: S.STOPPED, NEW: S.STOPPED})
    assert [each.freed for each in incident.targets] == [1, 0]
    left, freed = told_admins(world)
    assert "GPU-2 on agent-a" in left
    assert "GPUs free for others: 1." in freed


async def test_prometheus_is_asked_once_a_tick_and_only_while_gpus_are_awaited(
    world: World, receiver: Receiver
) -> None:
    await ends_in(process_stays, world, receiver)
    await receiver.run(2 * MINUTE, every=MINUTE)

    asked = [each for each in world.prometheus.queries if "gpu_uuid=~" in each]
    assert len(asked) == 3
    await receiver.run(LIMIT, every=MINUTE)
    before = len(world.prometheus.queries)
    await receiver.run(LIMIT, every=MINUTE)
    assert len(world.prometheus.queries) == before
