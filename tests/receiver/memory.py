"""The store's own statements on SQLite in memory, without a driver's queues in between.

A transaction takes no turn of the event loop, as on a file without threads (`database.py`), and a
third of its time.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import StaticPool

from app.store.engine import _begin_immediate, _prepare_sqlite, migrate


class MemoryDatabase:
    """Implements `tests.receiver.database.Database`."""

    def __init__(self) -> None:
        self._sync = sa.create_engine("sqlite://", poolclass=StaticPool)
        sa.event.listen(self._sync, "connect", _prepare_sqlite)
        sa.event.listen(self._sync, "begin", _begin_immediate)
        self.engine = cast("AsyncEngine", _Engine(self._sync))

    async def migrated(self) -> bytes:
        """Make all tables; return what the database holds then."""
        await migrate(self.engine)
        return await self.image()

    async def image(self) -> bytes:
        return cast("bytes", self._connection().serialize())

    async def restore(self, image: bytes) -> None:
        self._connection().deserialize(image)

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Read without SQLAlchemy, which takes its time."""
        found = self._connection().execute(statement, parameters)
        return cast("list[tuple[Any, ...]]", found.fetchall())

    def _connection(self) -> Any:  # noqa: ANN401 -- sqlite3's own, behind SQLAlchemy's proxy.
        return self._sync.raw_connection().driver_connection


class _Engine:
    """Stands in for an AsyncEngine, as far as `app.store` uses one.

    All share one connection, which takes its time to be fetched from a pool: a transaction is over
    before anybody else has a turn.
    """

    def __init__(self, sync: sa.Engine) -> None:
        self._connection = sync.connect()
        self.dialect = sync.dialect

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        with self._connection.begin():
            yield cast("AsyncConnection", _Connection(self._connection))

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        try:
            yield cast("AsyncConnection", _Connection(self._connection))
        finally:
            self._connection.rollback()

    async def dispose(self) -> None:
        """Keep what is in memory: the process that ends is not the database's."""


class _Connection:
    def __init__(self, sync: sa.Connection) -> None:
        self._sync = sync
        self.dialect = sync.dialect

    async def execute(self, statement: sa.Executable, rows: Any = None) -> object:  # noqa: ANN401 -- SQLAlchemy's own.
        return self._sync.execute(statement, rows)

    async def execution_options(self, **options: bool) -> "_Connection":
        self._sync.execution_options(**options)
        return self

    async def run_sync(self, work: Callable[[sa.Connection], object]) -> object:
        return work(self._sync)
