"""One live message per owner and alert: told together, and kept up to date."""

from dataclasses import replace
from datetime import timedelta

from app.domain.actions import MessageKind, Notice
from app.domain.alert import Identity
from app.domain.incident import Incident, IncidentState, Receipt, RecipientKind
from app.domain.reasons import Reason
from app.errors import UpstreamUnavailableError
from tests.domain.examples import IDENTITY, TASK
from tests.receiver.calls import crash
from tests.receiver.conftest import GRACE, MINUTE, POLICY, RULEBOOK, SECOND, Receiver
from tests.receiver.slack import Post
from tests.receiver.world import World, sibling

S = IncidentState
K = MessageKind
DOWN = UpstreamUnavailableError("Slack cannot be reached")


def idles(world: World, number: int) -> Identity:
    """Let another task of bob's run, and idle."""
    identity, allocation = sibling(number)
    world.determined.starts(allocation)
    world.fires(identity)
    return identity


async def are_warned(world: World, receiver: Receiver, count: int) -> list[Identity]:
    identities = [idles(world, number) for number in range(count)]
    await receiver.hears_of(*identities)
    await receiver.tick()
    return identities


def to_owner(world: World) -> list[Post]:
    return [post for post in world.slack.posts if post.to is RecipientKind.OWNER]


def states(notice: Notice) -> dict[str, IncidentState]:
    return {each.identity.task_id: each.state for each in notice.incidents}


async def of(receiver: Receiver, identity: Identity) -> Incident:
    [found] = [each for each in await receiver.incidents() if each.identity == identity]
    return found


async def test_sixteen_idle_tasks_of_one_owner_are_one_message_one_reminder_and_one_last_call(
    world: World, receiver: Receiver
) -> None:
    identities = await are_warned(world, receiver, 16)

    await receiver.run(GRACE - SECOND, every=5 * MINUTE)

    assert [post.kind for post in to_owner(world)] == [K.WARNING, K.REMINDER, K.LAST_CALL]
    tasks = {each.task_id for each in identities}
    assert all(set(post.names) == tasks for post in to_owner(world))
    warning = to_owner(world)[0]
    assert set(warning.deadlines) == {each.allocation_id for each in identities}
    assert {each.state for each in await receiver.incidents()} == {S.NOTIFIED}


async def test_s1_each_of_them_rests_on_the_confirmation_of_the_one_message(
    world: World, receiver: Receiver
) -> None:
    await are_warned(world, receiver, 3)

    [post] = to_owner(world)
    for incident in await receiver.incidents():
        entries = await receiver.seen.history(incident.incident_id)
        [told] = [each for each in entries if each.reason is Reason.WARNING_DELIVERED]
        assert told.evidence == {"channel": post.channel, "ts": post.ts, "to": post.to}


async def test_tasks_that_differ_by_owner_or_alert_are_told_of_apart(
    world: World, receiver: Receiver
) -> None:
    first = idles(world, 1)
    other = replace(first, alertname="GPUAllocationPartlyIdle")
    world.fires(other)

    await receiver.hears_of(first, other)
    await receiver.tick()

    assert [len(post.names) for post in to_owner(world)] == [1, 1]
    assert len({each.message for each in await receiver.incidents()}) == 2


async def test_what_joins_later_is_a_new_message_below_and_in_the_list_above(
    world: World, receiver: Receiver
) -> None:
    first = await receiver.warns()
    await receiver.run(10 * MINUTE)
    second = idles(world, 1)
    await receiver.hears_of(second)

    await receiver.run(MINUTE)
    await receiver.run(MINUTE)

    root, joined = to_owner(world)
    assert joined.kind is K.WARNING
    assert joined.is_broadcast, "a mere reply in a thread notifies nobody (S1)"
    assert joined.thread == first.message
    assert joined.names == (second.task_id,)
    assert (await of(receiver, second)).message == first.message
    receipt, notice = world.slack.updates[-1]
    assert receipt.ts == root.ts
    assert states(notice) == {TASK: S.NOTIFIED, second.task_id: S.NOTIFIED}


async def test_s1_what_joins_later_has_a_whole_grace_period_of_its_own(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE / 2)
    second = idles(world, 1)
    await receiver.hears_of(second)
    await receiver.tick()

    await receiver.run(GRACE - SECOND)

    assert {call.allocation_id for call in world.determined.calls} == {IDENTITY.allocation_id}
    await receiver.run(SECOND)
    assert {call.allocation_id for call in world.determined.calls} == {
        IDENTITY.allocation_id,
        second.allocation_id,
    }


async def test_the_live_message_tells_the_fate_of_each(world: World, receiver: Receiver) -> None:
    identities = await are_warned(world, receiver, 3)
    silence = world.alertmanagers.silence_of(identities[0].task_id, 2 * GRACE)
    for peer in world.alertmanagers.peers:
        peer.silences.append(silence)
    await receiver.keep("2h", identity=identities[1])

    await receiver.run(MINUTE)

    assert len(to_owner(world)) == 1
    receipt, notice = world.slack.updates[-1]
    assert receipt.ts == to_owner(world)[0].ts
    holds = {
        each.identity.task_id: [hold.reason for hold in each.holds] for each in notice.incidents
    }
    assert holds == {
        identities[0].task_id: [Reason.SILENCED],
        identities[1].task_id: [Reason.KEPT],
        identities[2].task_id: [],
    }
    assert set(notice.deadlines) == {identities[2].allocation_id}


async def test_s10_a_new_round_stands_below_and_what_stood_there_before_names_no_deadline(
    world: World, receiver: Receiver
) -> None:
    incident = await receiver.warns()
    for _ in range(2):
        await receiver.keep("10m")
        await receiver.run(11 * MINUTE, every=MINUTE)

    root, second, third = to_owner(world)
    assert [post.kind for post in (root, second, third)] == [K.WARNING] * 3
    assert second.thread == third.thread == incident.message
    said = {receipt.ts: notice for receipt, notice in world.slack.updates}
    assert said[second.ts].superseded or said[second.ts].deadlines == {}
    assert said[root.ts].deadlines == third.deadlines


async def test_s8_a_crash_between_two_confirmations_repeats_nothing(
    world: World, receiver: Receiver
) -> None:
    receiver.calls.before("outbox.sent", crash, nth=2)
    identities = [idles(world, number) for number in range(3)]
    await receiver.hears_of(*identities)
    assert not await receiver.survives(receiver.tick)
    await receiver.restart()

    await receiver.settles()
    await receiver.run(MINUTE)

    assert [post.kind for post in to_owner(world)] == [K.WARNING]
    incidents = await receiver.incidents()
    assert {each.state for each in incidents} == {S.NOTIFIED}
    assert len({each.message for each in incidents}) == 1


async def test_s8_what_a_crash_left_unsaid_is_found_by_those_that_it_came_with(
    world: World, receiver: Receiver
) -> None:
    world.slack.lost_answers = 1
    identities = await are_warned(world, receiver, 2)
    later = idles(world, 5)
    await receiver.hears_of(later)

    await receiver.run(MINUTE)

    first, second = to_owner(world)
    assert set(first.names) == {each.task_id for each in identities}
    assert second.names == (later.task_id,)
    assert second.thread is not None
    assert second.thread.ts == first.ts


async def test_hours_without_slack_end_with_one_current_message(
    world: World, receiver: Receiver
) -> None:
    identities = await are_warned(world, receiver, 3)
    world.slack.fault = DOWN
    for identity in identities:
        await receiver.keep("30m", identity=identity)
        await receiver.run(40 * MINUTE, every=10 * MINUTE)
    world.slack.updates.clear()
    before = len(to_owner(world))
    world.slack.fault = None

    await receiver.run(2 * MINUTE, every=MINUTE)
    await receiver.run(MINUTE)

    [warning] = to_owner(world)[before:]
    assert set(warning.names) == {each.task_id for each in identities}
    live = [
        notice for receipt, notice in world.slack.updates if receipt.ts == to_owner(world)[0].ts
    ]
    assert len(live) <= 2, "the backlog is not played back"
    assert live[-1].deadlines == warning.deadlines
    assert await receiver.outbox.oldest() is None


async def test_a_message_whose_tasks_are_all_over_is_left_alone(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    world.recovers()
    await receiver.run(MINUTE)
    world.prometheus.verify = (0.0,)
    await receiver.hears_of(idles(world, 1))

    await receiver.run(MINUTE)

    assert [post.thread for post in to_owner(world) if post.kind is K.WARNING] == [None, None]


async def test_where_the_live_message_was_deleted_a_new_one_takes_its_place(
    world: World, receiver: Receiver
) -> None:
    first = await receiver.warns()
    assert first.message is not None
    world.slack.deleted.add(first.message.key)
    second = idles(world, 1)
    await receiver.hears_of(second)
    await receiver.tick()
    await receiver.hears_of(idles(world, 2))

    await receiver.run(MINUTE)

    _, new, third = to_owner(world)
    assert new.thread is None
    assert (await of(receiver, second)).message == Receipt(new.channel, new.ts, new.to)
    assert third.thread is not None
    assert third.thread.ts == new.ts
    assert receiver.failed_steps() == 0


async def test_s1_a_reminder_that_has_no_thread_any_more_still_reaches_the_owner(
    world: World, receiver: Receiver
) -> None:
    first = await receiver.warns()
    assert first.message is not None
    world.slack.deleted.add(first.message.key)

    await receiver.run(GRACE, every=5 * MINUTE)

    assert [post.kind for post in to_owner(world)][:3] == [K.WARNING, K.REMINDER, K.LAST_CALL]
    assert len(world.determined.calls) == 1


async def test_more_than_one_message_can_name_are_told_of_in_several(
    world: World, receiver: Receiver
) -> None:
    identities = await are_warned(world, receiver, 45)

    root, rest = to_owner(world)

    assert [len(root.names), len(rest.names)] == [40, 5]
    assert rest.is_broadcast
    assert {*root.names, *rest.names} == {each.task_id for each in identities}


async def test_one_that_cannot_be_told_keeps_none_of_the_others_from_it(
    world: World, receiver: Receiver
) -> None:
    identities = [idles(world, number) for number in range(3)]
    await receiver.hears_of(*identities)
    await receiver.reconciler.tick()
    world.determined.ends(identities[1].allocation_id)
    await receiver.lookout.refresh()

    await receiver.dispatcher.deliver_due()

    [post] = to_owner(world)
    assert set(post.names) == {identities[0].task_id, identities[2].task_id}


async def test_what_slack_does_not_take_yet_waits_and_was_not_tried(
    world: World, receiver: Receiver
) -> None:
    world.slack.pauses["D-bob"] = SECOND
    await receiver.warns()
    assert world.slack.posts == []

    world.slack.pauses.clear()
    world.time.passes(SECOND)
    await receiver.dispatcher.deliver_due()

    assert [post.kind for post in to_owner(world)] == [K.WARNING]
    assert world.slack.searches == 0, "what was never sent need not be looked for"


async def test_a_message_offers_no_longer_keep_than_is_still_allowed(
    world: World, receiver: Receiver
) -> None:
    short = replace(POLICY, keep_total=timedelta(hours=4))
    receiver.rulebook = replace(RULEBOOK, policies={POLICY.name: short})
    await receiver.restart()
    await receiver.settles()
    await receiver.warns()
    await receiver.keep("2h")

    await receiver.run(MINUTE)

    _, notice = world.slack.updates[-1]
    assert [each.keeps for each in notice.matters] == [("2h",)]
