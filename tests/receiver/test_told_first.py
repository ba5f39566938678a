"""S1: nobody's task is stopped who was not told; S10: and nobody is threatened in vain."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.actions import MessageKind
from app.domain.alert import Identity
from app.domain.incident import IncidentState, RecipientKind
from app.domain.policy import Mode, Rulebook, StopAction
from app.domain.reasons import Reason
from app.errors import UpstreamRejectedError, UpstreamUnavailableError
from tests.domain.examples import ALLOCATION, IDENTITY, T0, allocation
from tests.receiver.calls import crash
from tests.receiver.conftest import GRACE, MINUTE, POLICY, RULEBOOK, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind
REFUSED = UpstreamRejectedError("Slack answered channel_not_found", code="channel_not_found")
DOWN = UpstreamUnavailableError("Slack cannot be reached")


def nobody(world: World) -> None:
    world.slack.unknown.add("bob")


def everybody(world: World) -> None:
    world.slack.unknown.clear()


def refusing(world: World) -> None:
    world.slack.refusals[RecipientKind.OWNER] = REFUSED


async def test_s1_while_slack_is_down_nothing_is_stopped(world: World, receiver: Receiver) -> None:
    world.slack.fault = DOWN
    await receiver.warns()

    await receiver.run(3 * GRACE)

    assert (await receiver.incident()).state is S.FIRING
    assert world.determined.calls == []


async def test_s1_a_full_grace_period_follows_the_warning_that_slack_took_late(
    world: World, receiver: Receiver
) -> None:
    world.slack.fault = DOWN
    await receiver.warns()
    await receiver.run(3 * GRACE)
    world.slack.fault = None
    await receiver.run(MINUTE)

    await receiver.run(GRACE - SECOND)

    assert world.slack.posts[0].deadlines == {ALLOCATION: T0 + 4 * GRACE + MINUTE}
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


@pytest.mark.parametrize(
    "unreachable",
    [
        pytest.param(nobody, id="the owner is unknown or deactivated in Slack"),
        pytest.param(refusing, id="Slack refuses the message"),
    ],
)
async def test_s1_an_owner_who_cannot_be_reached_loses_nothing_and_admins_hear_once(
    unreachable: Callable[[World], None], world: World, receiver: Receiver
) -> None:
    unreachable(world)
    incident = await receiver.warns()

    await receiver.run(5 * GRACE)

    assert incident.state is S.HELD
    assert [hold.reason for hold in incident.holds] == [Reason.OWNER_UNREACHABLE]
    assert world.determined.calls == []
    assert world.slack.told() == []
    [told] = world.slack.told_admins()
    assert "bob cannot be reached" in told


@pytest.mark.parametrize(
    "unreachable",
    [
        pytest.param(nobody, id="deactivated in Slack"),
        pytest.param(refusing, id="Slack refuses the reminder"),
    ],
)
async def test_s1_an_owner_who_is_gone_when_the_reminder_comes_is_held_though_a_warning_arrived(
    unreachable: Callable[[World], None], world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    unreachable(world)

    await receiver.run(3 * GRACE, every=10 * MINUTE)

    incident = await receiver.incident()
    assert [hold.reason for hold in incident.holds] == [Reason.OWNER_UNREACHABLE]
    assert world.determined.calls == []
    assert world.slack.told() == [K.WARNING]
    [told] = world.slack.told_admins()
    assert "bob cannot be reached" in told


async def test_what_admins_must_know_waits_until_their_channel_takes_it(
    world: World, receiver: Receiver
) -> None:
    world.slack.refusals[RecipientKind.ADMINS] = REFUSED
    nobody(world)
    await receiver.warns()
    await receiver.run(MINUTE)
    assert world.slack.told_admins() == []

    world.slack.refusals.clear()
    await receiver.run(MINUTE)

    assert len(world.slack.told_admins()) == 1


async def test_s1_an_owner_who_can_be_reached_again_gets_a_warning_and_a_full_grace_period(
    world: World, receiver: Receiver
) -> None:
    nobody(world)
    await receiver.warns()
    everybody(world)
    await receiver.run(GRACE)

    await receiver.run(GRACE - SECOND)

    assert world.slack.told().count(K.WARNING) == 1
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_s1_a_delegate_whom_the_configuration_names_counts_as_the_owner(
    world: World, receiver: Receiver
) -> None:
    world.slack.delegates["bob"] = "C-team"
    await receiver.warns()

    await receiver.run(GRACE)

    assert world.slack.told(RecipientKind.DELEGATE) == [K.WARNING]
    assert len(world.determined.calls) == 1


async def test_a_message_whose_confirmation_was_lost_is_found_and_not_posted_twice(
    world: World, receiver: Receiver
) -> None:
    world.slack.lost_answers = 1
    await receiver.warns()

    await receiver.run(MINUTE)

    assert world.slack.told() == [K.WARNING]
    assert (await receiver.incident()).state is S.NOTIFIED


async def test_s1_the_grace_period_begins_with_the_confirmation_that_we_have(
    world: World, receiver: Receiver
) -> None:
    world.slack.lost_answers = 1
    await receiver.warns()
    await receiver.run(30 * MINUTE)

    await receiver.run(GRACE - SECOND)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_a_message_that_may_have_arrived_is_not_posted_while_nobody_can_look_for_it(
    world: World, receiver: Receiver
) -> None:
    receiver.calls.before("messenger.post", crash)
    await receiver.survives(receiver.warns)
    await receiver.restart()
    world.slack.fault = DOWN

    await receiver.run(GRACE)

    assert world.slack.posts == []


@pytest.mark.parametrize(
    ("fault", "owner"),
    [
        pytest.param(UpstreamUnavailableError("time-out"), "bob", id="Determined is down"),
        pytest.param(None, None, id="Determined does not tell"),
    ],
)
async def test_s1_nobody_is_warned_whom_determined_does_not_confirm_as_the_owner(
    fault: UpstreamUnavailableError | None, owner: str | None, world: World, receiver: Receiver
) -> None:
    world.determined.fault = fault
    world.determined.starts(allocation(owner))
    # What was read before is too old to count.
    world.time.passes(2 * MINUTE)

    await receiver.warns()
    await receiver.run(GRACE)

    assert world.slack.posts == []


@pytest.mark.parametrize(
    "identity",
    [
        pytest.param(IDENTITY, id="mode observe"),
        pytest.param(replace(IDENTITY, policy="new"), id="a policy that nobody configured"),
    ],
)
async def test_s10_who_only_observes_writes_to_nobody_and_stops_nothing(
    identity: Identity, world: World, receiver: Receiver
) -> None:
    mode = Mode.OBSERVE if identity is IDENTITY else Mode.ENFORCE
    await receiver.restart(mode=mode)
    world.fires(identity)
    await receiver.hears_of(identity)

    await receiver.run(3 * GRACE)

    assert (await receiver.incident()).state is S.FIRING
    assert world.slack.posts == []
    assert world.slack.updates == []
    assert world.determined.calls == []


@pytest.mark.parametrize(
    "rulebook",
    [
        pytest.param(replace(RULEBOOK, mode=Mode.WARN), id="mode warn"),
        pytest.param(
            replace(RULEBOOK, policies={"reclaim": replace(POLICY, mode=Mode.WARN)}),
            id="a policy that warns",
        ),
        pytest.param(
            replace(RULEBOOK, policies={"reclaim": replace(POLICY, action=StopAction.NONE)}),
            id="a policy that stops nothing",
        ),
    ],
)
async def test_s10_who_only_warns_names_no_deadline_and_stops_nothing(
    rulebook: Rulebook, world: World, receiver: Receiver
) -> None:
    receiver.rulebook = rulebook
    await receiver.restart()
    await receiver.warns()

    await receiver.run(GRACE, every=10 * MINUTE)

    assert [(post.kind, post.deadlines) for post in world.slack.posts] == [(K.WARNING, {})]
    assert world.determined.calls == []


async def test_s10_a_reminder_that_waited_for_a_restart_into_observe_is_not_sent(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.time.passes(GRACE / 2)
    await receiver.reconciler.tick()
    await receiver.restart(mode=Mode.OBSERVE)

    # The two loops begin at the same time, and this one may be faster.
    await receiver.dispatcher.deliver_due()
    await receiver.run(GRACE)

    assert world.slack.told() == [K.WARNING]


async def test_s10_a_message_threatens_no_more_when_the_mode_no_longer_stops(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    await receiver.restart(mode=Mode.OBSERVE)
    await receiver.tick()

    assert world.slack.updates, "the owner still reads that the task will be stopped"
    _, notice = world.slack.updates[-1]
    assert notice.deadlines == {}


async def test_s10_a_message_that_was_on_its_way_when_a_hold_began_threatens_no_more(
    world: World, receiver: Receiver
) -> None:
    async def is_silenced() -> None:
        world.is_silenced(2 * GRACE)
        await receiver.reconciler.tick()

    receiver.calls.before("messenger.post", is_silenced)
    await receiver.warns()

    await receiver.run(MINUTE)

    assert (await receiver.incident()).state is S.HELD
    assert world.slack.told() == [K.WARNING]
    assert world.slack.updates, "the owner still reads that the task will be stopped"


async def test_s10_a_kept_task_is_not_threatened_by_an_alert_that_begins_before_the_next_tick(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.keep("2h")
    other = replace(IDENTITY, alertname="GPUAllocationPartlyIdle")
    world.fires(other)

    await receiver.hears_of(other)
    await receiver.dispatcher.deliver_due()
    await receiver.run(MINUTE)

    assert world.slack.told() == [K.WARNING]
