"""What every database has to keep of the watchdog's promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind
from app.domain.history import Entry
from app.domain.incident import Hold, Incident, IncidentState, Keep, Receipt, RecipientKind
from app.domain.lifecycle import advance
from app.domain.opening import open_incident
from app.domain.outbox import IncidentQuery, Promise
from app.domain.policy import Announcement, Fallback, Mode, StopAction
from app.domain.reasons import Reason
from app.domain.steps import Transition
from app.errors import IncidentNotFoundError, IntentExistsError, StaleIncidentError
from app.store.outbox import SqlOutbox
from app.store.sql import SqlIncidentStore
from tests.domain.examples import (
    ALLOCATION,
    ANNOTATIONS,
    IDENTITY,
    POLICY,
    T0,
    TASK,
    proven,
    warning_delivered,
)

OTHER = replace(IDENTITY, alertname="GPUAllocationPartlyIdle")
MINUTE = timedelta(minutes=1)


def opening(incident_id: str = "i1", identity: object = IDENTITY) -> Transition:
    first = open_incident(
        incident_id,
        identity,  # type: ignore[arg-type] # An Identity.
        mode=Mode.ENFORCE,
        annotations=ANNOTATIONS,
        at=T0,
    )
    return first.followed_by(advance(first.incident, e.AlertActive(), POLICY, at=T0))


def then(incident: Incident, event: e.Event) -> Transition:
    return advance(incident, event, POLICY, at=T0 + MINUTE)


async def stored(store: SqlIncidentStore, incident_id: str = "i1") -> Incident:
    await store.receive([opening(incident_id)], heartbeat_at=None)
    return await store.incident(incident_id)


async def test_an_incident_comes_back_as_it_was_stored(store: SqlIncidentStore) -> None:
    await store.receive([opening()], heartbeat_at=None)

    incident = await store.incident("i1")

    assert incident == replace(opening().incident, version=1)
    assert list(await store.find_open([IDENTITY.key, OTHER.key])) == [IDENTITY.key]


async def test_a_second_delivery_opens_nothing(store: SqlIncidentStore) -> None:
    assert len(await store.receive([opening("i1")], heartbeat_at=None)) == 1
    assert len(await store.receive([opening("i2"), opening("i3", OTHER)], heartbeat_at=None)) == 1

    assert [each.incident_id for each in await store.open_incidents()] == ["i1", "i3"]


async def test_one_delivery_that_names_an_alert_twice_opens_one_incident(
    store: SqlIncidentStore,
) -> None:
    assert len(await store.receive([opening("i1"), opening("i2")], heartbeat_at=None)) == 1


async def test_an_alert_opens_a_new_incident_when_the_old_one_is_final(
    store: SqlIncidentStore,
) -> None:
    incident = await stored(store)
    await store.commit(then(incident, e.RecoveryObserved({})))

    assert len(await store.receive([opening("i2")], heartbeat_at=None)) == 1
    assert [each.incident_id for each in await store.open_incidents()] == ["i2"]


async def test_who_read_an_older_version_cannot_store(store: SqlIncidentStore) -> None:
    incident = await stored(store)
    await store.commit(then(incident, warning_delivered()))

    with pytest.raises(StaleIncidentError):
        await store.commit(then(incident, e.RecoveryObserved({})))

    assert (await store.incident("i1")).state is IncidentState.NOTIFIED


async def test_of_many_who_store_at_once_one_wins(store: SqlIncidentStore) -> None:
    incident = await stored(store)
    hold = e.HoldsObserved((Hold(Reason.SILENCED, "carol"),))

    results = await asyncio.gather(
        *(store.commit(then(incident, hold)) for _ in range(8)), return_exceptions=True
    )

    assert sum(isinstance(result, Incident) for result in results) == 1
    assert sum(isinstance(result, StaleIncidentError) for result in results) == 7


async def test_one_open_intent_for_an_allocation_whichever_incident_asks(
    store: SqlIncidentStore,
) -> None:
    await store.receive([opening("i1"), opening("i2", OTHER)], heartbeat_at=None)
    for incident_id in ("i1", "i2"):
        incident = await store.incident(incident_id)
        await store.commit(then(incident, warning_delivered()))
    first, second = await store.incident("i1"), await store.incident("i2")
    await store.commit(then(first, proven("n1")))

    with pytest.raises(IntentExistsError):
        await store.commit(then(second, proven("n2")))

    assert (await store.incident("i2")).state is IncidentState.NOTIFIED


async def test_a_closed_intent_makes_room_for_another(store: SqlIncidentStore) -> None:
    incident = await store.commit(then(await stored(store), warning_delivered()))
    incident = await store.commit(then(incident, proven("n1")))
    incident = await store.commit(then(incident, e.StopWithdrawn(ALLOCATION, Reason.MODE)))
    incident = await store.commit(then(incident, e.HoldsObserved(())))
    incident = await store.commit(then(incident, warning_delivered(2)))

    assert (await store.commit(then(incident, proven("n2")))).state is IncidentState.STOPPING


async def test_the_history_is_kept_in_order(store: SqlIncidentStore) -> None:
    incident = await stored(store)
    transition = then(incident, warning_delivered())
    await store.commit(transition)

    history = await store.history("i1")

    assert [entry.reason for entry in history] == [
        Reason.ALERT_FIRED,
        Reason.ALERT_ACTIVE,
        Reason.WARNING_DELIVERED,
    ]
    assert history[-1] == Entry(
        at=T0 + MINUTE,
        reason=Reason.WARNING_DELIVERED,
        before=IncidentState.FIRING,
        after=IncidentState.NOTIFIED,
        evidence={"channel": "D1", "ts": "1795489200.000100", "to": "owner"},
    )


async def test_incidents_are_found_by_what_an_operator_knows(store: SqlIncidentStore) -> None:
    await store.receive([opening("i1"), opening("i2", OTHER)], heartbeat_at=None)

    async def found(query: IncidentQuery) -> list[str]:
        return [each.incident_id for each in await store.search(query)]

    assert await found(IncidentQuery()) == ["i1", "i2"]
    assert await found(IncidentQuery(alertname=OTHER.alertname)) == ["i2"]
    assert await found(IncidentQuery(username="carol")) == []
    assert await found(IncidentQuery(state=IncidentState.FIRING, limit=1)) == ["i1"]
    assert await found(IncidentQuery(is_open=True)) == ["i1", "i2"]
    assert await found(IncidentQuery(is_open=False)) == []


async def test_an_unknown_incident_is_an_error_that_names_it(store: SqlIncidentStore) -> None:
    with pytest.raises(IncidentNotFoundError, match="i9"):
        await store.incident("i9")


async def test_the_latest_heartbeat_is_kept(store: SqlIncidentStore) -> None:
    assert await store.heartbeat_at() is None

    await store.receive([], heartbeat_at=T0)
    await store.receive([], heartbeat_at=T0 + MINUTE)

    assert await store.heartbeat_at() == T0 + MINUTE


async def test_the_answer_clock_is_shared_by_replicas_that_tick_at_once(
    store: SqlIncidentStore,
) -> None:
    quarter = timedelta(seconds=15)
    for tick in range(5):
        await asyncio.gather(
            *(
                store.tick_clock(
                    now=T0 + quarter * tick, monotonic=quarter, gap=MINUTE, answerable=True
                )
                for _ in range(3)
            )
        )

    assert (await store.clock()).elapsed == quarter * 4


async def test_a_keep_and_its_hold_are_stored_together_or_not_at_all(
    store: SqlIncidentStore,
) -> None:
    incident = await stored(store)
    keep = Keep("k1", TASK, "reclaim", T0 + timedelta(hours=2), "bob", "run", T0)
    hold = then(incident, e.HoldsObserved((Hold(Reason.KEPT, "bob"),)))
    await store.commit(then(incident, warning_delivered()))

    with pytest.raises(StaleIncidentError):
        await store.add_keeps([keep], hold)

    assert await store.keeps(T0) == []


async def test_a_keep_is_in_force_until_its_end(store: SqlIncidentStore) -> None:
    incident = await stored(store)
    keep = Keep("k1", TASK, "reclaim", T0 + timedelta(hours=2), "bob", "run", T0)
    await store.add_keeps([keep], then(incident, e.HoldsObserved((Hold(Reason.KEPT, "bob"),))))
    await store.keep_silenced("k1", "s1")

    assert await store.keeps(T0 + MINUTE) == [replace(keep, silence_id="s1")]
    assert await store.keeps(T0 + timedelta(hours=2)) == []


async def test_an_allocation_keeps_the_time_when_it_was_first_seen(
    store: SqlIncidentStore,
) -> None:
    await store.started(["a.1"], T0)

    assert await store.started(["a.1", "b.1"], T0 + MINUTE) == {"a.1": T0, "b.1": T0 + MINUTE}


async def test_an_allocation_that_was_gone_for_a_day_is_forgotten(store: SqlIncidentStore) -> None:
    later = T0 + timedelta(days=1, minutes=1)
    await store.started(["a.1"], T0)
    await store.started([], later)

    assert await store.started(["a.1"], later) == {"a.1": later}


async def test_an_order_waits_in_the_outbox(store: SqlIncidentStore, outbox: SqlOutbox) -> None:
    await stored(store)

    (waiting,) = await outbox.due(T0, limit=10)

    assert (waiting.kind, waiting.round, waiting.attempted_at) == (MessageKind.WARNING, 1, None)
    assert await outbox.oldest() == T0


async def test_an_attempt_is_remembered_from_the_first_on(
    store: SqlIncidentStore, outbox: SqlOutbox
) -> None:
    await stored(store)
    (waiting,) = await outbox.due(T0, limit=10)

    later = Promise(T0 + 2 * MINUTE, Announcement(StopAction.PAUSE, Fallback.KILL))
    await outbox.attempt({waiting.message_id: Promise(T0 + MINUTE)}, T0)
    await outbox.attempt({waiting.message_id: later}, T0 + MINUTE)

    (tried,) = await outbox.due(T0 + MINUTE, limit=10)
    assert (tried.attempted_at, tried.promised) == (T0, later)


async def test_a_postponed_message_waits_for_its_time(
    store: SqlIncidentStore, outbox: SqlOutbox
) -> None:
    await stored(store)
    (waiting,) = await outbox.due(T0, limit=10)

    await outbox.postpone(waiting.message_id, T0 + MINUTE, "429")

    assert await outbox.due(T0 + MINUTE / 2, limit=10) == []
    assert len(await outbox.due(T0 + MINUTE, limit=10)) == 1


async def test_a_confirmation_is_stored_with_what_it_means_or_not_at_all(
    store: SqlIncidentStore, outbox: SqlOutbox
) -> None:
    incident = await stored(store)
    (waiting,) = await outbox.due(T0, limit=10)
    receipt = Receipt("D1", "1.0", RecipientKind.OWNER)
    confirmed = then(incident, warning_delivered())
    await store.commit(then(incident, e.StopBlocked(Reason.EVIDENCE_STALE)))

    with pytest.raises(StaleIncidentError):
        await outbox.sent(waiting.message_id, receipt, confirmed)

    assert len(await outbox.due(T0, limit=10)) == 1
    await outbox.sent(
        waiting.message_id, receipt, then(await store.incident("i1"), warning_delivered())
    )
    assert await outbox.due(T0, limit=10) == []
    assert (await store.incident("i1")).state is IncidentState.NOTIFIED
