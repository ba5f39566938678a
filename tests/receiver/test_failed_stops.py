"""S9: what holds an incident between two attempts of a stop takes the stop back."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from app.domain.actions import MessageKind
from app.domain.exemption import Exemption
from app.domain.incident import IncidentState
from app.domain.matchers import Matcher
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.errors import UpstreamError, UpstreamRejectedError, UpstreamUnavailableError
from tests.domain.examples import IDENTITY
from tests.receiver.calls import crash
from tests.receiver.conftest import GRACE, MINUTE, POLICY, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind
MOMENT = 15 * SECOND
OTHER = replace(IDENTITY, alertname="GPUAllocationHung")


async def inhibition(world: World, receiver: Receiver) -> None:
    world.alertmanagers.first.inhibited_by = ("c0ffee",)
    await receiver.run(MOMENT)
    world.alertmanagers.first.inhibited_by = ()


async def keep(_world: World, receiver: Receiver) -> None:
    await receiver.keep("20s")
    await receiver.run(MOMENT)


async def keep_that_no_tick_saw(world: World, receiver: Receiver) -> None:
    await receiver.keep("10s")
    world.time.passes(MOMENT)


async def exemption(world: World, receiver: Receiver) -> None:
    before = receiver.context.rulebook
    exempt = Exemption((Matcher("username", "bob"),), "a thesis", world.time.wall + GRACE)
    receiver.context.rulebook = replace(before, exempt=(exempt,))
    await receiver.run(MOMENT)
    receiver.context.rulebook = before


async def lower_mode(_world: World, receiver: Receiver) -> None:
    before = receiver.context.rulebook
    receiver.context.rulebook = replace(before, mode=Mode.WARN)
    await receiver.run(MOMENT)
    receiver.context.rulebook = before


@pytest.mark.parametrize(
    "failure",
    [UpstreamRejectedError("500", code="500"), UpstreamUnavailableError("time-out")],
    ids=["refused", "unanswered"],
)
@pytest.mark.parametrize(
    "interrupts",
    [inhibition, keep, keep_that_no_tick_saw, exemption, lower_mode],
    ids=lambda interruption: interruption.__name__.replace("_", " "),
)
async def test_s9_what_came_and_went_between_two_attempts_is_followed_by_a_new_warning(
    interrupts: Callable[[World, Receiver], Awaitable[None]],
    failure: UpstreamError,
    world: World,
    receiver: Receiver,
) -> None:
    world.determined.refusal = failure
    await receiver.warns()
    await receiver.run(GRACE)
    assert (await receiver.incident()).state is S.STOPPING

    await interrupts(world, receiver)
    await receiver.run(MOMENT)
    world.determined.refusal = None
    [*_, warning] = [post for post in world.slack.posts if post.kind is K.WARNING]
    await receiver.run(GRACE - SECOND)

    assert warning.at > world.time.wall - GRACE
    assert len(world.determined.calls) == 1
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 2


@pytest.mark.parametrize(
    "interrupts",
    [inhibition, exemption, lower_mode],
    ids=lambda interruption: interruption.__name__.replace("_", " "),
)
async def test_s9_what_came_and_went_after_a_call_without_effect_is_followed_by_a_new_warning(
    interrupts: Callable[[World, Receiver], Awaitable[None]], world: World, receiver: Receiver
) -> None:
    """The call was taken, and is not taken back; but it is not repeated either."""
    world.determined.deaf = True
    await receiver.warns()
    await receiver.run(GRACE)

    await interrupts(world, receiver)
    await receiver.run(2 * MINUTE, every=MINUTE)
    [*_, warning] = [post for post in world.slack.posts if post.kind is K.WARNING]
    await receiver.run(GRACE - 2 * MINUTE)

    assert warning.at > world.time.wall - GRACE
    assert len(world.determined.calls) == 1
    await receiver.run(2 * MINUTE, every=MINUTE)
    assert len(world.determined.calls) == 2


async def test_s6_what_was_given_up_is_tried_by_no_other_alert_about_the_task(
    world: World, receiver: Receiver
) -> None:
    """Each would go on at once, and call as often again: a person is to look."""
    world.determined.refusal = UpstreamRejectedError("500", code="500")
    await receiver.warns()
    await receiver.warns(OTHER)
    await receiver.run(2 * GRACE, every=MINUTE)
    # Which of them is tried is left open.
    given_up, other = sorted(await receiver.incidents(), key=lambda each: each.state)

    assert (given_up.state, other.state) == (S.ESCALATED, S.NOTIFIED)
    assert other.block is not None
    assert other.block.reason is Reason.STOP_ELSEWHERE
    assert len(world.determined.calls) == POLICY.attempts


async def test_s9_what_holds_a_stop_that_was_taken_changes_nothing_of_it(
    world: World, receiver: Receiver
) -> None:
    """Nobody can take it back, and who reads that it is held would rely on it."""
    world.determined.latency = 2 * MOMENT
    await receiver.warns()
    await receiver.run(GRACE)

    await inhibition(world, receiver)
    during = (await receiver.incident()).state
    await receiver.run(MINUTE)

    assert during is S.STOPPING
    assert (await receiver.incident()).state is S.STOPPED


@pytest.mark.parametrize(
    "interrupts",
    [inhibition, exemption, lower_mode],
    ids=lambda interruption: interruption.__name__.replace("_", " "),
)
async def test_s9_what_comes_and_goes_after_a_crash_takes_a_stop_of_unknown_fate_back(
    interrupts: Callable[[World, Receiver], Awaitable[None]], world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    receiver.calls.before("cluster.stop", crash)
    assert not await receiver.survives(lambda: receiver.run(GRACE))
    await receiver.restart()

    await interrupts(world, receiver)
    await receiver.run(5 * MINUTE, every=MINUTE)

    assert world.determined.calls == []
    assert world.slack.told().count(K.WARNING) == 2
