"""S13: an owner who sleeps is neither woken nor surprised in the morning."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.domain.actions import MessageKind
from app.domain.cluster import TaskType
from app.domain.incident import Hold, IncidentState, RecipientKind
from app.domain.policy import Mode, Rulebook
from app.domain.reasons import Reason
from app.domain.waking import WakingHours
from app.errors import UpstreamUnavailableError
from tests.domain.examples import IDENTITY, T0, allocation
from tests.receiver.conftest import GRACE, MINUTE, POLICY, RULEBOOK, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind
HOUR = timedelta(hours=1)
DAY = WakingHours(time(9), time(21))
BY_DAY = replace(RULEBOOK, policies={POLICY.name: replace(POLICY, waking_hours=DAY)})
EVENING = T0.replace(hour=21)
MORNING = T0.replace(day=25, hour=9)
ASLEEP = Hold(Reason.OUTSIDE_HOURS, until=MORNING)

StartAt = Callable[..., Awaitable[None]]


@pytest.fixture
def start_at(world: World, receiver: Receiver) -> StartAt:
    """Begin a process at this hour, in which the hours of waking count."""

    async def start(hour: int, minute: int = 0, rulebook: Rulebook = BY_DAY) -> None:
        world.time.passes(T0.replace(hour=hour, minute=minute) - T0)
        receiver.rulebook = rulebook
        await receiver.restart()
        await receiver.settles()

    return start


async def test_s13_at_night_nobody_is_warned_and_in_the_morning_the_whole_grace_period_begins(
    world: World, receiver: Receiver, start_at: StartAt
) -> None:
    await start_at(23)
    await receiver.warns()
    await receiver.tick()
    assert list((await receiver.incident()).holds) == [ASLEEP]

    await receiver.run(MORNING - world.time.wall - SECOND)
    assert world.slack.posts == []

    await receiver.run(SECOND)
    [warning] = world.slack.posts
    assert (warning.kind, warning.at) == (K.WARNING, MORNING)
    await receiver.run(GRACE - SECOND)
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_s13_at_night_a_warning_is_not_sent_though_no_tick_has_looked_yet(
    world: World, receiver: Receiver, start_at: StartAt
) -> None:
    await start_at(23)
    world.fires()
    await receiver.hears_of()

    await receiver.dispatcher.deliver_due()

    assert world.slack.posts == []


async def test_s13_a_grace_period_that_the_evening_breaks_is_followed_by_a_new_one(
    world: World, receiver: Receiver, start_at: StartAt
) -> None:
    await start_at(20, 30)
    await receiver.warns()

    await receiver.run(MORNING - world.time.wall, every=15 * MINUTE)

    assert world.determined.calls == []
    assert [(post.kind, post.at) for post in world.slack.posts] == [
        (K.WARNING, EVENING - HOUR / 2),
        (K.WARNING, MORNING),
    ]
    await receiver.run(GRACE - SECOND)
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_s10_a_warning_in_the_evening_names_the_deadline_of_the_morning(
    world: World, receiver: Receiver, start_at: StartAt
) -> None:
    await start_at(20, 30)

    incident = await receiver.warns()

    [target] = incident.targets
    assert target.warning is not None
    assert target.warning.deadline == MORNING + GRACE
    [warning] = world.slack.posts
    assert set(warning.deadlines.values()) == {MORNING + GRACE}


async def test_s13_a_last_look_in_the_evening_finds_the_hours_to_be_over(
    world: World, receiver: Receiver, start_at: StartAt
) -> None:
    await start_at(19, 59)
    await receiver.warns()

    async def dusk() -> None:
        world.time.passes(MINUTE)

    receiver.calls.before("rules.query", dusk)
    await receiver.run(GRACE)

    assert world.determined.calls == []
    assert (await receiver.incident()).state is S.HELD


async def test_s13_a_reminder_that_waits_for_slack_is_not_sent_at_night(
    world: World, receiver: Receiver, start_at: StartAt
) -> None:
    await start_at(19, 45)
    await receiver.warns()
    world.slack.refusals[RecipientKind.OWNER] = UpstreamUnavailableError("time-out")
    await receiver.run(GRACE / 2)
    assert (await receiver.incident()).reminders == ("0.5",)
    world.time.passes(HOUR)
    world.slack.refusals.clear()

    await receiver.dispatcher.deliver_due()

    assert world.slack.told() == [K.WARNING]


@pytest.mark.parametrize(
    "rulebook",
    [
        pytest.param(replace(BY_DAY, mode=Mode.WARN), id="nothing would be stopped"),
        pytest.param(RULEBOOK, id="the hours are off"),
        pytest.param(
            replace(BY_DAY, zones={"bob": ZoneInfo("America/New_York")}),
            id="the owner is where it is day",
        ),
    ],
)
async def test_at_night_the_owner_is_told_where(
    rulebook: Rulebook, world: World, receiver: Receiver, start_at: StartAt
) -> None:
    await start_at(23, 0, rulebook)

    await receiver.warns()

    assert world.slack.told() == [K.WARNING]


async def test_a_trial_is_stopped_at_night(
    world: World, receiver: Receiver, start_at: StartAt
) -> None:
    await start_at(23)
    world.determined.starts(allocation(task_type=TaskType.TRIAL, trial_id="7"))
    await receiver.warns(replace(IDENTITY, task_type="trial"))

    await receiver.run(GRACE)

    assert len(world.determined.calls) == 1
