"""S6: one intent for an allocation, one call that does something, and no endless repetition."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from app.domain.actions import MessageKind
from app.domain.incident import IncidentState
from app.domain.reasons import Reason
from app.errors import StoreUnavailableError, UpstreamRejectedError, UpstreamUnavailableError
from tests.domain.examples import IDENTITY
from tests.receiver.calls import crash
from tests.receiver.conftest import BOTH_DATABASES, GRACE, MINUTE, POLICY, SECOND, Receiver
from tests.receiver.world import World

pytestmark = BOTH_DATABASES
S = IncidentState
K = MessageKind
DOWN = UpstreamUnavailableError("time-out")


async def crashes_at_the_deadline(receiver: Receiver, call: str, *, nth: int = 1) -> None:
    """Let the process end before a call of the tick in which the stop is due, and start again."""
    await receiver.warns()
    receiver.calls.before(call, crash, nth=nth)
    assert not await receiver.survives(lambda: receiver.run(GRACE))
    await receiver.restart()


CRASHES = [
    pytest.param("store.commit", 1, id="before the intent is on record"),
    pytest.param("store.commit", 2, id="before the sending is on record"),
    pytest.param("cluster.stop", 1, id="before the call"),
    pytest.param("store.commit", 3, id="before the answer is on record"),
]


@pytest.mark.parametrize(("call", "nth"), CRASHES)
async def test_s6_a_crash_around_the_call_leads_to_one_stop(
    call: str, nth: int, world: World, receiver: Receiver
) -> None:
    world.determined.latency = 90 * SECOND
    await crashes_at_the_deadline(receiver, call, nth=nth)

    await receiver.tick()
    await receiver.run(2 * GRACE)

    assert (await receiver.incident()).state is S.STOPPED
    assert len(world.determined.kills) == 1
    assert world.slack.told()[-1] is K.CLOSING


async def test_s6_a_call_of_unknown_fate_is_not_repeated_before_it_could_show(
    world: World, receiver: Receiver
) -> None:
    world.determined.latency = 90 * SECOND
    await crashes_at_the_deadline(receiver, "store.commit", nth=3)

    await receiver.run(59 * SECOND)

    assert (await receiver.incident()).state is S.STOPPING
    assert len(world.determined.calls) == 1


@pytest.mark.parametrize(("call", "nth"), CRASHES[1:3])
async def test_s6_an_intent_that_cannot_be_proven_again_is_withdrawn(
    call: str, nth: int, world: World, receiver: Receiver
) -> None:
    await crashes_at_the_deadline(receiver, call, nth=nth)
    world.is_silenced(2 * GRACE)

    await receiver.run(MINUTE)

    assert (await receiver.incident()).state is S.HELD
    assert Reason.STOP_WITHDRAWN in await receiver.reasons()
    assert world.determined.calls == []


async def test_s9_a_withdrawn_intent_is_followed_by_a_new_warning_and_a_full_grace_period(
    world: World, receiver: Receiver
) -> None:
    await crashes_at_the_deadline(receiver, "cluster.stop")
    world.is_silenced(5 * MINUTE)
    await receiver.run(MINUTE)
    await receiver.run(5 * MINUTE)

    await receiver.run(GRACE - SECOND)

    assert world.slack.told().count(K.WARNING) == 2
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_s5_an_intent_of_unknown_fate_waits_while_something_is_unknown(
    world: World, receiver: Receiver
) -> None:
    await crashes_at_the_deadline(receiver, "cluster.stop")
    world.prometheus.fault = DOWN
    await receiver.run(MINUTE)
    await receiver.run(POLICY.tell_admins_after)
    incident = await receiver.incident()
    assert world.determined.calls == []

    world.prometheus.fault = None
    await receiver.run(MINUTE)

    assert incident.state is S.STOPPING
    assert len(world.slack.told_admins()) == 1
    assert len(world.determined.calls) == 1


async def test_s6_two_incidents_about_one_allocation_make_one_call(
    world: World, receiver: Receiver
) -> None:
    world.determined.latency = MINUTE
    await receiver.warns(replace(IDENTITY, alertname="GPUAllocationPartlyIdle"))
    await receiver.warns()

    await receiver.run(GRACE)
    await receiver.run(MINUTE)

    one, other = await receiver.incidents()
    assert {one.state, other.state} == {S.STOPPED, S.ENDED}
    assert len(world.determined.calls) == 1


@pytest.mark.parametrize("nth", [1, 2], ids=["the intent", "the sending"])
async def test_s8_nothing_is_called_when_the_database_cannot_take_what_must_come_before(
    nth: int, world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    async def fail() -> None:
        raise StoreUnavailableError("disk full")

    receiver.calls.before("store.commit", fail, nth=nth)
    with pytest.raises(StoreUnavailableError):
        await receiver.run(GRACE)

    assert world.determined.calls == []
    await receiver.tick()
    assert len(world.determined.calls) == 1


async def test_an_answer_that_was_lost_is_no_reason_to_call_again(
    world: World, receiver: Receiver
) -> None:
    world.determined.lost_answer = DOWN
    await receiver.warns()
    await receiver.run(GRACE)

    await receiver.run(MINUTE)

    assert (await receiver.incident()).state is S.STOPPED
    assert Reason.STOP_UNCONFIRMED in await receiver.reasons()
    assert len(world.determined.calls) == 1


def refused(world: World) -> None:
    world.determined.refusal = UpstreamRejectedError("Determined answered 500", code="500")


def unanswered(world: World) -> None:
    world.determined.refusal = DOWN


def without_effect(world: World) -> None:
    world.determined.deaf = True


FUTILE = [
    pytest.param(refused, id="refused"),
    pytest.param(unanswered, id="unanswered"),
    pytest.param(without_effect, id="accepted without effect"),
]


@pytest.mark.parametrize("futile", FUTILE)
async def test_s6_a_call_without_success_is_repeated_after_a_while_and_not_before(
    futile: Callable[[World], None], world: World, receiver: Receiver
) -> None:
    futile(world)
    await receiver.warns()
    await receiver.run(GRACE)

    await receiver.run(59 * SECOND)

    assert len(world.determined.calls) == 1
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 2


@pytest.mark.parametrize("futile", FUTILE)
async def test_s6_the_gaps_between_the_attempts_grow_up_to_a_cap(
    futile: Callable[[World], None], world: World, receiver: Receiver
) -> None:
    futile(world)
    patient = replace(POLICY, attempts=7)
    receiver.context.rulebook = replace(receiver.rulebook, policies={POLICY.name: patient})
    await receiver.warns()

    await receiver.run(GRACE)
    await receiver.run(46 * MINUTE, every=MINUTE)
    before_the_last = len(world.determined.calls)
    await receiver.run(17 * MINUTE, every=MINUTE)

    at = [call.at for call in world.determined.calls]
    gaps = [(later - sooner) / MINUTE for sooner, later in pairwise(at)]
    assert gaps == [1, 2, 4, 8, 16, 16]
    assert before_the_last == 6
    assert (await receiver.incident()).state is S.ESCALATED


@pytest.mark.parametrize("futile", FUTILE)
async def test_s6_attempts_are_bounded_and_then_a_person_must_look(
    futile: Callable[[World], None], world: World, receiver: Receiver
) -> None:
    futile(world)
    await receiver.warns()
    await receiver.run(GRACE)

    await receiver.run(8 * MINUTE, every=MINUTE)

    assert (await receiver.incident()).state is S.ESCALATED
    assert len(world.determined.calls) == POLICY.attempts
    [told] = world.slack.told_admins()
    assert f"could not be stopped in {POLICY.attempts} attempts" in told


async def test_s9_a_refused_stop_is_not_made_up_for_after_the_owner_has_worked_again(
    world: World, receiver: Receiver
) -> None:
    refused(world)
    await receiver.warns()
    await receiver.run(GRACE)
    world.determined.refusal = None
    world.recovers()
    await receiver.run(5 * GRACE)

    world.idles_again()
    await receiver.run(SECOND)
    await receiver.run(GRACE - SECOND)

    assert len(world.determined.calls) == 1, "stopped without a new warning and grace period"


async def test_an_incident_whose_stop_was_refused_closes_when_the_owner_works_again(
    world: World, receiver: Receiver
) -> None:
    refused(world)
    await receiver.warns()
    await receiver.run(GRACE)
    world.recovers()

    await receiver.run(GRACE)
    await receiver.run(MINUTE)

    assert (await receiver.incident()).state is S.RESOLVED
    assert len(world.determined.calls) == 1


async def test_s9_work_that_nobody_saw_after_a_refused_stop_is_followed_by_a_new_warning(
    world: World, receiver: Receiver
) -> None:
    refused(world)
    await receiver.warns()
    await receiver.run(GRACE)
    world.determined.refusal = None
    world.time.passes(5 * GRACE)
    world.fires()
    await receiver.restart()
    await receiver.settles()

    await receiver.run(GRACE - SECOND)

    assert len(world.determined.calls) == 1, "stopped without a new warning and grace period"


async def test_s12_a_task_that_ends_by_itself_after_a_refused_stop_was_not_stopped_by_us(
    world: World, receiver: Receiver
) -> None:
    refused(world)
    await receiver.warns()
    await receiver.run(GRACE)
    world.determined.ends()

    await receiver.run(10 * SECOND)

    assert (await receiver.incident()).state is S.ENDED


async def test_s12_a_stop_that_was_accepted_is_ours_whatever_is_silenced_meanwhile(
    world: World, receiver: Receiver
) -> None:
    world.determined.latency = 5 * MINUTE
    await receiver.warns()
    await receiver.run(GRACE)
    world.is_silenced(GRACE)
    await receiver.run(2 * MINUTE)

    await receiver.run(3 * MINUTE)

    assert (await receiver.incident()).state is S.STOPPED
