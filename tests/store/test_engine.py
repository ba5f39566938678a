"""The database, its schema, and what its failures become."""

import asyncio
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import ConfigurationError, StoreUnavailableError
from app.store.engine import create_engine, migrate, writing
from app.store.schema import metadata
from demo.postgres import Postgres

sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def told(engine: AsyncEngine, *statements: str) -> list[object]:
    async with writing(engine) as connection:
        return [(await connection.exec_driver_sql(each)).scalar_one() for each in statements]


def differences(connection: sa.Connection) -> object:
    return compare_metadata(MigrationContext.configure(connection), metadata)


async def test_the_migrations_make_the_schema_that_the_code_uses(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        assert await connection.run_sync(differences) == []


async def test_migrating_twice_does_nothing(engine: AsyncEngine) -> None:
    await migrate(engine)


def make_old(connection: sa.Connection, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", "app/store/migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, version)


async def test_an_older_database_is_brought_up_to_date(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    async with writing(engine) as connection:
        await connection.run_sync(make_old, "0004")

    await migrate(engine)

    async with writing(engine) as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        pytest.param("SELECT at FROM breaker", 0, id="never touched"),
        pytest.param("UPDATE breaker SET tripped = true, at = '2026-11-24'", 1, id="tripped"),
    ],
)
async def test_how_the_breaker_stands_begins_its_history(
    before: str, kept: int, empty_database_url: str
) -> None:
    engine = create_engine(empty_database_url)
    async with writing(engine) as connection:
        await connection.run_sync(make_old, "0008")
        await connection.exec_driver_sql(before)

    await migrate(engine)

    assert await told(engine, "SELECT count(*) FROM breaker_history") == [kept]
    await engine.dispose()


async def test_a_database_of_a_newer_version_is_left_alone(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(ConfigurationError, match="a newer version of the watchdog has made"):
        await migrate(engine)

    assert await told(engine, "SELECT version_num FROM alembic_version") == ["9999"]


@postgresql
async def test_replicas_that_start_together_migrate_one_after_the_other(
    empty_database_url: str,
) -> None:
    """On SQLite one of two that make the file at the same moment is refused: it has one process."""
    engines = [create_engine(empty_database_url) for _ in range(3)]

    await asyncio.gather(*(migrate(each) for each in engines))

    assert await told(engines[0], "SELECT count(*) FROM alembic_version") == [1]
    for engine in engines:
        await engine.dispose()


@sqlite
async def test_a_commit_is_on_the_disk_before_it_returns(engine: AsyncEngine) -> None:
    full = 2

    assert await told(engine, "PRAGMA synchronous", "PRAGMA journal_mode") == [full, "wal"]


@postgresql
async def test_a_commit_is_on_the_disk_whatever_the_server_does_for_others(
    engine: AsyncEngine,
) -> None:
    """The server of the tests is told not to wait for its disk."""
    assert await told(engine, "SHOW synchronous_commit") == ["on"]


@postgresql
async def test_a_replica_that_sleeps_in_a_transaction_does_not_hold_up_the_others_for_ever(
    engine: AsyncEngine,
) -> None:
    names = ("lock_timeout", "idle_in_transaction_session_timeout")

    assert await told(engine, *(f"SHOW {name}" for name in names)) == ["5s", "10s"]


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


async def test_a_database_that_the_server_does_not_have_is_unavailable(postgres: Postgres) -> None:
    engine = create_engine(postgres.url("missing"))

    with pytest.raises(StoreUnavailableError, match="missing"):
        await migrate(engine)


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    engine = create_engine(Postgres(tmp_path).url())

    with pytest.raises(StoreUnavailableError, match="No such file"):
        await migrate(engine)
