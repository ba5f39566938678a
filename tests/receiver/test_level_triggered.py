"""What is so counts, whatever webhooks said: lost, doubled, late or wrong."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.actions import MessageKind
from app.domain.breaker import BreakerLimits
from app.domain.incident import IncidentState
from app.domain.reasons import Reason
from app.errors import UpstreamUnavailableError
from tests.domain.examples import IDENTITY, allocation
from tests.receiver.conftest import GRACE, MINUTE, POLICY, SECOND, Receiver
from tests.receiver.world import World, sibling

S = IncidentState
K = MessageKind
DAY = timedelta(days=1)
DOWN = UpstreamUnavailableError("time-out")


async def test_an_alert_that_no_webhook_brought_is_found(world: World, receiver: Receiver) -> None:
    world.fires()

    await receiver.tick()

    assert (await receiver.incident()).state is S.NOTIFIED
    assert world.slack.told() == [K.WARNING]


async def test_an_alert_that_is_silenced_when_it_is_found_tells_nobody(
    world: World, receiver: Receiver
) -> None:
    world.fires()
    world.is_silenced(GRACE)

    await receiver.tick()

    assert (await receiver.incident()).state is S.HELD
    assert world.slack.posts == []


def ended(world: World) -> None:
    world.determined.ends()


def queued(world: World) -> None:
    world.determined.starts(allocation(containers=()))


def of_another(world: World) -> None:
    world.determined.starts(allocation("carol"))


def of_nobody(world: World) -> None:
    world.determined.starts(allocation(None))


@pytest.mark.parametrize("is_so", [ended, queued, of_another, of_nobody])
async def test_an_alert_that_determined_does_not_bear_out_opens_nothing(
    is_so: Callable[[World], None], world: World, receiver: Receiver
) -> None:
    is_so(world)
    world.fires()

    await receiver.tick()

    assert await receiver.incidents() == []


async def test_a_webhook_whose_alert_prometheus_never_reports_is_closed_after_a_while(
    world: World, receiver: Receiver
) -> None:
    await receiver.hears_of()
    await receiver.run(14 * MINUTE)
    assert not (await receiver.incident()).is_final

    await receiver.run(MINUTE)

    assert (await receiver.incident()).state is S.ENDED
    assert (await receiver.reasons())[-1] is Reason.RULE_GONE
    assert world.determined.calls == []


async def test_what_alertmanager_cut_from_its_message_is_found_by_the_tick(
    world: World, receiver: Receiver
) -> None:
    """A group is longer than `max_alerts`: the webhook brings its first, and says how many not."""
    group = [(IDENTITY, allocation()), sibling(1), sibling(2)]
    for identity, one in group:
        world.determined.starts(one)
        world.fires(identity)
    await receiver.hears_of(IDENTITY)
    assert len(await receiver.incidents()) == 1

    await receiver.tick()

    incidents = await receiver.incidents()
    assert {each.identity for each in incidents} == {identity for identity, _ in group}
    assert {each.state for each in incidents} == {S.NOTIFIED}


async def test_a_webhook_that_says_resolved_closes_nothing(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.hears_of(firing=False)

    await receiver.run(GRACE / 2)

    assert (await receiver.incident()).state is S.NOTIFIED
    assert world.slack.told() == [K.WARNING, K.REMINDER]


async def test_a_condition_that_ended_while_the_receiver_was_down_is_closed(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.time.passes(DAY)
    world.recovers()

    await receiver.restart()
    await receiver.tick()

    assert (await receiver.incident()).state is S.RESOLVED
    assert world.slack.told() == [K.WARNING, K.CLOSING]


async def test_a_condition_that_ended_during_a_silence_is_closed_though_no_webhook_says_so(
    world: World, receiver: Receiver
) -> None:
    """Of what is silenced Alertmanager sends nothing, the end included."""
    await receiver.warns()
    world.is_silenced(3 * GRACE)
    await receiver.run(MINUTE)
    assert (await receiver.incident()).state is S.HELD
    world.recovers()

    await receiver.run(MINUTE)

    assert (await receiver.incident()).state is S.RESOLVED
    assert world.slack.told() == [K.WARNING, K.CLOSING]
    await receiver.run(6 * GRACE)
    assert world.determined.calls == []


async def test_a_task_that_its_owner_ended_is_closed_and_the_owner_hears_of_it(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.determined.ends()

    await receiver.run(MINUTE)

    assert (await receiver.incident()).state is S.ENDED
    assert (await receiver.reasons())[-1] is Reason.ALLOCATION_ENDED
    assert world.slack.told() == [K.WARNING, K.CLOSING]


async def test_an_alertmanager_that_restarted_empty_leads_to_no_stop_and_no_end(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    for peer in world.alertmanagers.peers:
        peer.alerts.clear()

    await receiver.run(DAY, every=6 * GRACE)
    await receiver.run(GRACE)

    assert (await receiver.incident()).state is S.NOTIFIED
    assert world.determined.calls == []


async def test_a_silence_that_an_alertmanager_forgot_with_its_alerts_still_holds(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.is_silenced(9 * GRACE)
    await receiver.run(MINUTE)
    for peer in world.alertmanagers.peers:
        peer.alerts.clear()
        peer.silences.clear()

    await receiver.run(2 * GRACE)

    assert (await receiver.incident()).state is S.HELD


async def test_a_hold_does_not_end_while_a_peer_cannot_be_asked(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.is_silenced(9 * GRACE, on=world.alertmanagers.second)
    await receiver.run(MINUTE)
    world.alertmanagers.second.error = "time-out"

    await receiver.run(2 * GRACE)

    assert (await receiver.incident()).state is S.HELD


async def test_nothing_closes_while_prometheus_is_down(world: World, receiver: Receiver) -> None:
    await receiver.warns()
    world.ceases()
    world.prometheus.fault = DOWN

    await receiver.run(2 * DAY, every=DAY)

    assert (await receiver.incident()).state is S.NOTIFIED


async def test_nothing_closes_while_prometheus_answers_no_query(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.recovers()
    world.prometheus.query_fault = DOWN

    await receiver.run(2 * DAY, every=DAY)

    assert not (await receiver.incident()).is_final


async def test_an_alert_that_only_waits_to_fire_again_stays_open(
    world: World, receiver: Receiver
) -> None:
    """Prometheus restarted: the condition holds, and its alert is pending."""
    await receiver.warns()
    world.ceases()

    await receiver.run(DAY, every=6 * GRACE)

    assert (await receiver.incident()).state is S.NOTIFIED
    assert world.determined.calls == []


async def test_not_seen_any_more_is_not_seen_to_be_over(world: World, receiver: Receiver) -> None:
    await receiver.warns()
    world.recovers()
    world.prometheus.evidence = ()

    await receiver.run(DAY, every=6 * GRACE)

    assert (await receiver.incident()).state is S.NOTIFIED


async def test_nothing_closes_and_nothing_is_adopted_while_determined_is_down(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.determined.fault = DOWN
    identity, _ = sibling(1)
    world.fires(identity)

    await receiver.run(DAY, every=6 * GRACE)

    assert (await receiver.incident()).state is S.NOTIFIED


async def test_an_alert_whose_rule_was_removed_is_closed(world: World, receiver: Receiver) -> None:
    await receiver.warns()
    world.ceases()
    world.prometheus.rules.clear()

    await receiver.run(GRACE)

    assert (await receiver.incident()).state is S.ENDED
    assert (await receiver.reasons())[-1] is Reason.RULE_GONE


async def test_stops_that_cannot_be_made_do_not_keep_others_waiting(
    world: World, receiver: Receiver
) -> None:
    many = BreakerLimits(max_stops_per_hour=100, max_share=1)
    receiver.rulebook = replace(receiver.rulebook, breaker=many)
    await receiver.restart()
    await receiver.settles()
    stuck = [sibling(number) for number in range(1, 21)]
    for identity, one in stuck:
        world.determined.starts(one)
        world.fires(identity)
    await receiver.tick()
    world.time.passes(SECOND)
    await receiver.warns()
    for _, one in stuck:
        world.determined.starts(replace(one, task_type=None))

    await receiver.run(GRACE)
    await receiver.run(MINUTE)

    assert [call.allocation_id for call in world.determined.calls] == [IDENTITY.allocation_id]


async def test_s5_one_incident_in_trouble_does_not_keep_admins_from_hearing_of_another(
    world: World, receiver: Receiver
) -> None:
    identity, one = sibling(1)
    world.determined.starts(one)
    world.fires(identity)
    await receiver.hears_of(identity)
    world.fires()
    await receiver.hears_of()
    await receiver.tick()
    world.prometheus.evidence = ()

    await receiver.run(GRACE)
    await receiver.run(POLICY.tell_admins_after)

    assert len(world.slack.told_admins()) == 2
