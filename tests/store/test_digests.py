"""The digests in the database: one of each moment, and what they are counted from."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import events as e
from app.domain.digest import Deed, Story, WeekTally
from app.domain.digest_times import DigestKind
from app.domain.incident import Hold, StopRequest
from app.domain.lease import Duty, Fence
from app.domain.lifecycle import advance
from app.domain.reasons import Reason
from app.errors import StaleLeaseError
from app.ports.digests import Letter
from app.store.digest import SqlDigestBook
from app.store.leases import SqlLeases
from app.store.sql import SqlIncidentStore
from tests.domain.examples import (
    ACCEPTED,
    ALLOCATION,
    CALL,
    ENDED,
    IDENTITY,
    POLICY,
    T0,
    proven,
    warning_delivered,
)
from tests.store.test_archive import goes_on, opened

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
WEEKLY, DAILY = DigestKind.WEEKLY, DigestKind.DAILY
KEPT = e.HoldsObserved((Hold(Reason.KEPT, "bob"),), actor="bob")
FIRST = Letter(WEEKLY, T0 + DAY, "m1", "the week")
LATER = replace(FIRST, moment=T0 + 2 * DAY, message_id="m2")


@pytest.fixture
def book(engine: AsyncEngine) -> SqlDigestBook:
    return SqlDigestBook(engine)


async def test_a_begin_is_noted_once_and_sends_nothing(book: SqlDigestBook) -> None:
    before = await book.last()

    await book.begin(WEEKLY, T0)
    await book.begin(WEEKLY, T0 + DAY)

    assert (before, await book.last()) == ({}, {WEEKLY: T0})
    assert await book.due(T0 + 9 * DAY) == []


async def test_a_moment_is_claimed_once_and_none_before_it(book: SqlDigestBook) -> None:
    await book.begin(WEEKLY, T0)
    await book.begin(DAILY, T0)

    claims = [await book.claim(each) for each in (FIRST, FIRST, replace(FIRST, moment=T0))]
    quiet = await book.claim(Letter(DAILY, T0 + DAY, "m", ""))

    assert (claims, quiet) == ([True, False, False], True)
    assert await book.due(T0 + DAY) == [FIRST], "of a quiet day there is nothing to send"
    assert await book.last() == {WEEKLY: T0 + DAY, DAILY: T0 + DAY}


async def test_a_later_digest_takes_the_place_of_one_that_could_not_be_sent(
    book: SqlDigestBook,
) -> None:
    await book.begin(WEEKLY, T0)
    await book.claim(FIRST)
    await book.attempt(FIRST, T0 + DAY)

    await book.claim(LATER)
    await book.sent(FIRST)

    assert await book.due(T0 + 2 * DAY) == [LATER]


async def test_the_first_attempt_is_remembered_and_the_next_one_waits_until_it_is_sent(
    book: SqlDigestBook,
) -> None:
    await book.begin(WEEKLY, T0)
    await book.claim(FIRST)

    await book.attempt(FIRST, T0 + DAY)
    await book.attempt(FIRST, T0 + DAY + MINUTE)
    await book.postpone(FIRST, T0 + DAY + 2 * MINUTE, "503\0")

    assert await book.due(T0 + DAY + MINUTE) == []
    [again] = await book.due(T0 + DAY + 2 * MINUTE)
    assert again == replace(FIRST, attempts=1, attempted_at=T0 + DAY)
    await book.sent(again)
    assert await book.due(T0 + 9 * DAY) == []


async def test_nothing_is_claimed_by_a_replica_that_lost_its_lease(
    engine: AsyncEngine, book: SqlDigestBook
) -> None:
    leases = SqlLeases(engine)
    span = timedelta(seconds=45)
    old = await leases.take(Duty.DELIVERY, "a", now=T0, span=span, starting=True)
    await leases.take(Duty.DELIVERY, "b", now=T0 + DAY, span=span, starting=False)
    assert old is not None
    behind = SqlDigestBook(engine, lambda: Fence(Duty.DELIVERY, old.token))
    await book.begin(WEEKLY, T0)

    for write in (behind.claim(FIRST), behind.begin(DAILY, T0), behind.sent(FIRST)):
        with pytest.raises(StaleLeaseError):
            await write

    assert await book.last() == {WEEKLY: T0}


async def stories(book: SqlDigestBook) -> Sequence[Story]:
    return [each async for each in book.stories(T0 + DAY)]


async def test_what_was_open_at_any_time_is_read_in_parts_and_nothing_that_was_over_before(
    book: SqlDigestBook, store: SqlIncidentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.digest._PAGE", 1)
    recovered = e.RecoveryObserved({})
    for number, ends in (("old", 0.5), ("ended", 1.5), ("open", None)):
        identity = replace(IDENTITY, alertname=number)
        incident = await opened(store, number, identity)
        if ends is not None:
            await goes_on(store, incident, recovered, at=T0 + ends * DAY)

    found = await stories(book)

    assert {each.incident.incident_id for each in found} == {"ended", "open"}
    assert await book.alertnames() == {"old", "ended", "open"}


async def test_a_story_is_all_that_happened_in_its_order_but_mere_sightings(
    book: SqlDigestBook, store: SqlIncidentStore
) -> None:
    incident = await opened(store)
    await store.commit(advance(incident, KEPT, POLICY, at=T0 + DAY))

    [story] = await stories(book)

    assert [(each.reason, each.after, each.actor) for each in story.happenings] == [
        (Reason.ALERT_FIRED, "firing", "watchdog"),
        (Reason.ALERT_ACTIVE, "firing", "watchdog"),
        (Reason.HOLD_BEGAN, "held", "bob"),
    ]
    assert story.happenings[-1].at == T0 + DAY


async def test_whole_lives_are_counted_as_what_they_were(
    book: SqlDigestBook, store: SqlIncidentStore
) -> None:
    """From the rows that real lives leave."""
    asked = e.StopRequested((ALLOCATION,), StopRequest("bob", T0))
    lives: dict[str, Sequence[e.Event]] = {
        "stopped": (warning_delivered(), proven(), CALL, ACCEPTED, ENDED),
        "asked for": (asked, proven("n2"), CALL, ACCEPTED, ENDED),
        "dismissed": (KEPT, e.Dismissed("ann")),
    }
    for name, events in lives.items():
        incident = await opened(store, name, replace(IDENTITY, alertname=name))
        await goes_on(store, incident, *events, at=T0 + 2 * DAY)
    tally = WeekTally(T0, T0 + 7 * DAY)

    for story in await stories(book):
        tally.add(story)

    assert {name: tally.total(name) for name in Deed} == dict.fromkeys(Deed, 0) | {
        Deed.FOUND: 3,
        Deed.WARNED: 1,
        Deed.KEPT: 1,
        Deed.DISMISSED: 1,
        Deed.STOPPED: 2,
    }
    assert tally.by_hand == 1
