"""What is asked for under one key is stored once, and with its key or not at all."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import events as e
from app.domain.incident import Hold, Keep
from app.domain.press import Once
from app.domain.reasons import Reason
from app.errors import AskedTwiceError, StaleIncidentError
from app.store.people import SqlPressBook
from app.store.sql import SqlIncidentStore
from tests.domain.examples import T0, TASK, warning_delivered
from tests.store.test_store_contract import stored, then

KEEP = Keep("k1", TASK, "reclaim", T0 + timedelta(hours=2), "bob", "run", T0)
ONCE = Once("p1/i1", T0)


async def test_what_is_asked_for_under_one_key_is_stored_once(
    store: SqlIncidentStore, engine: AsyncEngine
) -> None:
    incident = await store.commit(then(await stored(store), warning_delivered()))
    hold = e.HoldsObserved((Hold(Reason.KEPT, KEEP.by),))
    assert not await SqlPressBook(engine).acted(ONCE.key)
    await store.add_keeps([KEEP], then(incident, hold), once=ONCE)
    after = await store.incident("i1")
    again = replace(KEEP, keep_id="k2")

    for act in (
        store.add_keeps([again], then(after, e.HoldsObserved(())), once=ONCE),
        store.commit(then(after, e.Dismissed("admin", "no")), once=ONCE),
        store.switch_breaker(tripped=True, by="admin", reason="", at=T0, once=ONCE),
    ):
        with pytest.raises(AskedTwiceError):
            await act

    assert await SqlPressBook(engine).acted(ONCE.key)
    assert await store.keeps(T0) == [KEEP]
    assert await store.incident("i1") == after
    assert not (await store.breaker()).tripped


async def test_what_was_not_stored_leaves_its_key_free(
    store: SqlIncidentStore, engine: AsyncEngine
) -> None:
    stale = await stored(store)
    await store.commit(then(stale, warning_delivered()))

    with pytest.raises(StaleIncidentError):
        await store.commit(then(stale, e.Dismissed("admin", "no")), once=ONCE)

    assert not await SqlPressBook(engine).acted(ONCE.key)


async def test_a_key_is_forgotten_after_days(store: SqlIncidentStore, engine: AsyncEngine) -> None:
    for key, days in (("old", 0), ("new", 3)):
        at = T0 + timedelta(days=days)
        once = Once(key, at)
        await store.switch_breaker(tripped=True, by="admin", reason="", at=at, once=once)

    book = SqlPressBook(engine)
    assert [await book.acted(key) for key in ("old", "new")] == [False, True]
