"""What the database refuses while a task is kept, and what it knows of what is over."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import events as e
from app.domain.incident import Hold, Incident, IncidentState, Keep
from app.domain.reasons import Reason
from app.errors import StaleIncidentError, TaskKeptError
from app.store import schema
from app.store.engine import writing
from app.store.outbox import SqlOutbox
from app.store.sql import SqlIncidentStore
from tests.domain.examples import ALLOCATION, IDENTITY, T0, TASK, proven, warning_delivered
from tests.store.test_store_contract import MINUTE, OTHER, opening, stored, then

KEEP = Keep("k1", TASK, "reclaim", T0 + timedelta(hours=2), "bob", "run", T0)


async def warned(store: SqlIncidentStore) -> Incident:
    return await store.commit(then(await stored(store), warning_delivered()))


async def keep_through_a_neighbour(store: SqlIncidentStore, keep: Keep = KEEP) -> None:
    """Keep the task through another incident about it: the first one has no hold of it yet."""
    await store.receive([opening("i2", OTHER)], heartbeat_at=None)
    hold = e.HoldsObserved((Hold(Reason.KEPT, keep.by),))
    await store.add_keeps([keep], then(await store.incident("i2"), hold))


async def test_no_intent_is_recorded_for_a_task_that_is_kept(store: SqlIncidentStore) -> None:
    incident = await warned(store)
    await keep_through_a_neighbour(store)

    with pytest.raises(TaskKeptError, match="bob"):
        await store.commit(then(incident, proven("n1")))

    assert (await store.incident("i1")).state is IncidentState.NOTIFIED


async def test_no_intent_is_sent_for_a_task_that_was_kept_meanwhile(
    store: SqlIncidentStore,
) -> None:
    incident = await store.commit(then(await warned(store), proven("n1")))
    await keep_through_a_neighbour(store)

    with pytest.raises(TaskKeptError):
        await store.commit(then(incident, e.StopSending(ALLOCATION)))


@pytest.mark.parametrize(
    "keep",
    [
        pytest.param(
            Keep("k1", "another", "reclaim", KEEP.until, "bob", "run", T0), id="another task"
        ),
        pytest.param(Keep("k1", TASK, "advise", KEEP.until, "bob", "run", T0), id="another policy"),
        pytest.param(Keep("k1", TASK, "reclaim", T0 + MINUTE, "bob", "run", T0), id="over"),
    ],
)
async def test_what_is_kept_elsewhere_or_was_kept_before_forbids_nothing(
    store: SqlIncidentStore, keep: Keep
) -> None:
    incident = await warned(store)
    await keep_through_a_neighbour(store, keep)

    stopping = await store.commit(then(incident, proven("n1")))

    assert stopping.state is IncidentState.STOPPING


async def test_a_keep_that_changes_nothing_meets_a_stop_that_was_sent_meanwhile(
    store: SqlIncidentStore,
) -> None:
    """Its hold is no news while a stop is under way; that the stop is newer must be."""
    seen = await store.commit(then(await warned(store), proven("n1")))
    await store.commit(then(seen, e.StopSending(ALLOCATION)))
    hold = then(seen, e.HoldsObserved((Hold(Reason.KEPT, "bob"),)))

    with pytest.raises(StaleIncidentError):
        await store.add_keeps([KEEP], hold)

    assert await store.keeps(T0) == []


async def test_a_recovery_is_remembered_by_what_it_was_about(store: SqlIncidentStore) -> None:
    await store.commit(then(await stored(store), e.RecoveryObserved({})))
    keys = [IDENTITY.key, OTHER.key]

    assert await store.resolved(keys, since=T0) == {IDENTITY.key: T0 + MINUTE}
    assert await store.resolved(keys, since=T0 + 2 * MINUTE) == {}


async def test_an_incident_that_cannot_be_read_hides_no_other(
    store: SqlIncidentStore, engine: AsyncEngine
) -> None:
    await store.receive([opening("i1"), opening("i2", OTHER)], heartbeat_at=None)
    broken = sa.update(schema.incidents).where(schema.incidents.c.incident_id == "i1")
    async with writing(engine) as connection:
        await connection.execute(broken.values(body='{"incident_id": "i1"}'))

    assert [each.incident_id for each in await store.open_incidents()] == ["i2"]


async def test_a_message_that_is_postponed_lets_others_go_first(
    store: SqlIncidentStore, outbox: SqlOutbox
) -> None:
    await store.receive([opening("i1"), opening("i2", OTHER)], heartbeat_at=None)
    first, _ = await outbox.due(T0, limit=10)
    await outbox.postpone(first.message_id, T0 + MINUTE, "429")

    due = await outbox.due(T0 + MINUTE, limit=10)

    assert [each.incident_id for each in due] == ["i2", "i1"]
    assert [each.attempts for each in due] == [0, 1]


async def test_text_that_one_database_refuses_is_stored_without_it(
    store: SqlIncidentStore,
) -> None:
    hold = Hold(Reason.SILENCED, by="mallory\0")

    await store.commit(then(await stored(store), e.HoldsObserved((hold,))))

    details = [entry.detail for entry in await store.history("i1")]
    assert not [detail for detail in details if "\0" in detail]
    assert "mallory" in details[-1]


@pytest.mark.parametrize(
    ("task_id", "policy", "since", "found"),
    [
        (TASK, "reclaim", KEEP.until - MINUTE, True),
        (TASK, "reclaim", KEEP.until, False),
        ("another", "reclaim", T0, False),
        (TASK, "advise", T0, False),
    ],
    ids=["in force after", "over by then", "another task", "another policy"],
)
async def test_which_keeps_of_a_task_are_found_though_they_may_be_over(
    store: SqlIncidentStore, task_id: str, policy: str, since: datetime, *, found: bool
) -> None:
    await stored(store)
    await keep_through_a_neighbour(store)

    keeps = await store.keeps_since([task_id, "third"], policy, since)

    assert list(keeps) == ([KEEP] if found else [])
