"""One database: fill it, start a process on it, and read what that process says."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import sqlalchemy as sa

from app.store.codec import incident_row
from app.store.engine import create_engine, migrate
from app.store.schema import incidents
from benchmarks.reconcile.figures import Figures, Start
from benchmarks.reconcile.population import (
    Member,
    alertmanager_answer,
    population,
    prometheus_answer,
    silences_answer,
)
from benchmarks.reconcile.process import FILES, READY
from benchmarks.reconcile.start import seconds_to_ready

SILENCES = 50


class ProcessError(Exception):
    """The measured process ended by itself."""


def measure_start(url: str, folder: Path) -> Start:
    """Raises: ProgramError: the receiver ended by itself."""
    return Start(_name(url), seconds_to_ready(url, folder))


def measure(url: str, size: int, ticks: int, folder: Path) -> Figures:
    """Raises: ProcessError."""
    members = population(size)
    asyncio.run(_fill(url, members))
    write_answers(folder, members)
    module = "benchmarks.reconcile.process"
    command = [sys.executable, "-m", module, url, str(folder), str(size), str(ticks)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # our own arguments
        assert process.stdout is not None  # noqa: S101 -- a pipe was asked for.
        is_ready = process.stdout.readline().strip() == READY
        first = time.perf_counter() - began
        said = process.stdout.read()
    if process.returncode or not is_ready:
        raise ProcessError(f"the measured process ended with {process.returncode}")
    return Figures(database=_name(url), incidents=size, first=first, **json.loads(said))


def _name(url: str) -> str:
    return "PostgreSQL" if url.startswith("postgresql") else "SQLite"


async def _fill(url: str, members: list[Member]) -> None:
    engine = create_engine(url)
    await migrate(engine)
    async with engine.begin() as connection:
        rows = [incident_row(each.incident) for each in members]
        await connection.execute(sa.delete(incidents))
        await connection.execute(sa.insert(incidents), rows)
    await engine.dispose()


def write_answers(folder: Path, members: list[Member]) -> None:
    answers = (
        prometheus_answer(members),
        alertmanager_answer(members),
        silences_answer(SILENCES),
    )
    for name, answer in zip(FILES.values(), answers, strict=True):
        (folder / name).write_bytes(answer)
