"""S1, S9, S10: what an owner was told is done at the deadline, or less; never more."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.domain.actions import MessageKind
from app.domain.alert import Identity
from app.domain.cluster import TaskType
from app.domain.incident import IncidentState, IntentState
from app.domain.policy import Fallback, Policy, Rulebook, StopAction
from app.domain.reasons import Reason
from app.store.schema import incidents
from tests.domain.examples import IDENTITY, allocation
from tests.receiver.calls import crash
from tests.receiver.conftest import (
    BOTH_DATABASES,
    GRACE,
    MINUTE,
    POLICY,
    RULEBOOK,
    SECOND,
    Receiver,
)
from tests.receiver.world import World

S = IncidentState
K = MessageKind
PAUSE = replace(POLICY, action=StopAction.PAUSE)
PAUSE_OR_KILL = replace(PAUSE, fallback=Fallback.KILL)
TASK_ID = "41.00000001-b2f1-4c94-ae05-319acb5c7427"
TRIAL = replace(IDENTITY, task_type="trial", task_id=TASK_ID, allocation_id=f"{TASK_ID}.1")


def by(policy: Policy) -> Rulebook:
    return replace(RULEBOOK, policies={policy.name: policy})


@pytest.fixture
def trial(world: World) -> Identity:
    """The only trial of bob's experiment 41 runs."""
    running = allocation(
        allocation_id=TRIAL.allocation_id,
        task_id=TRIAL.task_id,
        task_type=TaskType.TRIAL,
        experiment_id="41",
        trial_id="1",
    )
    world.determined.starts(running)
    return TRIAL


def another_of_its_experiment_is_in_use(world: World) -> None:
    task_id = TASK_ID.replace("01-", "02-")
    busy = allocation(
        allocation_id=f"{task_id}.1",
        task_id=task_id,
        task_type=TaskType.TRIAL,
        experiment_id="41",
        trial_id="2",
    )
    world.determined.starts(busy)


def stops(world: World) -> Sequence[object]:
    return [*world.determined.calls, *world.determined.pauses]


@BOTH_DATABASES
@pytest.mark.parametrize(
    ("told", "now"),
    [(PAUSE, POLICY), (PAUSE, PAUSE_OR_KILL), (PAUSE_OR_KILL, POLICY)],
    ids=["kill for pause", "kill for nothing", "kill for a pause of the whole"],
)
async def test_s1_who_was_told_of_something_milder_is_warned_anew_with_a_full_grace_period(
    told: Policy, now: Policy, world: World, receiver: Receiver, trial: Identity
) -> None:
    another_of_its_experiment_is_in_use(world)
    receiver.context.rulebook = by(told)
    await receiver.warns(trial)
    await receiver.run(GRACE - SECOND)

    receiver.context.rulebook = by(now)
    await receiver.run(SECOND)

    assert stops(world) == []
    assert Reason.ACTION_CHANGED in await receiver.reasons()
    assert world.slack.posts[-1].kind is K.WARNING
    await receiver.run(GRACE - SECOND)
    assert stops(world) == []
    await receiver.run(SECOND)
    assert [each.allocation_id for each in world.determined.calls] == [trial.allocation_id]


async def test_s1_a_change_that_only_the_last_look_saw_is_followed_by_a_new_warning(
    world: World, receiver: Receiver, trial: Identity
) -> None:
    receiver.context.rulebook = by(PAUSE)
    await receiver.warns(trial)
    await receiver.run(GRACE - SECOND)

    async def reload() -> None:
        receiver.context.rulebook = by(POLICY)

    receiver.calls.before("rules.query", reload)
    await receiver.run(SECOND)

    assert stops(world) == []
    assert (await receiver.reasons())[-1] is Reason.WARNING_DELIVERED
    await receiver.run(GRACE)
    assert len(world.determined.calls) == 1


async def test_s1_a_stop_arranged_by_a_rulebook_that_is_taken_back_meanwhile_is_not_made(
    world: World, receiver: Receiver, trial: Identity
) -> None:
    """The tick arranged a kill; while it gathers the proof, the file says `pause` again."""
    receiver.context.rulebook = by(PAUSE)
    await receiver.warns(trial)
    await receiver.run(GRACE - SECOND)

    async def harsher() -> None:
        receiver.context.rulebook = by(POLICY)

    async def milder() -> None:
        receiver.context.rulebook = by(PAUSE)

    receiver.calls.before("cluster.snapshot", harsher)
    receiver.calls.before("rules.query", milder)
    await receiver.run(SECOND)

    assert world.determined.calls == []


async def test_s9_a_pause_on_record_that_became_a_kill_is_taken_back(
    world: World, receiver: Receiver, trial: Identity
) -> None:
    receiver.context.rulebook = by(PAUSE)
    await receiver.warns(trial)
    receiver.calls.before("store.commit", crash, nth=2)
    assert not await receiver.survives(lambda: receiver.run(GRACE))
    [target] = (await receiver.incident()).targets
    assert target.intent
    assert target.intent.state is IntentState.RECORDED
    await receiver.restart()
    receiver.context.rulebook = by(POLICY)

    await receiver.run(4 * MINUTE, every=MINUTE)

    assert stops(world) == []
    assert Reason.STOP_WITHDRAWN in await receiver.reasons()
    assert (await receiver.incident()).state is S.NOTIFIED
    await receiver.run(GRACE)
    assert len(world.determined.calls) == 1


async def test_something_milder_than_announced_takes_no_new_warning(
    world: World, receiver: Receiver, trial: Identity
) -> None:
    await receiver.warns(trial)
    receiver.context.rulebook = by(PAUSE)

    await receiver.run(GRACE, every=10 * MINUTE)

    assert world.determined.pauses == [frozenset({trial.allocation_id})]
    assert world.slack.told().count(K.WARNING) == 1


async def test_s10_a_message_that_came_to_announce_a_pause_is_followed_by_no_kill(
    world: World, receiver: Receiver, trial: Identity
) -> None:
    """Kill, then pause, of which the messages tell by now; then kill again."""
    await receiver.warns(trial)
    receiver.context.rulebook = by(PAUSE)
    await receiver.run(MINUTE)
    rewritten, notice = world.slack.updates[-1]
    assert notice.matters[0].action is StopAction.PAUSE
    assert rewritten == (await receiver.incident()).message
    await receiver.run(GRACE - 2 * MINUTE)

    receiver.context.rulebook = RULEBOOK
    await receiver.run(MINUTE)

    assert stops(world) == []
    assert world.slack.told().count(K.WARNING) == 2


async def test_s10_no_reminder_names_what_the_warning_did_not_announce(
    world: World, receiver: Receiver, trial: Identity
) -> None:
    """It was decided before the file changed, and is sent after."""
    receiver.context.rulebook = by(PAUSE)
    await receiver.warns(trial)
    world.time.passes(GRACE / 2)
    await receiver.reconciler.tick()
    receiver.context.rulebook = by(POLICY)

    await receiver.dispatcher.deliver_due()
    await receiver.run(MINUTE)

    assert world.slack.told() == [K.WARNING, K.WARNING]


async def test_s1_a_warning_that_is_found_again_announces_what_it_did_when_it_was_posted(
    world: World, receiver: Receiver, trial: Identity
) -> None:
    receiver.context.rulebook = by(PAUSE)
    world.slack.lost_answers = 1
    await receiver.warns(trial)
    receiver.context.rulebook = by(POLICY)

    await receiver.run(GRACE, every=MINUTE)

    assert stops(world) == []
    assert world.slack.told().count(K.WARNING) == 2
    assert (await receiver.incident()).state is S.NOTIFIED


@BOTH_DATABASES
async def test_s5_a_warning_of_before_anybody_noted_what_it_announces_is_given_anew(
    world: World, receiver: Receiver
) -> None:
    """So it is with those of the version before this one, which has no such word."""
    await receiver.warns()
    statement = sa.select(incidents.c.body)
    async with receiver.database.engine.begin() as connection:
        body = json.loads((await connection.execute(statement)).scalar_one())
        del body["targets"][0]["warning"]["announced"]
        await connection.execute(sa.update(incidents).values(body=json.dumps(body)))
    await receiver.restart()

    await receiver.settles()
    await receiver.tick()

    assert world.slack.told() == [K.WARNING, K.WARNING]
    await receiver.run(GRACE)
    assert len(world.determined.calls) == 1
