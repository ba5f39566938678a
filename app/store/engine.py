"""Connections to the database, and the one place where its errors become ours."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.errors import ConfigurationError, StoreUnavailableError

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_TIMEOUT = 5.0  # seconds that a writer waits for another one
_MIGRATION = 0x67707577  # The number of the lock that migrations of PostgreSQL take.
_POSTGRESQL = {
    "timeout": 5.0,  # seconds, to connect
    "command_timeout": 30.0,
    "server_settings": {
        "application_name": "gpu-watchdog",
        # Whatever the server's own defaults are: what was answered with 2xx is on the disk (S8),
        # and the statements are written for this level.
        "synchronous_commit": "on",
        "default_transaction_isolation": "read committed",
        "lock_timeout": f"{_BUSY_TIMEOUT:g}s",
        # A replica that was put to sleep in the middle of a transaction keeps nobody waiting.
        "idle_in_transaction_session_timeout": f"{2 * _BUSY_TIMEOUT:g}s",
        "jit": "off",
    },
}


def create_engine(url: str) -> AsyncEngine:
    """Make the engine for `sqlite+aiosqlite://` or `postgresql+asyncpg://`."""
    parsed = sa.make_url(url)
    if not parsed.drivername.startswith("sqlite"):
        return create_async_engine(parsed, pool_pre_ping=True, connect_args=_POSTGRESQL)
    if parsed.database:
        folder = Path(parsed.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise ConfigurationError(f"database_url: folder {folder}: {exc.strerror}") from exc
    engine = create_async_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT})
    sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    sa.event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    # The driver's own transactions begin as readers, and lose updates without a word when two of
    # them turn into writers. So it is told to begin none, and `_begin_immediate` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # NORMAL can lose the last commits with the power, after we answered 2xx (S8).
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_immediate(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("read_only"):
        connection.exec_driver_sql("BEGIN")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn what the driver raises into `StoreUnavailableError`.

    Broken constraints stay as they are: each means something to the statement that met it.
    """
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeoutError, OSError) as exc:
        raise StoreUnavailableError(f"database: {type(exc).__name__}: {exc}") from exc


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    with database_errors():
        async with engine.begin() as connection:
            yield connection


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    with database_errors():
        async with engine.connect() as connection:
            yield await connection.execution_options(read_only=True)


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema up to date. Run at every start; does nothing when there is nothing to do."""
    async with writing(engine) as connection:
        await connection.run_sync(_upgrade)


def _upgrade(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Replicas that start together migrate one after the other.
        connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION})")
    noted, newest = revision(connection), newest_revision()
    if noted == newest:
        return
    if noted is not None and noted > newest:
        raise ConfigurationError(
            f"database_url: a newer version of the watchdog has made this database ({noted}; this"
            f" version knows {newest}): start that version, or restore a backup from before it"
        )
    # Not needed at most starts, of which it would take a tenth.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def revision(connection: sa.Connection) -> str | None:
    """Return what Alembic has noted of the schema. None: nothing."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    noted: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return noted


def newest_revision() -> str:
    """Return the last migration: each file's name begins with its revision."""
    return max(path.name for path in (_MIGRATIONS / "versions").glob("*.py")).partition("_")[0]
