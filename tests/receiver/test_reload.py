"""S9, S10: what a change of the configuration, without a restart, means for what is going on."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from app.domain.actions import MessageKind
from app.domain.exemption import Exemption
from app.domain.incident import IncidentState
from app.domain.matchers import Matcher
from app.domain.policy import Mode, Policy, Rulebook, StopAction
from app.domain.waking import WakingHours
from tests.domain.examples import T0
from tests.receiver.conftest import GRACE, MINUTE, POLICY, RULEBOOK, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind
LATE = GRACE - 5 * MINUTE
EXEMPT = replace(
    RULEBOOK,
    exempt=(Exemption((Matcher("username", "bob"),), "thesis", T0 + timedelta(days=30)),),
)
NIGHT = WakingHours(time(0), time(4))


def with_policy(policy: Policy) -> Rulebook:
    return replace(RULEBOOK, policies={policy.name: policy})


async def test_s1_a_shorter_grace_period_shortens_no_warning_that_was_given(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    receiver.context.rulebook = with_policy(replace(POLICY, grace_default=MINUTE))

    await receiver.run(GRACE - SECOND, every=5 * MINUTE)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_s1_the_deadline_that_a_reminder_named_holds_as_the_warnings_own_does(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    receiver.context.rulebook = with_policy(replace(POLICY, grace_default=2 * GRACE))
    await receiver.run(GRACE)
    receiver.context.rulebook = RULEBOOK

    await receiver.run(GRACE - SECOND, every=5 * MINUTE)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1
    [_, reminder] = [post for post in world.slack.posts if post.deadlines][:2]
    assert set(reminder.deadlines.values()) == {world.time.wall}


async def test_s1_the_deadline_that_a_reminder_names_when_it_goes_out_holds_too(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.time.passes(GRACE / 2)
    await receiver.reconciler.tick()
    receiver.context.rulebook = with_policy(replace(POLICY, grace_default=2 * GRACE))
    await receiver.dispatcher.deliver_due()
    receiver.context.rulebook = RULEBOOK

    await receiver.run(3 * GRACE / 2 - SECOND, every=5 * MINUTE)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1
    reminder = world.slack.posts[1]
    assert set(reminder.deadlines.values()) == {world.time.wall}


async def test_s1_the_deadline_of_a_warning_that_is_found_again_is_the_one_that_it_names(
    world: World, receiver: Receiver
) -> None:
    world.slack.lost_answers = 1
    await receiver.warns()
    receiver.context.rulebook = with_policy(replace(POLICY, grace_default=MINUTE))

    await receiver.run(GRACE - SECOND, every=5 * MINUTE)

    assert world.slack.told()[0] is K.WARNING
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_a_longer_grace_period_prolongs_one_that_runs(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    receiver.context.rulebook = with_policy(replace(POLICY, grace_default=2 * GRACE))

    await receiver.run(2 * GRACE - SECOND)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(replace(RULEBOOK, mode=Mode.OBSERVE), id="mode observe"),
        pytest.param(replace(RULEBOOK, mode=Mode.WARN), id="mode warn"),
        pytest.param(with_policy(replace(POLICY, mode=Mode.WARN)), id="the policy's mode"),
        pytest.param(with_policy(replace(POLICY, action=StopAction.NONE)), id="no action"),
        pytest.param(replace(RULEBOOK, policies={}), id="no such policy"),
        pytest.param(EXEMPT, id="exempt"),
        pytest.param(with_policy(replace(POLICY, waking_hours=NIGHT)), id="other waking hours"),
    ],
)
async def test_s9_what_breaks_a_round_and_is_taken_back_is_followed_by_a_new_warning(
    meanwhile: Rulebook, world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(LATE)
    receiver.context.rulebook = meanwhile
    await receiver.run(MINUTE)
    receiver.context.rulebook = RULEBOOK
    await receiver.run(MINUTE)
    [*_, warning] = [post for post in world.slack.posts if post.kind is K.WARNING]
    assert warning.at == world.time.wall

    await receiver.run(GRACE - SECOND)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(replace(RULEBOOK, mode=Mode.WARN), id="mode warn"),
        pytest.param(with_policy(replace(POLICY, action=StopAction.NONE)), id="no action"),
        pytest.param(EXEMPT, id="exempt"),
        pytest.param(with_policy(replace(POLICY, waking_hours=NIGHT)), id="other waking hours"),
    ],
)
async def test_a_change_while_the_proof_is_gathered_prevents_the_stop(
    meanwhile: Rulebook, world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    async def change() -> None:
        receiver.context.rulebook = meanwhile

    receiver.calls.before("rules.query", change)
    await receiver.run(GRACE)

    assert world.determined.calls == []


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(replace(RULEBOOK, mode=Mode.OBSERVE), id="mode observe"),
        pytest.param(EXEMPT, id="exempt"),
        pytest.param(with_policy(replace(POLICY, waking_hours=NIGHT)), id="other waking hours"),
    ],
)
async def test_s10_a_warning_that_waits_is_not_sent_after_a_change_that_forbids_it(
    meanwhile: Rulebook, world: World, receiver: Receiver
) -> None:
    world.fires()
    await receiver.hears_of()
    receiver.context.rulebook = meanwhile

    await receiver.dispatcher.deliver_due()

    assert world.slack.posts == []


async def test_a_policy_that_is_new_is_followed_by_incidents_that_are_open(
    world: World, receiver: Receiver
) -> None:
    receiver.context.rulebook = replace(RULEBOOK, policies={})
    await receiver.warns()
    assert (await receiver.incident()).mode is Mode.OBSERVE

    receiver.context.rulebook = RULEBOOK
    await receiver.run(MINUTE)

    assert (await receiver.incident()).state is S.NOTIFIED
    assert world.slack.told() == [K.WARNING]
