"""The whole life of an incident, undisturbed."""

from datetime import timedelta

from app.domain.actions import MessageKind
from app.domain.incident import IncidentState, RecipientKind
from app.domain.reasons import Reason
from tests.domain.examples import ALLOCATION, T0
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.world import LABELS, Kill, World

S = IncidentState
K = MessageKind


async def test_an_alert_leads_to_a_warning_reminders_one_stop_and_a_closing_word(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    await receiver.run(GRACE + 10 * MINUTE, every=5 * MINUTE)

    assert (await receiver.incident()).state is S.STOPPED
    assert world.slack.told() == [K.WARNING, K.REMINDER, K.LAST_CALL, K.CLOSING]
    to_the_owner = [post for post in world.slack.posts if post.to is RecipientKind.OWNER]
    assert [post.at - T0 for post in to_the_owner] == [
        timedelta(),
        GRACE / 2,
        GRACE - 10 * MINUTE,
        GRACE + 5 * MINUTE,
    ]
    assert world.determined.calls == [Kill(T0 + GRACE, ALLOCATION)]


async def test_admins_hear_once_what_a_stop_has_freed_and_it_is_counted(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    await receiver.run(GRACE + 10 * MINUTE, every=5 * MINUTE)

    [told] = world.slack.told_admins()
    assert "GPUs free for others: 1. They had been held for 1.1 GPU-hours" in told
    sample = receiver.context.telemetry.registry.get_sample_value
    assert sample("watchdog_gpus_reclaimed_total") == 1
    held = sample("watchdog_gpus_reclaimed_held_seconds_total")
    assert held == (GRACE + 5 * MINUTE).total_seconds()


async def test_the_warning_names_the_deadline_and_later_messages_stand_in_its_thread(
    world: World, receiver: Receiver
) -> None:
    incident = await receiver.warns()

    await receiver.run(GRACE + 10 * MINUTE, every=10 * MINUTE)

    warning, *others = [post for post in world.slack.posts if post.to is RecipientKind.OWNER]
    assert warning.deadlines == {ALLOCATION: T0 + GRACE}
    assert warning.thread is None
    assert {post.thread for post in others} == {incident.message}
    assert others[0].deadlines == {ALLOCATION: T0 + GRACE}


async def test_s12_every_step_is_in_the_history_with_its_reason(receiver: Receiver) -> None:
    await receiver.warns()
    await receiver.run(GRACE + 10 * MINUTE, every=10 * MINUTE)

    history = await receiver.history()

    assert [(entry.reason, entry.after) for entry in history] == [
        (Reason.ALERT_FIRED, S.FIRING),
        (Reason.ALERT_ACTIVE, S.FIRING),
        (Reason.TARGET_SEEN, S.FIRING),
        (Reason.ALERT_SEEN, S.FIRING),
        (Reason.WARNING_DELIVERED, S.NOTIFIED),
        (Reason.REMINDER_QUEUED, S.NOTIFIED),
        (Reason.REMINDER_QUEUED, S.NOTIFIED),
        (Reason.PROVEN, S.STOPPING),
        (Reason.STOP_SENT, S.STOPPING),
        (Reason.STOP_ACCEPTED, S.STOPPING),
        (Reason.STOP_TOOK_EFFECT, S.STOPPING),
        (Reason.STOP_VERIFIED, S.STOPPED),
    ]
    assert [entry.before for entry in history] == [None, *(entry.after for entry in history[:-1])]
    assert {entry.actor for entry in history} == {"watchdog"}


async def test_s12_the_proof_is_kept_whole(world: World, receiver: Receiver) -> None:
    await receiver.warns()
    [post] = world.slack.posts
    await receiver.run(GRACE)

    [proven] = [each for each in await receiver.history() if each.reason is Reason.PROVEN]

    told = {name: value for name, value in proven.evidence.items() if name != "allocation"}
    assert proven.evidence["allocation"]["username"] == "bob"
    assert told == {
        "judged_at": (T0 + GRACE).isoformat(),
        "fires": True,
        "alert_active_at": T0.isoformat(),
        "verify": {"query": "idle{}", "result": [{"labels": LABELS, "value": 0.0}]},
        "evidence": {"query": "age{}", "result": [{"labels": LABELS, "value": 12.0}]},
        "errors": [],
        "peers": {"am-1": "active", "am-2": "active"},
        "heartbeat_at": (T0 + GRACE).isoformat(),
        "warning_delivered_at": T0.isoformat(),
        "warning": {
            "username": "bob",
            "deadline": (T0 + GRACE).isoformat(),
            "addressed_to": "D-bob",
            "channel": post.channel,
            "ts": post.ts,
            "to": "owner",
        },
        "breaker": {"running": 1, "due": 1, "most_in_an_hour": 10, "most_of_running": 3},
    }


async def test_s1_nothing_is_stopped_a_second_before_the_grace_period_is_over(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    await receiver.run(GRACE - SECOND)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_the_grace_period_begins_with_the_delivery_not_with_the_alert(
    world: World, receiver: Receiver
) -> None:
    world.fires()
    await receiver.hears_of()
    world.time.passes(30 * MINUTE)
    await receiver.tick()

    await receiver.run(GRACE - SECOND)

    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_the_end_is_seen_only_when_determined_says_so(
    world: World, receiver: Receiver
) -> None:
    world.determined.latency = 30 * SECOND
    await receiver.warns()
    await receiver.run(GRACE)

    await receiver.run(15 * SECOND)

    assert (await receiver.incident()).state is S.STOPPING
    await receiver.run(15 * SECOND)
    assert (await receiver.incident()).state is S.STOPPED
    assert len(world.determined.calls) == 1


async def test_our_own_stop_makes_the_alert_resolve_and_is_still_seen_through(
    world: World, receiver: Receiver
) -> None:
    world.determined.latency = 30 * SECOND
    await receiver.warns()
    await receiver.run(GRACE)

    world.recovers()
    await receiver.run(15 * SECOND)
    await receiver.run(15 * SECOND)

    assert (await receiver.incident()).state is S.STOPPED
    assert world.slack.told()[-1] is K.CLOSING


async def test_an_alert_that_goes_on_after_the_stop_opens_nothing(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE + 2 * GRACE)

    assert (await receiver.incident()).state is S.STOPPED
    assert world.slack.told(RecipientKind.OWNER).count(K.WARNING) == 1
