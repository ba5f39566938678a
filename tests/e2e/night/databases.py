"""The receiver's two databases: all that is in the one is put into the other."""

import asyncio

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from app.store.engine import create_engine, migrate
from app.store.schema import metadata
from tests.postgres import read_rows, write_rows


def move(source: str, target: str) -> None:
    """Let the database at the address `target` hold what that at `source` does, and no more.

    No receiver may use either meanwhile.
    """
    asyncio.run(_move(source, target))


async def _move(source: str, target: str) -> None:
    before, after = create_engine(source), create_engine(target)
    try:
        await migrate(after)
        await write_rows(after, await read_rows(before))
        if after.dialect.name == "postgresql":
            await _number_on(after)
    finally:
        await before.dispose()
        await after.dispose()


async def _number_on(engine: AsyncEngine) -> None:
    """Let PostgreSQL number new rows after those that came with their numbers; SQLite does."""
    async with engine.begin() as connection:
        for table in metadata.sorted_tables:
            number = table.autoincrement_column
            if number is not None:
                sequence = sa.func.pg_get_serial_sequence(table.name, number.name)
                highest = sa.select(sa.func.max(number)).scalar_subquery()
                await connection.execute(sa.select(sa.func.setval(sequence, highest)))
