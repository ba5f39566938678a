"""A look at a database leaves no trace."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.errors import ConfigurationError, StoreUnavailableError
from app.store.engine import create_engine
from app.store.inspection import file_system_of, inspect
from app.store.sql import SqlIncidentStore
from tests.sqlite import Prepare

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/watch\\040dog xfs rw 0 0
"""


async def test_database_that_is_there_tells_its_revision_and_its_heartbeat(
    tmp_path: Path, prepare_database: Prepare
) -> None:
    path = tmp_path / "watchdog.db"
    prepare_database(path)
    url = f"sqlite+aiosqlite:///{path}"
    engine = create_engine(url)
    await SqlIncidentStore(engine).receive((), heartbeat_at=AT)
    await engine.dispose()

    found = await inspect(url)

    assert (found.revision, found.heartbeat_at) == (found.newest, AT)


async def test_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    found = await inspect(f"sqlite+aiosqlite:///{tmp_path}/state/watchdog.db")

    assert found.revision is None
    assert os.listdir(tmp_path) == []  # noqa: PTH208 -- ASYNC240 forbids the other.


async def test_file_without_tables_has_no_revision(tmp_path: Path) -> None:
    (tmp_path / "watchdog.db").touch()

    found = await inspect(f"sqlite+aiosqlite:///{tmp_path}/watchdog.db")

    assert found.revision is None


async def test_file_that_is_no_database_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "watchdog.db").write_text("no database at all, but long enough to be one" * 100)

    with pytest.raises(StoreUnavailableError):
        await inspect(f"sqlite+aiosqlite:///{tmp_path}/watchdog.db")


async def test_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no file"):
        await inspect(f"sqlite+aiosqlite:///{tmp_path}")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/watchdog.db", "ext4"),
        ("/home/state/watchdog.db", "nfs4"),
        ("/home/watch dog/watchdog.db", "xfs"),
    ],
)
def test_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert file_system_of(Path(path), MOUNTS) == kind
    assert file_system_of(Path(path), "") == ""
