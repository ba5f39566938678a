"""What follows a recovery that was seen, and a time in which nobody could say no."""

import pytest

from app.domain.actions import MessageKind as K
from app.domain.incident import IncidentState as S
from tests.domain.examples import IDENTITY
from tests.receiver.conftest import GRACE, MINUTE, Receiver
from tests.receiver.world import World


@pytest.fixture
async def recovered(world: World, receiver: Receiver) -> Receiver:
    """The owner was at work at the deadline; Prometheus keeps the alert firing for a while."""
    await receiver.warns()
    world.prometheus.verify = ()
    await receiver.run(GRACE)
    assert (await receiver.incident()).state is S.RESOLVED
    return receiver


async def test_nobody_at_work_is_warned_anew_while_prometheus_keeps_the_alert_firing(
    world: World, recovered: Receiver
) -> None:
    await recovered.run(MINUTE)
    await recovered.run(MINUTE)

    assert world.slack.told().count(K.WARNING) == 1


async def test_a_repeated_webhook_opens_nothing_right_after_the_recovery(
    recovered: Receiver,
) -> None:
    await recovered.hears_of(IDENTITY)

    assert await recovered.seen.find_open([IDENTITY.key]) == {}


async def test_s13_time_in_which_an_alertmanager_cannot_be_asked_does_not_count(
    world: World, receiver: Receiver
) -> None:
    """The silence that it would take is the owner's way to say no."""
    await receiver.run(2 * GRACE)
    await receiver.warns()
    await receiver.run(GRACE / 2, every=5 * MINUTE)
    world.alertmanagers.second.error = "503"
    await receiver.run(2 * GRACE, every=5 * MINUTE)
    world.alertmanagers.second.error = ""

    # What the peer's failure began in still counts: it was seen at the end of that interval.
    await receiver.run(MINUTE)

    assert world.determined.calls == []
    await receiver.run(GRACE, every=5 * MINUTE)
    assert len(world.determined.calls) == 1
