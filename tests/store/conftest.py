"""A database of each kind, empty and migrated."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.store.engine import create_engine
from app.store.outbox import SqlOutbox
from app.store.sql import SqlIncidentStore
from tests.postgres import Migrated, write_rows
from tests.sqlite import Prepare

KINDS = ["sqlite", "postgresql"]


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/state/watchdog.db"
    migrated: Migrated = request.getfixturevalue("migrated")
    return migrated.url


@pytest.fixture
async def empty_database_url(database_url: str) -> AsyncIterator[str]:
    """The address of a database that was never migrated."""
    if database_url.startswith("sqlite"):
        yield database_url
        return
    server = create_engine(database_url).execution_options(isolation_level="AUTOCOMMIT")
    async with server.connect() as connection:
        await connection.exec_driver_sql("CREATE DATABASE empty")
        yield database_url.replace("/postgres?", "/empty?")
        await connection.exec_driver_sql("DROP DATABASE empty WITH (FORCE)")
    await server.dispose()


@pytest.fixture
async def engine(
    database_url: str, request: pytest.FixtureRequest, prepare_database: Prepare
) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url)
    if engine.dialect.name == "sqlite":
        prepare_database(Path(engine.url.database or ""))
    else:
        migrated: Migrated = request.getfixturevalue("migrated")
        await write_rows(engine, migrated.empty)
    yield engine
    await engine.dispose()


@pytest.fixture
def store(engine: AsyncEngine) -> SqlIncidentStore:
    return SqlIncidentStore(engine)


@pytest.fixture
def outbox(engine: AsyncEngine) -> SqlOutbox:
    return SqlOutbox(engine)
