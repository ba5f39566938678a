"""A stop by hand of a task about which nothing is open: an incident of its own carries it out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.actions import MessageKind
from app.domain.by_hand_proof import REQUEST_LIFE
from app.domain.cluster import TaskType
from app.domain.exemption import Exemption
from app.domain.foresight import Effect
from app.domain.incident import IncidentState, RecipientKind
from app.domain.matchers import Matcher
from app.domain.policy import Mode, StopAction
from app.domain.reasons import Reason
from app.errors import (
    ClusterUnreadError,
    NotPausableError,
    NotStoppableError,
    OwnerUnknownError,
    StopGivenUpError,
    TaskNotFoundError,
    UpstreamUnavailableError,
)
from app.manual_actions import Done, Order
from tests.domain.examples import ALLOCATION, T0, TASK, allocation
from tests.receiver.calls import crash
from tests.receiver.conftest import BOTH_DATABASES, MINUTE, RULEBOOK, SECOND, Receiver
from tests.receiver.world import World, sibling

S = IncidentState
KILL, PAUSE = StopAction.KILL, StopAction.PAUSE
MEANT = Order("ann", "a <b>miner</b>", key="k-1")
TRIED = replace(MEANT, dry_run=True)
DOWN = UpstreamUnavailableError("time-out")


async def stops(receiver: Receiver, order: Order = MEANT, action: StopAction = KILL) -> Done:
    return await receiver.task_actions.stop(TASK, order, action)


def effects(done: Done) -> list[Effect]:
    return [each.effect for each in done.foresight.outlooks]


async def test_it_is_stopped_verified_and_told_with_who_asked_and_why(
    world: World, receiver: Receiver
) -> None:
    done = await stops(receiver)
    await receiver.run(MINUTE, every=15 * SECOND)

    incident = await receiver.incident()
    assert effects(done) == [Effect.ACTS]
    assert done.incident.incident_id == incident.incident_id
    assert [each.allocation_id for each in world.determined.calls] == [ALLOCATION]
    assert (incident.state, incident.identity.alertname) == (S.STOPPED, "ManualStop")
    assert (await receiver.reasons())[:2] == [Reason.OPENED_BY_HAND, Reason.STOP_REQUESTED]
    assert {each.actor for each in (await receiver.history())[:2]} == {"ann"}
    posts = {post.kind: post for post in world.slack.posts}
    assert posts.keys() == {MessageKind.CLOSING, MessageKind.ADMINS}
    assert posts[MessageKind.CLOSING].to is RecipientKind.OWNER
    assert "ann" in posts[MessageKind.ADMINS].text
    assert "a <b>miner</b>" in posts[MessageKind.ADMINS].text


def only_observes(_world: World, receiver: Receiver) -> None:
    receiver.context.rulebook = replace(RULEBOOK, mode=Mode.OBSERVE)


def is_exempt(_world: World, receiver: Receiver) -> None:
    thesis = Exemption((Matcher("username", "bob"),), "thesis", T0 + timedelta(days=30))
    receiver.context.rulebook = replace(RULEBOOK, exempt=(thesis,))


def is_silenced(world: World, _receiver: Receiver) -> None:
    world.is_silenced(timedelta(hours=2))


def prometheus_is_down(world: World, _receiver: Receiver) -> None:
    world.prometheus.fault = DOWN


async def test_nothing_is_said_of_an_alert_that_there_is_not(receiver: Receiver) -> None:
    done = await stops(receiver)

    assert {each.reason for each in done.foresight.objections} == {Reason.NOT_WARNED}


@pytest.mark.parametrize(
    ("happens", "rule", "reason"),
    [
        pytest.param(only_observes, "S10", Reason.MODE, id="mode"),
        pytest.param(is_exempt, "S11", Reason.EXEMPT, id="exempt"),
        pytest.param(is_silenced, "S4", Reason.SILENCED, id="silence"),
        pytest.param(prometheus_is_down, "S5", Reason.PROMETHEUS_UNAVAILABLE, id="no Prometheus"),
    ],
)
async def test_s12_what_speaks_against_it_is_told_and_forbids_nothing(
    world: World,
    receiver: Receiver,
    happens: Callable[[World, Receiver], None],
    rule: str,
    reason: Reason,
) -> None:
    happens(world, receiver)

    done = await stops(receiver)
    await receiver.run(2 * MINUTE, every=MINUTE)

    assert (rule, reason) in {(each.rule, each.reason) for each in done.foresight.objections}
    assert [each.allocation_id for each in world.determined.calls] == [ALLOCATION]
    [target] = (await receiver.incident()).targets
    assert target.outcome is S.STOPPED


async def test_open_incident_about_the_task_carries_it_out(
    world: World, receiver: Receiver
) -> None:
    incident = await receiver.warns()

    done = await stops(receiver)
    again = await stops(receiver)
    await receiver.run(2 * MINUTE, every=MINUTE)
    late = await stops(receiver)

    ids = {each.incident.incident_id for each in (done, again, late)}
    assert ids == {incident.incident_id}
    assert done.foresight == again.foresight == late.foresight
    assert len(world.determined.calls) == 1
    assert (await receiver.incident()).state is S.STOPPED


async def test_alert_that_fires_meanwhile_does_not_stop_it_a_second_time(
    world: World, receiver: Receiver
) -> None:
    await stops(receiver)
    await receiver.warns()
    await receiver.run(5 * MINUTE, every=MINUTE)

    assert len(world.determined.calls) == 1
    assert all(each.is_final for each in await receiver.incidents())


async def test_s2_restarted_task_is_left_alone(world: World, receiver: Receiver) -> None:
    await stops(receiver)
    world.determined.ends()
    world.determined.starts(allocation(allocation_id=f"{TASK}.2"))

    await receiver.run(2 * MINUTE, every=MINUTE)

    assert world.determined.calls == []
    assert (await receiver.incident()).state is S.ENDED


async def test_s2_task_of_another_owner_by_now_is_left_alone(
    world: World, receiver: Receiver
) -> None:
    await stops(receiver)
    world.determined.starts(allocation("carol"))

    await receiver.run(2 * MINUTE, every=MINUTE)

    assert world.determined.calls == []
    assert (await receiver.incident()).state is S.ENDED


async def test_s5_what_determined_does_not_confirm_in_time_lapses_and_is_closed(
    world: World, receiver: Receiver
) -> None:
    world.determined.fault = DOWN

    done = await stops(receiver)
    await receiver.run(REQUEST_LIFE + 2 * MINUTE, every=MINUTE)
    world.determined.fault = None
    await receiver.run(2 * MINUTE, every=MINUTE)

    assert effects(done) == [Effect.WAITS]
    assert world.determined.calls == []
    assert (await receiver.incident()).state is S.ENDED
    assert Reason.REQUEST_LAPSED in await receiver.reasons()


async def test_s13_keep_after_it_takes_it_back_and_closes_it(
    world: World, receiver: Receiver
) -> None:
    done = await stops(receiver)
    await receiver.keep(identity=done.incident.identity)

    await receiver.run(2 * MINUTE, every=MINUTE)

    assert world.determined.calls == []
    assert (await receiver.incident()).state is S.ENDED


@BOTH_DATABASES
async def test_s6_s8_crash_at_any_moment_of_it_leaves_one_stop_under_one_key(
    world: World, receiver: Receiver
) -> None:
    receiver.calls.before("store.commit", crash)
    assert not await receiver.survives(lambda: stops(receiver))
    await receiver.restart()
    await receiver.reconciler.tick()
    assert await receiver.incidents() == []
    receiver.calls.after("store.commit", crash)
    assert not await receiver.survives(lambda: stops(receiver))
    await receiver.restart()
    await receiver.reconciler.tick()

    done = await stops(receiver)
    await receiver.run(2 * MINUTE, every=MINUTE)
    late = await stops(receiver)

    assert len(world.determined.calls) == 1
    assert done.incident.incident_id == late.incident.incident_id
    assert done.foresight == late.foresight
    assert late.incident.state is S.STOPPED


async def test_repetition_is_answered_with_the_incident_of_its_own_key(
    world: World, receiver: Receiver
) -> None:
    first = await stops(receiver)
    await receiver.run(2 * MINUTE, every=MINUTE)
    world.determined.starts(allocation(allocation_id=f"{TASK}.2"))
    await receiver.tick()
    second = await stops(receiver, replace(MEANT, key="k-2"))

    again = await stops(receiver)

    assert again.incident.incident_id == first.incident.incident_id
    assert second.incident.incident_id != first.incident.incident_id


async def test_what_was_given_up_is_tried_anew_by_hand_and_then_no_more(
    world: World, receiver: Receiver
) -> None:
    world.determined.deaf = True
    alerted = await receiver.warns()
    await receiver.run(timedelta(hours=2), every=10 * MINUTE)
    assert (await receiver.incident()).state is S.ESCALATED
    calls = len(world.determined.calls)

    done = await stops(receiver)
    await receiver.run(timedelta(hours=2), every=10 * MINUTE)

    assert done.incident.incident_id != alerted.incident_id
    assert len(world.determined.calls) > calls
    with pytest.raises(StopGivenUpError):
        await stops(receiver, replace(MEANT, key="k-2"))
    await receiver.run(10 * MINUTE, every=5 * MINUTE)
    assert "rules.has_alert" not in receiver.calls.made


async def test_whatever_is_tried_is_answered_and_nothing_of_it_done(
    world: World, receiver: Receiver
) -> None:
    done = await stops(receiver, TRIED)
    await receiver.run(MINUTE)

    assert effects(done) == [Effect.ACTS]
    assert done.incident.incident_id == ""
    assert await receiver.incidents() == []
    assert world.determined.calls == []


async def test_generic_task_is_paused(world: World, receiver: Receiver) -> None:
    world.determined.starts(allocation(task_type=TaskType.GENERIC))
    await receiver.tick()

    await stops(receiver, MEANT, PAUSE)
    await receiver.run(MINUTE)

    assert world.determined.pauses == [frozenset({ALLOCATION})]


@pytest.mark.parametrize(
    ("changes", "action", "error"),
    [
        pytest.param({}, PAUSE, NotPausableError, id="a notebook cannot be paused"),
        pytest.param({"task_type": TaskType.CHECKPOINT_GC}, KILL, NotStoppableError, id="clean-up"),
        pytest.param({"task_type": None}, KILL, NotStoppableError, id="of no known type"),
        pytest.param({"username": None}, KILL, OwnerUnknownError, id="of nobody"),
        pytest.param({"containers": ()}, KILL, TaskNotFoundError, id="queued"),
    ],
)
async def test_what_cannot_be_done_is_refused_and_leaves_nothing(
    world: World,
    receiver: Receiver,
    changes: dict[str, object],
    action: StopAction,
    error: type[Exception],
) -> None:
    world.determined.starts(allocation(**changes))  # type: ignore[arg-type] # Words of the test.
    await receiver.tick()

    with pytest.raises(error):
        await stops(receiver, MEANT, action)

    assert await receiver.incidents() == []


async def test_s5_nothing_is_begun_by_what_determined_said_long_ago(
    world: World, receiver: Receiver
) -> None:
    world.time.passes(RULEBOOK.limits.snapshot_age + SECOND)

    with pytest.raises(ClusterUnreadError):
        await stops(receiver)

    assert await receiver.incidents() == []


async def test_s7_it_is_not_counted_by_the_breaker(world: World, receiver: Receiver) -> None:
    identity, other = sibling(1)
    world.determined.starts(other)
    tight = replace(RULEBOOK.breaker, max_stops_per_hour=1)
    receiver.context.rulebook = replace(RULEBOOK, breaker=tight)
    await receiver.tick()
    for number, each in enumerate((TASK, identity.task_id)):
        await receiver.task_actions.stop(each, replace(MEANT, key=f"k-{number}"), KILL)

    await receiver.run(2 * MINUTE, every=MINUTE)

    assert len(world.determined.kills) == 2
    assert not (await receiver.seen.breaker()).tripped
