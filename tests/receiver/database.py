"""The database of the tests: real SQLite files and statements, without a thread in between."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from app.store.engine import create_engine


class Database:
    """A database whose files can be set aside and put back.

    All tests share its engine, which keeps nothing but the SQL that it has compiled: to compile it
    anew takes longer than most of the tests.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = create_engine(f"sqlite+aiosqlite:///{folder}/watchdog.db")
        sa.event.listen(self.engine.sync_engine, "do_connect", _connect_at_once)
        sa.event.listen(self.engine.sync_engine, "connect", _spare_the_disk)

    def save(self, folder: Path) -> None:
        shutil.copytree(self.folder, folder)

    async def restore(self, folder: Path) -> None:
        await self.engine.dispose()
        shutil.rmtree(self.folder)
        shutil.copytree(folder, self.folder)


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
