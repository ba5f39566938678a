"""Warnings that were posted, and whose round was over before anybody knew."""

from app.domain.actions import MessageKind as K
from app.domain.incident import IncidentState as S
from tests.receiver.calls import crash
from tests.receiver.conftest import GRACE, MINUTE, Receiver
from tests.receiver.world import World


async def test_s10_a_warning_posted_right_before_a_crash_threatens_no_more_when_a_hold_began(
    world: World, receiver: Receiver
) -> None:
    receiver.calls.before("outbox.sent", crash)
    await receiver.survives(receiver.warns)
    world.is_silenced(2 * GRACE)
    await receiver.restart()

    await receiver.run(MINUTE)
    await receiver.run(MINUTE)

    assert (await receiver.incident()).state is S.HELD
    assert world.slack.told() == [K.WARNING]
    assert world.slack.updates, "the owner still reads that the task will be stopped"
    _, notice = world.slack.updates[-1]
    assert notice.deadlines == {}
