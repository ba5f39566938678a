"""The receiver forgets what has been over for as long as `retention` says, and shows it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain import events as e
from app.domain.lifecycle import advance
from app.errors import IncidentNotFoundError
from app.settings import Settings
from app.store.engine import create_engine, migrate
from app.store.outbox import SqlOutbox
from app.store.sql import SqlIncidentStore
from tests.api.conftest import Configure, refusal
from tests.api.receiver import rows, running, until, until_ticked
from tests.domain.examples import POLICY
from tests.store.test_store_contract import opening

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


async def was_over_long_ago(engine: AsyncEngine) -> SqlIncidentStore:
    await migrate(engine)
    store, outbox = SqlIncidentStore(engine), SqlOutbox(engine)
    await store.receive([opening()], heartbeat_at=None)
    incident = await store.incident("i1")
    await store.commit(advance(incident, e.RecoveryObserved({}), POLICY, at=LONG_AGO))
    for each in await outbox.due(datetime.max.replace(tzinfo=UTC), limit=10):
        await outbox.drop(each.message_id, "nobody is to hear of it", None)
    return store


@pytest.mark.usefixtures("upstream")
async def test_what_was_over_long_ago_is_forgotten_and_counted(settings: Settings) -> None:
    engine = create_engine(settings.database_url)
    store = await was_over_long_ago(engine)

    async with running(settings) as client:

        async def counted() -> bool:
            found = await rows(client, "watchdog_pruned_total", "table")
            return found == {
                ("incidents",): 1.0,
                ("history",): 3.0,
                ("outbox",): 1.0,
                ("intents",): 0.0,
                ("keeps",): 0.0,
                ("breaker_history",): 0.0,
            }

        await until(counted, "it was forgotten")

    with pytest.raises(IncidentNotFoundError):
        await store.incident("i1")
    await engine.dispose()


@pytest.mark.parametrize("changes", [{"retention": "0s"}])
@pytest.mark.usefixtures("upstream")
async def test_without_a_retention_nothing_is_ever_forgotten(settings: Settings) -> None:
    engine = create_engine(settings.database_url)
    store = await was_over_long_ago(engine)

    async with running(settings) as client:
        await until_ticked(client)
        pruned = await rows(client, "watchdog_pruned_total", "table")

    assert pruned == {}
    assert (await store.incident("i1")).is_final
    await engine.dispose()


@pytest.mark.parametrize("retention", ["-1d", "for ever", -1])
def test_what_is_no_time_is_refused(
    configuration: dict[str, Any], configure: Configure, retention: object
) -> None:
    configure(configuration | {"retention": retention})

    assert "retention" in refusal()
