"""The databases of the tests: real ones, of which all can be set aside and put back."""

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Protocol

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from app.store.engine import create_engine
from tests.postgres import Migrated, read_rows, write_rows

Image = object
"""All that a database holds. Two are equal if it is the same."""


class Database(Protocol):
    """All tests share the engine, which keeps nothing but the SQL that it has compiled: to compile
    it anew takes longer than most of the tests.
    """

    engine: AsyncEngine

    async def image(self) -> Image: ...

    async def restore(self, image: Any) -> None:  # noqa: ANN401 -- one of its own images.
        """Let it hold again what it held then."""
        ...


class SqliteDatabase:
    """Real files and statements, without a thread in between."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.engine = create_engine(f"sqlite+aiosqlite:///{folder}/watchdog.db")
        sa.event.listen(self.engine.sync_engine, "do_connect", _connect_at_once)
        sa.event.listen(self.engine.sync_engine, "connect", _spare_the_disk)

    async def image(self) -> dict[str, bytes]:
        # The index of the journal beside it is made anew by whoever opens it.
        files = self._folder.iterdir()
        return {each.name: each.read_bytes() for each in files if each.suffix != ".db-shm"}

    async def restore(self, image: dict[str, bytes]) -> None:
        await self.engine.dispose()
        for each in self._folder.iterdir():
            each.unlink()
        for name, content in image.items():
            (self._folder / name).write_bytes(content)


class PostgresDatabase:
    """A database of the server that all tests share."""

    def __init__(self, migrated: Migrated) -> None:
        self.engine = create_engine(migrated.url)

    async def image(self) -> Image:
        return await read_rows(self.engine)

    async def restore(self, image: Any) -> None:  # noqa: ANN401 -- rows.
        await write_rows(self.engine, image)


class _AtOnce:
    """Stands in for the queue to a connection's thread, and does what is put into it."""

    def put_nowait(self, work: tuple[asyncio.Future[object] | None, Callable[[], object]]) -> None:
        future, function = work
        try:
            result = function()
        except sqlite3.Error as exc:
            if future is not None:
                future.set_exception(exc)
        else:
            if future is not None:
                future.set_result(result)


class _Connection(aiosqlite.Connection):
    """A connection without a thread: waiting for one took half of the tests' time."""

    def __init__(self, path: str, **options: Any) -> None:  # noqa: ANN401 -- the driver's own.
        super().__init__(lambda: sqlite3.connect(path, **options), iter_chunk_size=64)
        self._tx = _AtOnce()  # type: ignore[assignment] # All that is used of a queue.

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()


def _connect_at_once(
    _dialect: object, _record: object, _arguments: object, options: dict[str, object]
) -> None:
    options["async_creator_fn"] = _Connection


def _spare_the_disk(connection: DBAPIConnection, _record: object) -> None:
    # A process that ends takes nothing along that was committed; only a power cut could.
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()
