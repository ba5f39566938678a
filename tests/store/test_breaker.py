"""S7: the breaker counts in the transaction of the intent, whoever asks and from wherever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import events as e
from app.domain.actions import MessageKind
from app.domain.breaker import BreakerLimits, BreakerState, PlannedStop, Quota
from app.domain.incident import Hold, Incident, IncidentState, IntentState, Keep
from app.domain.lifecycle import advance
from app.domain.reasons import Reason
from app.errors import BreakerTrippedError, StaleIncidentError, TaskKeptError
from app.store.breaker import read_breaker, write_breaker
from app.store.engine import create_engine, writing
from app.store.outbox import SqlOutbox
from app.store.sql import SqlIncidentStore
from tests.domain.examples import POLICY, RECEIPT, T0, given_warning
from tests.receiver.world import sibling
from tests.store.test_store_contract import MINUTE, opening

HOUR = timedelta(hours=1)
NOW = T0 + HOUR
SECOND = timedelta(seconds=1)
TWO_AN_HOUR = Quota(BreakerLimits(max_stops_per_hour=2, floor=100))


async def happens(
    store: SqlIncidentStore, incident: Incident, *events: e.Event, at: datetime = NOW
) -> Incident:
    for event in events:
        incident = await store.commit(advance(incident, event, POLICY, at=at))
    return incident


async def warned(store: SqlIncidentStore, number: int, at: datetime = T0) -> Incident:
    identity, _ = sibling(number)
    await store.receive([opening(f"i{number}", identity)], heartbeat_at=None)
    stands = await store.breaker()
    warnings = {identity.allocation_id: replace(given_warning(at), breaker_at=stands.at)}
    incident = await store.incident(f"i{number}")
    return await happens(store, incident, e.WarningDelivered(1, RECEIPT, warnings), at=at)


def allocation_of(incident: Incident) -> str:
    return incident.identity.allocation_id


def proven(incident: Incident, quota: Quota = TWO_AN_HOUR) -> e.StopProven:
    return e.StopProven(allocation_of(incident), f"n-{incident.incident_id}", {}, quota)


def sending(incident: Incident) -> e.StopSending:
    return e.StopSending(allocation_of(incident))


def answered(incident: Incident) -> e.StopAnswered:
    return e.StopAnswered(allocation_of(incident), IntentState.SENT, Reason.STOP_ACCEPTED)


def not_sent(incident: Incident) -> e.StopNotSent:
    return e.StopNotSent(allocation_of(incident), Reason.PROOF_OLD)


def withdrawn(incident: Incident) -> e.StopWithdrawn:
    return e.StopWithdrawn(allocation_of(incident), Reason.SILENCED)


async def stopped(store: SqlIncidentStore, number: int, at: datetime = NOW) -> Incident:
    incident = await warned(store, number)
    ended = e.AllocationEnded(allocation_of(incident))
    called = (proven(incident), sending(incident), answered(incident))
    return await happens(store, incident, *called, ended, at=at)


async def test_the_stop_that_is_one_too_many_trips_the_breaker_and_leaves_no_intent(
    store: SqlIncidentStore, outbox: SqlOutbox
) -> None:
    await stopped(store, 1)
    await stopped(store, 2)
    incident = await warned(store, 3)

    with pytest.raises(BreakerTrippedError, match=r"3 allocations .* 2 in an hour"):
        await happens(store, incident, proven(incident))

    assert await store.incident("i3") == incident
    breaker = await store.breaker()
    assert (breaker.tripped, breaker.at, breaker.by) == (True, NOW, "watchdog")
    assert breaker.stops == (PlannedStop("i3", allocation_of(incident)),)
    of_it = [one for one in await outbox.due(NOW, limit=99) if one.incident_id == "i3"]
    [told] = [one for one in of_it if one.kind is MessageKind.BREAKER]
    assert breaker.reason in told.text


async def test_admins_are_told_once_however_many_stops_are_refused(
    store: SqlIncidentStore, outbox: SqlOutbox
) -> None:
    for number in range(1, 6):
        incident = await warned(store, number)
        due = Quota(TWO_AN_HOUR.limits, due=tuple(PlannedStop(f"i{n}", f"{n}") for n in range(9)))
        with pytest.raises(BreakerTrippedError):
            await happens(store, incident, proven(incident, due))

    kinds = [one.kind for one in await outbox.due(NOW, limit=99)]
    assert kinds.count(MessageKind.BREAKER) == 1
    assert await store.stops_within(HOUR) == 0


async def runs(store: SqlIncidentStore, span: timedelta) -> None:
    """Let a receiver run for so long, by whatever clock on the wall."""
    now = max((await store.clock()).advanced_at, NOW) + span
    await store.tick_clock(now=now, monotonic=span, gap=MINUTE, answerable=False)


@pytest.mark.parametrize(
    ("ago", "then"),
    [
        pytest.param(HOUR - MINUTE, pytest.raises(BreakerTrippedError), id="within the hour"),
        pytest.param(HOUR, nullcontext(), id="an hour ago"),
    ],
)
async def test_stops_count_for_an_hour_however_they_are_spread(
    store: SqlIncidentStore, ago: timedelta, then: AbstractContextManager[object]
) -> None:
    await runs(store, SECOND)
    await stopped(store, 1)
    await runs(store, ago - MINUTE)
    await stopped(store, 2)
    await runs(store, MINUTE)
    incident = await warned(store, 3)

    with then:
        await happens(store, incident, proven(incident))


async def test_a_stop_counts_from_when_it_was_sent(store: SqlIncidentStore) -> None:
    """Proven two hours ago, and only now carried out."""
    incident = await warned(store, 1)
    incident = await happens(store, incident, proven(incident), at=NOW - 2 * HOUR)
    ended = e.AllocationEnded(allocation_of(incident))
    await happens(store, incident, sending(incident), ended, at=NOW - MINUTE)

    assert await store.stops_within(HOUR) == 1


async def test_an_open_intent_counts_however_old_it_is(store: SqlIncidentStore) -> None:
    incident = await warned(store, 1)
    await happens(store, incident, proven(incident), at=NOW - 9 * HOUR)

    assert await store.stops_within(HOUR) == 1


async def test_an_intent_counts_unless_nothing_was_ever_sent(store: SqlIncidentStore) -> None:
    unsent, taken_back, called = [await warned(store, number) for number in (1, 2, 3)]
    await happens(store, unsent, proven(unsent), withdrawn(unsent))
    attempt = (proven(taken_back), sending(taken_back), not_sent(taken_back))
    await happens(store, taken_back, *attempt, withdrawn(taken_back))
    assert await store.stops_within(HOUR) == 0

    await happens(store, called, proven(called), sending(called), withdrawn(called))

    assert await store.stops_within(HOUR) == 1


async def test_an_intent_that_is_proven_again_is_measured_again(store: SqlIncidentStore) -> None:
    """Else an outage could gather intents hour after hour, and its end carry all of them out."""
    known = [await warned(store, number) for number in (1, 2, 3)]
    wide = Quota(BreakerLimits(floor=100))
    intended = [await happens(store, each, proven(each, wide)) for each in known]

    with pytest.raises(BreakerTrippedError):
        await happens(store, intended[0], proven(intended[0]))


async def test_a_tripped_breaker_lets_no_intent_be_recorded_and_none_be_sent(
    store: SqlIncidentStore,
) -> None:
    new, known, called = [await warned(store, number) for number in (1, 2, 3)]
    wide = Quota(BreakerLimits(floor=100))
    known = await happens(store, known, proven(known, wide))
    called = await happens(store, called, proven(called, wide), sending(called))

    await store.switch_breaker(tripped=True, by="carol", reason="wait", at=NOW)

    for incident, event in ((new, proven(new)), (known, sending(known))):
        with pytest.raises(BreakerTrippedError, match="carol: wait"):
            await happens(store, incident, event)
    # What is so already can still be written down.
    called = await happens(store, called, answered(called))
    known = await happens(store, known, withdrawn(known))
    assert (called.state, known.state) == (IncidentState.STOPPING, IncidentState.HELD)


async def test_an_attempt_that_was_not_made_can_be_taken_back_while_tripped(
    store: SqlIncidentStore,
) -> None:
    incident = await warned(store, 1)
    incident = await happens(store, incident, proven(incident), sending(incident))
    await store.switch_breaker(tripped=True, by="carol", reason="wait", at=NOW)

    incident = await happens(store, incident, not_sent(incident))

    intent = incident.targets[0].intent
    assert intent is not None
    assert (intent.state, intent.attempts) == (IntentState.RECORDED, 0)


@pytest.mark.parametrize(
    "ahead",
    [timedelta(), timedelta(seconds=5), -5 * MINUTE],
    ids=["", "by a clock that is ahead", "by one that is behind"],
)
async def test_s9_after_a_reset_no_stop_goes_on_without_a_new_warning(
    ahead: timedelta, store: SqlIncidentStore
) -> None:
    new, known = await warned(store, 1), await warned(store, 2)
    known = await happens(store, known, proven(known), at=NOW - MINUTE)
    reset_at = NOW - MINUTE / 2 + ahead
    for tripped in (True, False):
        await store.switch_breaker(tripped=tripped, by="carol", reason="oh", at=reset_at)

    for incident, event in ((new, proven(new)), (known, sending(known))):
        with pytest.raises(BreakerTrippedError, match="reset by carol after the warning"):
            await happens(store, incident, event)

    later = await warned(store, 3, at=NOW)
    await happens(store, later, proven(later), sending(later))


async def test_what_a_reset_has_allowed_counts_no_more(store: SqlIncidentStore) -> None:
    due = Quota(TWO_AN_HOUR.limits, due=tuple(PlannedStop(f"i{n}", f"{n}") for n in (1, 2)))
    incident = await warned(store, 3)
    with pytest.raises(BreakerTrippedError):
        await happens(store, incident, proven(incident, due), at=NOW)
    reset_at = NOW + MINUTE
    await store.switch_breaker(tripped=False, by="carol", reason="all idle", at=reset_at)
    incident = await happens(store, incident, e.EpisodeBegan(), at=reset_at)
    warning = replace(given_warning(reset_at), breaker_at=reset_at)
    again = e.WarningDelivered(2, RECEIPT, {allocation_of(incident): warning})

    incident = await happens(store, incident, again, proven(incident, due), at=NOW + HOUR)

    assert incident.state is IncidentState.STOPPING


async def test_what_is_refused_for_another_reason_is_not_one_too_many(
    store: SqlIncidentStore,
) -> None:
    stale, kept = await warned(store, 1), await warned(store, 2)
    await happens(store, stale, e.StopBlocked(Reason.EVIDENCE_STALE))
    task_id = kept.identity.task_id
    keep = Keep("k1", task_id, "reclaim", NOW + HOUR, "bob", "run", T0)
    third = await warned(store, 3)
    hold = advance(third, e.HoldsObserved((Hold(Reason.KEPT, "bob"),)), POLICY, at=NOW)
    await store.add_keeps([keep], hold)
    none = Quota(BreakerLimits(max_stops_per_hour=0))

    with pytest.raises(StaleIncidentError):
        await happens(store, stale, proven(stale, none))
    with pytest.raises(TaskKeptError):
        await happens(store, kept, proven(kept, none))

    assert not (await store.breaker()).tripped


@pytest.fixture
async def neighbour(database_url: str, engine: AsyncEngine) -> AsyncIterator[SqlIncidentStore]:  # noqa: ARG001 -- the database is to be made first.
    """Another process on the same database."""
    other = create_engine(database_url)
    yield SqlIncidentStore(other)
    await other.dispose()


async def test_the_breaker_outlives_the_process_that_it_tripped_in(
    store: SqlIncidentStore, neighbour: SqlIncidentStore
) -> None:
    assert await store.breaker() == BreakerState()
    await store.switch_breaker(tripped=True, by="carol\0", reason="wait", at=NOW)

    state = await neighbour.breaker()

    assert (state.tripped, state.at, state.reason) == (True, NOW, "wait")
    assert state.by == "carol\N{REPLACEMENT CHARACTER}"


async def test_two_processes_that_race_do_not_get_past_the_limit_together(
    store: SqlIncidentStore, neighbour: SqlIncidentStore, outbox: SqlOutbox
) -> None:
    incidents = [await warned(store, number) for number in range(1, 9)]

    results = await asyncio.gather(
        *(
            happens((store, neighbour)[number % 2], incident, proven(incident))
            for number, incident in enumerate(incidents)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(result, Incident) for result in results) == 2
    assert sum(isinstance(result, BreakerTrippedError) for result in results) == 6
    assert await store.stops_within(HOUR) == 2
    kinds = [one.kind for one in await outbox.due(NOW, limit=99)]
    assert kinds.count(MessageKind.BREAKER) == 1


async def test_of_two_admins_who_press_at_once_the_first_is_remembered(
    store: SqlIncidentStore, neighbour: SqlIncidentStore
) -> None:
    states = await asyncio.gather(
        store.switch_breaker(tripped=True, by="carol", reason="wait", at=NOW),
        neighbour.switch_breaker(tripped=True, by="dave", reason="stop", at=NOW),
    )

    assert states[0] == states[1] == await store.breaker()


async def test_s7_a_trip_that_is_being_stored_forbids_what_is_about_to_be_sent(
    store: SqlIncidentStore, engine: AsyncEngine
) -> None:
    """Else a call would follow the panic button that was answered already."""
    incident = await warned(store, 1)
    stopping = await happens(store, incident, proven(incident))

    async with writing(engine) as connection:
        before = await read_breaker(connection, for_update=True)
        call = asyncio.create_task(happens(store, stopping, sending(stopping)))
        done, _ = await asyncio.wait([call], timeout=0.1)
        tripped = before.switched(tripped=True, by="carol", reason="wait", at=NOW, ran=HOUR)
        await write_breaker(connection, tripped)

    assert not done
    with pytest.raises(BreakerTrippedError):
        await call
