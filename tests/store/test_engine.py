"""The database file, its schema, and what its failures become."""

import asyncio
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import StoreUnavailableError
from app.store.engine import create_engine, migrate, writing
from app.store.schema import metadata


async def test_the_migrations_make_the_schema_that_the_code_uses(engine: AsyncEngine) -> None:
    def differences(connection: sa.Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with writing(engine) as connection:
        assert await connection.run_sync(differences) == []


async def test_migrating_twice_does_nothing(engine: AsyncEngine) -> None:
    await migrate(engine)


async def test_a_commit_is_on_the_disk_before_it_returns(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        synchronous = (await connection.exec_driver_sql("PRAGMA synchronous")).scalar_one()
        journal = (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar_one()

    full = 2
    assert (synchronous, journal) == (full, "wal")


async def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    engine = create_engine(f"sqlite+aiosqlite:///{tmp_path}/taken")

    with pytest.raises(StoreUnavailableError, match="unable to open"):
        await migrate(engine)

    await engine.dispose()
    # The driver's thread answers once more, after the failure: the loop must be there to hear it.
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)
