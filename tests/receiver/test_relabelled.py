"""An alert whose labels an admin changes: another identity, and so another incident."""

from dataclasses import replace

import pytest

from app.domain.actions import MessageKind
from app.domain.alert import Identity
from app.domain.incident import Incident, IncidentState
from app.domain.reasons import Reason
from app.errors import UpstreamUnavailableError
from tests.domain.examples import IDENTITY
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.slots import OVER, is_over_the_limit, killed
from tests.receiver.world import World, sibling

S = IncidentState
K = MessageKind
DOWN = UpstreamUnavailableError("time-out")
CHANGED = replace(IDENTITY, severity="critical")


async def of(receiver: Receiver, identity: Identity) -> list[Incident]:
    return [each for each in await receiver.incidents() if each.identity == identity]


def relabels(world: World) -> None:
    """Let an admin change the rule's `severity`. The condition goes on."""
    world.ceases()
    world.fires(CHANGED)


@pytest.mark.parametrize("heard", [True, False], ids=["by webhook", "without one"])
async def test_s9_what_goes_on_under_other_labels_ends_the_old_incident_and_begins_anew(
    world: World, receiver: Receiver, *, heard: bool
) -> None:
    await receiver.warns()
    await receiver.run(GRACE - MINUTE)
    relabels(world)
    if heard:
        await receiver.hears_of(CHANGED)
    await receiver.tick()
    began = world.time.wall

    await receiver.run(GRACE - SECOND)

    [old], [new] = await of(receiver, IDENTITY), await of(receiver, CHANGED)
    assert old.state is S.ENDED
    assert (await receiver.seen.history(old.incident_id))[-1].reason is Reason.RELABELLED
    assert new.state is S.NOTIFIED
    assert killed(world) == []
    await receiver.run(SECOND)
    [kill] = world.determined.calls
    assert kill.at == began + GRACE


async def test_s9_so_does_what_goes_on_under_another_policy_about_a_user(
    world: World, receiver: Receiver
) -> None:
    await is_over_the_limit(world, receiver)
    await receiver.tick()
    await receiver.run(GRACE - MINUTE, every=MINUTE)
    changed = replace(OVER, severity="critical")
    world.ceases(OVER)
    world.fires(changed)

    await receiver.run(2 * MINUTE, every=MINUTE)

    [old], [new] = await of(receiver, OVER), await of(receiver, changed)
    assert (old.state, new.state) == (S.ENDED, S.NOTIFIED)
    assert killed(world) == []


async def test_s10_owner_hears_of_the_new_deadline_and_nothing_that_contradicts_it(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    relabels(world)
    await receiver.tick()

    await receiver.run(GRACE - SECOND, every=MINUTE)

    assert world.slack.told() == [K.WARNING, K.WARNING, K.REMINDER, K.LAST_CALL]


async def test_s10_nobody_is_reminded_while_the_alert_is_not_reported(
    world: World, receiver: Receiver
) -> None:
    """Under its new labels the alert has to wait for the rule's `for` first."""
    await receiver.warns()
    world.ceases()

    await receiver.run(GRACE - MINUTE, every=MINUTE)

    assert world.slack.told() == [K.WARNING]


async def test_owner_is_reminded_though_prometheus_does_not_answer(
    world: World, receiver: Receiver
) -> None:
    """The deadline still stands."""
    await receiver.warns()
    world.prometheus.fault = DOWN

    await receiver.run(GRACE - MINUTE, every=MINUTE)

    assert world.slack.told() == [K.WARNING, K.REMINDER, K.LAST_CALL]


async def test_s6_a_call_that_may_have_been_made_is_followed_to_its_end(
    world: World, receiver: Receiver
) -> None:
    world.determined.lost_answer = DOWN
    world.determined.latency = 5 * MINUTE
    await receiver.warns()
    await receiver.run(GRACE)
    assert len(killed(world)) == 1
    relabels(world)

    await receiver.run(4 * MINUTE, every=MINUTE)

    [old] = await of(receiver, IDENTITY)
    assert not old.is_final
    await receiver.run(2 * MINUTE, every=MINUTE)
    [old] = await of(receiver, IDENTITY)
    assert old.state is S.STOPPED
    assert len(killed(world)) == 1


async def test_s6_a_stop_that_was_not_sent_is_withdrawn_and_the_new_incident_begins_anew(
    world: World, receiver: Receiver
) -> None:
    async def takes_too_long() -> None:
        world.time.passes(MINUTE)

    await receiver.warns()
    receiver.calls.before("cluster.stop", takes_too_long)
    await receiver.run(GRACE)
    [old] = await of(receiver, IDENTITY)
    assert old.state is S.STOPPING
    relabels(world)
    began = world.time.wall

    await receiver.run(2 * MINUTE, every=MINUTE)

    [old] = await of(receiver, IDENTITY)
    assert old.state is S.ENDED
    await receiver.run(GRACE, every=MINUTE)
    [kill] = world.determined.calls
    assert kill.at - began >= GRACE


async def test_what_a_call_was_made_for_stops_nothing_more_beside_its_successor(
    world: World, receiver: Receiver
) -> None:
    """Nor are the admins told again and again that it is due."""
    world.determined.deaf = True
    await receiver.warns()
    await receiver.run(GRACE)
    assert len(killed(world)) == 1
    relabels(world)
    told = len(world.slack.told_admins())

    await receiver.run(GRACE / 2, every=MINUTE)

    [old] = await of(receiver, IDENTITY)
    assert old.state in {S.STOPPING, S.HELD}
    assert len(killed(world)) == 1
    assert len(world.slack.told_admins()) == told


async def test_an_alert_that_determined_does_not_bear_out_takes_no_place(
    world: World, receiver: Receiver
) -> None:
    """Nobody would go on with it."""
    await receiver.warns()
    world.ceases()
    world.fires(replace(CHANGED, username="carol"))

    await receiver.run(MINUTE)

    [old] = await receiver.incidents()
    assert old.state is S.NOTIFIED


async def test_the_same_alert_about_another_task_takes_no_place(
    world: World, receiver: Receiver
) -> None:
    identity, allocation = sibling(1)
    world.determined.starts(allocation)
    await receiver.warns()
    world.ceases()
    world.fires(identity)

    await receiver.run(MINUTE)

    [old] = await of(receiver, IDENTITY)
    assert old.state is S.NOTIFIED


async def test_two_alerts_about_one_task_that_both_fire_go_on_both(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.fires(CHANGED)

    await receiver.run(MINUTE)

    assert [each.is_final for each in await receiver.incidents()] == [False, False]


async def test_s6_what_a_person_asked_for_is_done_whatever_the_labels_are(
    world: World, receiver: Receiver
) -> None:
    incident = await receiver.warns()
    ids = [each.allocation_id for each in incident.targets]
    await receiver.answers.stop(incident.incident_id, ids, by="bob", reason="done with it")
    relabels(world)

    await receiver.run(MINUTE)

    assert len(killed(world)) == 1
