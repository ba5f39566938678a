"""S12: what Determined answered is on record, whoever changes the incident during the call."""

from collections.abc import Awaitable, Callable

import pytest

from app.domain.events import HoldsObserved, PressRefused
from app.domain.incident import Hold, IncidentState, IntentState
from app.domain.reasons import Reason
from app.errors import UpstreamError, UpstreamRejectedError, UpstreamUnavailableError
from app.recorder import Recorder
from tests.receiver.conftest import BOTH_DATABASES, GRACE, SECOND, Receiver
from tests.receiver.world import World

pytestmark = BOTH_DATABASES
S = IncidentState


def a_stranger_of(receiver: Receiver) -> Callable[[], Awaitable[object]]:
    """Return a press of a button by somebody who may not: the incident's history notes it."""

    async def presses() -> None:
        recorder = Recorder(receiver.seen, receiver.context)
        await recorder.record(await receiver.incident(), PressRefused("mallory", "keep"))

    return presses


async def intent_state(receiver: Receiver) -> IntentState | None:
    [target] = (await receiver.incident()).targets
    return target.intent.state if target.intent else None


async def test_s12_a_stop_that_was_accepted_is_on_record_whoever_presses_meanwhile(
    receiver: Receiver,
) -> None:
    await receiver.warns()
    receiver.calls.before("cluster.stop", a_stranger_of(receiver))

    await receiver.run(GRACE)

    assert Reason.STOP_ACCEPTED in await receiver.reasons()
    assert await intent_state(receiver) is IntentState.SENT


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        pytest.param(UpstreamRejectedError("500"), Reason.STOP_REJECTED, id="refused"),
        pytest.param(UpstreamUnavailableError("late"), Reason.STOP_UNCONFIRMED, id="unanswered"),
    ],
)
async def test_s12_a_stop_that_failed_is_on_record_whoever_presses_meanwhile(
    failure: UpstreamError, reason: Reason, world: World, receiver: Receiver
) -> None:
    world.determined.refusal = failure
    await receiver.warns()
    receiver.calls.before("cluster.stop", a_stranger_of(receiver))

    await receiver.run(GRACE)

    assert reason in await receiver.reasons()
    assert await intent_state(receiver) is IntentState.UNCONFIRMED


async def test_s12_a_task_that_ends_after_a_refusal_that_met_a_press_was_not_stopped_by_us(
    world: World, receiver: Receiver
) -> None:
    world.determined.refusal = UpstreamRejectedError("500")
    await receiver.warns()
    receiver.calls.before("cluster.stop", a_stranger_of(receiver))
    await receiver.run(GRACE)
    world.determined.ends()

    await receiver.run(10 * SECOND)

    assert (await receiver.incident()).state is S.ENDED


async def test_s12_a_call_whose_intent_was_taken_back_meanwhile_is_not_answered_any_more(
    receiver: Receiver,
) -> None:
    await receiver.warns()

    async def somebody_holds_it() -> None:
        recorder = Recorder(receiver.seen, receiver.context)
        held = HoldsObserved((Hold(Reason.SILENCED, by="carol"),))
        await recorder.record(await receiver.incident(), held)

    receiver.calls.before("cluster.stop", somebody_holds_it)
    await receiver.run(GRACE)

    assert Reason.STOP_ACCEPTED not in await receiver.reasons()
    assert await intent_state(receiver) is None


async def test_s12_who_presses_without_end_does_not_keep_the_receiver_from_its_work(
    receiver: Receiver,
) -> None:
    """The answer is lost then, and its fate is proven again like after a crash."""
    await receiver.warns()
    press = a_stranger_of(receiver)

    async def before_each(name: str) -> None:
        if name == "store.commit" and "cluster.stop" in receiver.calls.made:
            await press()

    receiver.calls.before_each = before_each
    await receiver.run(GRACE)

    assert await intent_state(receiver) is IntentState.SENDING
