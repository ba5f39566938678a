"""S4: a silence wins, whichever peer has it and however late it is made."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.domain.incident import IncidentState
from app.domain.readings import PeerAlertState
from app.domain.reasons import Reason
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.slots import IDLE, is_over_the_limit, killed
from tests.receiver.world import World

S = IncidentState


def silenced_on_one(world: World) -> None:
    world.is_silenced(9 * GRACE, on=world.alertmanagers.second)


def inhibited_on_one(world: World) -> None:
    world.alertmanagers.second.inhibited_by = ("c0ffee",)


def muted_on_one(world: World) -> None:
    world.alertmanagers.second.muted_by = ("weekend",)


def suppressed_without_a_word_on_one(world: World) -> None:
    """Alertmanager before 0.28 does not tell of time intervals that mute."""
    world.alertmanagers.second.state = PeerAlertState.SUPPRESSED


def silenced_where_the_alert_is_not(world: World) -> None:
    world.alertmanagers.second.alerts.clear()
    silenced_on_one(world)


@pytest.mark.parametrize(
    ("forbids", "reason"),
    [
        pytest.param(silenced_on_one, Reason.SILENCED, id="silenced on one peer"),
        pytest.param(
            silenced_where_the_alert_is_not,
            Reason.SILENCED,
            id="a silence on a peer that does not know the alert",
        ),
        pytest.param(inhibited_on_one, Reason.INHIBITED, id="inhibited on one peer"),
        pytest.param(muted_on_one, Reason.MUTED, id="muted on one peer"),
        pytest.param(
            suppressed_without_a_word_on_one,
            Reason.MUTED,
            id="suppressed on one peer without a word",
        ),
    ],
)
async def test_s4_what_one_peer_suppresses_is_held_and_not_stopped(
    forbids: Callable[[World], None], reason: Reason, world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    forbids(world)

    await receiver.run(2 * GRACE)

    incident = await receiver.incident()
    assert incident.state is S.HELD
    assert [hold.reason for hold in incident.holds] == [reason]
    assert world.determined.calls == []


async def test_s4_a_silence_that_is_made_while_the_proof_is_gathered_wins(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    async def silence() -> None:
        silenced_on_one(world)

    receiver.calls.before("rules.query", silence)
    await receiver.run(GRACE)

    incident = await receiver.incident()
    assert incident.state is S.HELD
    assert [hold.reason for hold in incident.holds] == [Reason.SILENCED]
    assert world.determined.calls == []


@pytest.mark.parametrize("ahead", [5 * SECOND, -5 * SECOND], ids=["ahead", "behind"])
async def test_s4_a_silence_over_a_target_wins_by_the_clock_of_its_peer(
    ahead: timedelta, world: World, receiver: Receiver
) -> None:
    """The alert is about a user: its targets are silenced by their own labels alone."""
    world.alertmanagers.ahead = ahead
    await is_over_the_limit(world, receiver)
    await receiver.tick()

    async def somebody_silences() -> None:
        over = world.alertmanagers.silence_of(IDLE.rpartition(".")[0], 8 * GRACE)
        world.alertmanagers.second.silences.append(over)

    receiver.calls.before("rules.query", somebody_silences)
    await receiver.run(GRACE)

    assert killed(world) == []


async def test_s4_a_silence_that_its_peer_still_calls_active_counts_though_it_is_over_by_our_clock(
    world: World, receiver: Receiver
) -> None:
    world.alertmanagers.ahead = -5 * SECOND
    await receiver.warns()
    await receiver.run(GRACE - 2 * MINUTE)
    world.is_silenced(2 * MINUTE + 3 * SECOND)

    await receiver.run(2 * MINUTE)

    incident = await receiver.incident()
    assert incident.state is S.HELD
    assert incident.holds[0].reason is Reason.SILENCED
