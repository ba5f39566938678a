"""The digests: once each, whoever sends them and whatever ends in between."""

import asyncio
from datetime import datetime, timedelta

import pytest

from app.digest import Digests
from app.domain.digest import WeeklyDigest
from app.domain.digest_times import DigestKind, Moments
from app.domain.observed import ObservedDigest
from app.domain.outbox import Pace
from app.domain.policy import Mode
from app.errors import UpstreamRejectedError, UpstreamUnavailableError
from app.ports.digests import Letter
from app.store.digest import SqlDigestBook
from app.usage import NO_RECORD
from tests.domain.examples import T0
from tests.receiver.calls import Crash
from tests.receiver.conftest import LEASE, MINUTE, TICK, Receiver
from tests.receiver.world import World

DAY = timedelta(days=1)
WEEK = 7 * DAY
DOWN = UpstreamUnavailableError("Slack did not answer in time")


class Channel:
    """Implements `app.ports.Bulletin`: keeps the digests as they are, and what was posted."""

    def __init__(self) -> None:
        self.weeks: list[WeeklyDigest] = []
        self.days: list[ObservedDigest] = []
        self.posts: list[tuple[str, str]] = []
        self.lost_answers = 0
        self.fault: Exception | None = None

    def weekly(self, digest: WeeklyDigest) -> str:
        self.weeks.append(digest)
        return f"week {len(self.weeks)}"

    def observed(self, digest: ObservedDigest) -> str:
        self.days.append(digest)
        return f"day {len(self.days)}"

    async def post(self, message: str, *, message_id: str) -> None:
        if self.fault:
            raise self.fault
        self.posts.append((message, message_id))
        if self.lost_answers:
            self.lost_answers -= 1
            raise DOWN

    async def is_there(self, message_id: str, *, since: datetime) -> bool:  # noqa: ARG002
        if self.fault:
            raise self.fault
        return any(each == message_id for _, each in self.posts)

    @property
    def told(self) -> list[str]:
        return [message for message, _ in self.posts]


@pytest.fixture
def channel() -> Channel:
    return Channel()


class DyingBook(SqlDigestBook):
    """The process ends before, or after, one of the writes."""

    def __init__(self, receiver: Receiver, call: str, *, after: bool) -> None:
        super().__init__(receiver.database.engine, receiver.delivery.fence)
        self._call = call
        self._after = after

    async def claim(self, letter: Letter) -> bool:
        self._ends("claim", after=False)
        claimed = await super().claim(letter)
        self._ends("claim", after=True)
        return claimed

    async def attempt(self, letter: Letter, now: datetime) -> None:
        self._ends("attempt", after=False)
        await super().attempt(letter, now)
        self._ends("attempt", after=True)

    async def sent(self, letter: Letter) -> None:
        self._ends("sent", after=False)
        await super().sent(letter)
        self._ends("sent", after=True)

    def _ends(self, call: str, *, after: bool) -> None:
        if (call, after) == (self._call, self._after):
            raise Crash


DUE = T0 + 2 * TICK


def digests(
    receiver: Receiver,
    channel: Channel,
    *kinds: DigestKind,
    book: SqlDigestBook | None = None,
) -> Digests:
    """The digests of a receiver's process; due two ticks after the world begins."""
    moments = {
        DigestKind.WEEKLY: Moments(DUE.time(), DUE.weekday()),
        DigestKind.DAILY: Moments(DUE.time()),
    }
    return Digests(
        book or SqlDigestBook(receiver.database.engine, receiver.delivery.fence),
        channel,
        receiver.world.systems(),
        receiver.context,
        receiver.delivery,
        moments={kind: moments[kind] for kind in kinds or (DigestKind.WEEKLY,)},
        pace=Pace(),
    )


async def goes_by(receiver: Receiver, telling: Digests, span: timedelta) -> None:
    """Let time go by, a tick at a time, with a look for digests after each."""
    while span > timedelta():
        step = min(TICK, span)
        receiver.world.time.passes(step)
        await receiver.tick()
        await telling.send_due()
        span -= step


async def test_a_digest_is_sent_at_its_moment_and_not_again_before_the_next(
    receiver: Receiver, channel: Channel
) -> None:
    telling = digests(receiver, channel)
    await telling.send_due()

    await goes_by(receiver, telling, TICK)
    early = channel.told
    await goes_by(receiver, telling, 2 * TICK)

    assert (early, channel.told) == ([], ["week 1"])
    [week] = channel.weeks
    assert week.tally.until - week.tally.since == WEEK


async def test_of_moments_that_an_outage_has_missed_the_last_one_is_sent(
    world: World, receiver: Receiver, channel: Channel
) -> None:
    telling = digests(receiver, channel)
    await telling.send_due()

    world.time.passes(3 * WEEK)
    await receiver.tick()
    await telling.send_due()

    assert channel.told == ["week 1"]


@pytest.mark.parametrize("empty_database", ["empty_postgres"], indirect=True)
async def test_two_replicas_send_one(world: World, receiver: Receiver, channel: Channel) -> None:
    replica = Receiver(world, receiver.database, name="watchdog-b:8090")
    replica.start()
    await replica.settles()
    both = [(each, digests(each, channel)) for each in (receiver, replica)]
    for _ in range(4):
        await asyncio.gather(*(each.send_due() for _, each in both))
        world.time.passes(TICK)
        await asyncio.gather(*(each.tick() for each, _ in both))

    assert channel.told == ["week 1"]


@pytest.mark.parametrize("empty_database", ["empty_postgres"], indirect=True)
async def test_a_replica_that_takes_over_sends_what_the_other_has_claimed(
    world: World, receiver: Receiver, channel: Channel
) -> None:
    telling = digests(receiver, channel)
    await telling.send_due()
    channel.fault = DOWN
    await goes_by(receiver, telling, 2 * TICK)
    replica = Receiver(world, receiver.database, name="watchdog-b:8090")
    replica.start()
    channel.fault = None

    world.time.passes(LEASE + MINUTE)
    await replica.tick()
    await digests(replica, channel).send_due()
    await telling.send_due()

    assert channel.told == ["week 1"]


async def test_a_digest_whose_confirmation_was_lost_is_not_sent_again(
    receiver: Receiver, channel: Channel
) -> None:
    telling = digests(receiver, channel)
    await telling.send_due()
    channel.lost_answers = 1

    await goes_by(receiver, telling, 4 * TICK)

    assert channel.told == ["week 1"]


async def test_a_digest_that_slack_refuses_is_sent_later_in_the_same_words(
    receiver: Receiver, channel: Channel
) -> None:
    telling = digests(receiver, channel)
    await telling.send_due()
    channel.fault = UpstreamRejectedError("Slack refuses", code="not_in_channel")
    await goes_by(receiver, telling, 3 * TICK)
    channel.fault = None

    await goes_by(receiver, telling, 2 * TICK)

    assert (channel.told, len(channel.weeks)) == (["week 1"], 1)


@pytest.mark.parametrize(("call", "after"), [("claim", True), ("attempt", True), ("sent", False)])
async def test_a_crash_around_any_write_leaves_one_digest(
    receiver: Receiver, channel: Channel, call: str, *, after: bool
) -> None:
    await digests(receiver, channel).send_due()
    telling = digests(receiver, channel, book=DyingBook(receiver, call, after=after))
    receiver.world.time.passes(2 * TICK)
    await receiver.tick()

    survived = await receiver.survives(telling.send_due)
    await receiver.restart()
    again = digests(receiver, channel)
    for _ in range(2):
        receiver.world.time.passes(MINUTE)
        await receiver.tick()
        await again.send_due()

    assert not survived
    assert len(channel.told) == 1


async def test_what_nobody_can_read_is_told_and_the_digest_is_sent_all_the_same(
    world: World, receiver: Receiver, channel: Channel
) -> None:
    telling = digests(receiver, channel)
    await telling.send_due()
    world.prometheus.query_fault = UpstreamUnavailableError("Prometheus answered 503")
    world.alertmanagers.second.error = "connection refused"

    await goes_by(receiver, telling, 2 * TICK)

    [week] = channel.weeks
    assert week.usage == "Prometheus could not be read: Prometheus answered 503"
    assert week.exceptions.unread == ("am-2: connection refused",)


async def test_where_prometheus_has_no_record_no_figure_is_a_zero(
    world: World, receiver: Receiver, channel: Channel
) -> None:
    telling = digests(receiver, channel)
    await telling.send_due()
    world.prometheus.evidence = ()

    await goes_by(receiver, telling, 2 * TICK)

    assert channel.weeks[0].usage == NO_RECORD


async def test_in_mode_observe_a_day_is_told_though_nothing_happened(
    receiver: Receiver, channel: Channel
) -> None:
    await receiver.restart(mode=Mode.OBSERVE)
    telling = digests(receiver, channel, DigestKind.DAILY)
    await receiver.tick()
    await telling.send_due()

    await goes_by(receiver, telling, 2 * TICK)

    assert channel.told == ["day 1"]


async def test_in_a_higher_mode_a_quiet_day_is_not_told_nor_is_a_week_that_nobody_wants(
    receiver: Receiver, channel: Channel
) -> None:
    telling = digests(receiver, channel, DigestKind.DAILY)
    await telling.send_due()

    await goes_by(receiver, telling, 3 * TICK)

    assert (channel.told, channel.weeks) == ([], [])
