"""A SQLite file that has its tables already: to make them anew takes longer than most tests."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.store.engine import create_engine, migrate

Prepare = Callable[[Path], None]
"""Puts an empty database where a test will have its own."""


@pytest.fixture(scope="session")
def prepare_database(tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    migrated = tmp_path_factory.mktemp("migrated") / "watchdog.db"

    async def make() -> None:
        engine = create_engine(f"sqlite+aiosqlite:///{migrated}")
        await migrate(engine)
        await engine.dispose()

    asyncio.run(make())

    def prepare(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(migrated, path)

    return prepare
