"""A PostgreSQL server of the tests' own, and all that is in its database."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.store.engine import create_engine, migrate
from app.store.schema import metadata
from demo.postgres import Postgres, running_postgres

Rows = Mapping[str, Sequence[dict[str, Any]]]
"""By the table that they stand in."""


async def read_rows(engine: AsyncEngine) -> Rows:
    """Return all that is in the database."""
    async with engine.connect() as connection:
        return {
            table.name: [dict(row) for row in (await connection.execute(table.select())).mappings()]
            for table in metadata.sorted_tables
        }


async def write_rows(engine: AsyncEngine, rows: Rows) -> None:
    """Let this be all that is in the database."""
    async with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            await connection.execute(table.delete())
        for table in metadata.sorted_tables:
            if rows[table.name]:
                await connection.execute(table.insert(), rows[table.name])


@dataclass(frozen=True, slots=True)
class Migrated:
    """A database that was migrated."""

    url: str
    empty: Rows
    """What is in it from the beginning."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, for the whole session."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> Migrated:
    """The database of that server."""
    url = postgres.url()

    async def migrate_() -> Rows:
        engine = create_engine(url)
        await migrate(engine)
        rows = await read_rows(engine)
        await engine.dispose()
        return rows

    return Migrated(url, asyncio.run(migrate_()))
