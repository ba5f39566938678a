"""S1: nobody answers for an account that is deactivated in Determined, whatever Slack says."""

from collections.abc import Callable

import pytest

from app.domain.actions import MessageKind
from app.domain.cluster import User
from app.domain.incident import IncidentState
from app.domain.reasons import Reason
from tests.domain.examples import ALLOCATION
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind
LAST_CALL = GRACE - 5 * MINUTE
"""By then the owner has heard all that there is to hear before the stop."""


def is_deactivated(world: World) -> None:
    world.determined.users = {"bob": User("bob", active=False)}


def is_active(world: World) -> None:
    world.determined.users = {"bob": User("bob", active=True)}


def writes_to_the_owner(_world: World) -> None:
    """Slack knows bob, and would take the message."""


def writes_to_a_delegate(world: World) -> None:
    world.slack.delegates["bob"] = "C-team"


@pytest.mark.parametrize("way", [writes_to_the_owner, writes_to_a_delegate])
async def test_s1_no_warning_for_an_account_that_is_deactivated_in_determined_counts(
    way: Callable[[World], None], world: World, receiver: Receiver
) -> None:
    way(world)
    is_deactivated(world)
    incident = await receiver.warns()

    await receiver.run(5 * GRACE)

    assert incident.state is S.HELD
    assert [hold.reason for hold in incident.holds] == [Reason.OWNER_UNREACHABLE]
    assert world.slack.told() == []
    assert world.determined.calls == []
    [told] = world.slack.told_admins()
    assert "bob is deactivated in Determined" in told


async def test_s1_an_account_that_is_deactivated_when_the_reminder_comes_is_held(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    is_deactivated(world)

    await receiver.run(3 * GRACE, every=10 * MINUTE)

    incident = await receiver.incident()
    assert [hold.reason for hold in incident.holds] == [Reason.OWNER_UNREACHABLE]
    assert world.slack.told() == [K.WARNING]
    assert world.determined.calls == []


async def test_s1_an_account_that_is_deactivated_after_the_last_call_is_not_stopped(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(LAST_CALL, every=5 * MINUTE)
    assert world.slack.told() == [K.WARNING, K.REMINDER, K.LAST_CALL]
    is_deactivated(world)

    await receiver.run(3 * GRACE)

    assert Reason.OWNER_UNREACHABLE in await receiver.reasons()
    assert world.determined.calls == []


async def test_s1_an_account_that_was_deactivated_when_the_stop_was_due_is_warned_anew(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(LAST_CALL, every=5 * MINUTE)
    is_deactivated(world)
    await receiver.run(GRACE)

    is_active(world)
    await receiver.run(2 * GRACE - SECOND, every=GRACE / 2)
    [*_, warning] = [post for post in world.slack.posts if post.kind is K.WARNING]

    assert warning.at >= world.time.wall - GRACE
    assert world.determined.calls == []
    await receiver.run(GRACE, every=MINUTE)
    assert len(world.determined.calls) == 1


async def test_s1_an_account_that_is_active_again_gets_a_warning_and_a_full_grace_period(
    world: World, receiver: Receiver
) -> None:
    is_deactivated(world)
    await receiver.warns()
    is_active(world)
    await receiver.run(GRACE)
    [warning] = [post for post in world.slack.posts if post.kind is K.WARNING]

    await receiver.run(GRACE - SECOND)

    assert warning.deadlines[ALLOCATION] == world.time.wall + SECOND
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1
