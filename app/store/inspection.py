"""Looks at a database, and changes nothing: neither a file nor a schema comes of it."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from app.errors import ConfigurationError, StoreUnavailableError
from app.store import schema
from app.store.engine import create_engine, newest_revision, revision, writing

_MOUNTS = Path("/proc/mounts")


@dataclass(frozen=True, slots=True)
class Inspection:
    newest: str
    """The revision of the schema that this version has."""
    revision: str | None = None
    """What the schema has. None: nothing is there yet; the first start makes it."""
    heartbeat_at: datetime | None = None
    file_system: str = ""
    """On which SQLite's file is, or will be. Empty: not known, or no file."""


async def inspect(url: str) -> Inspection:
    """
    Raises:
        ConfigurationError: no file can be made there.
        StoreUnavailableError: the database cannot be read, or not be written.
    """
    path = sqlite_file(url)
    found = Inspection(newest_revision(), file_system=file_system_of(path) if path else "")
    if path is not None and not path.is_file():
        _demand_room(path)
        return found
    engine = create_engine(url)
    try:
        # A transaction that could write: only such a one shows that others can.
        async with writing(engine) as connection:
            noted = await connection.run_sync(revision)
            heartbeat_at = None
            if connection.dialect.name == "postgresql":
                _demand_primary(await connection.scalar(sa.text("SHOW transaction_read_only")))
            if noted is not None:
                heartbeat_at = await connection.scalar(
                    sa.select(sa.func.max(schema.heartbeats.c.at))
                )
    finally:
        await engine.dispose()
    return Inspection(found.newest, noted, heartbeat_at, found.file_system)


def sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite database. None: it is another one, or only in memory."""
    parsed = sa.make_url(url)
    if not parsed.drivername.startswith("sqlite") or parsed.database in {None, "", ":memory:"}:
        return None
    return Path(str(parsed.database))


def file_system_of(path: Path, mounts: str | None = None) -> str:
    """Return the kind of file system that a file is on. Empty: the machine does not tell."""
    if mounts is None:
        mounts = _MOUNTS.read_text() if _MOUNTS.is_file() else ""
    kinds = {}
    for line in mounts.splitlines():
        _, where, kind, *_ = line.split(" ")
        kinds[where.replace("\\040", " ")] = kind
    above = [str(each) for each in path.absolute().parents]
    return next((kinds[each] for each in above if each in kinds), "")


def _demand_room(path: Path) -> None:
    if path.exists():
        raise ConfigurationError(f"{path} is no file")
    folder = next(each for each in path.absolute().parents if each.exists())
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is no folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(f"nothing can be made in the folder {folder}")


def _demand_primary(read_only: str | None) -> None:
    if read_only == "on":
        raise StoreUnavailableError("database: it takes no writes, as a standby")
