"""One database: fill it, tick on it, start the receiver on it, and read what they say."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from app.store.codec import incident_row
from app.store.engine import create_engine, migrate
from app.store.schema import incidents, leases
from benchmarks.reconcile.figures import Figures
from benchmarks.reconcile.population import Member, population
from benchmarks.reconcile.server import write_answers
from benchmarks.reconcile.start import starts


class ProcessError(Exception):
    """The measured process ended by itself."""


def measure(url: str, size: int, folder: Path, *, ticks: int, starting: int) -> Figures:
    """Time so many ticks, and so many starts.

    Raises:
        ProcessError, ProgramError: what is measured ended by itself.
        TimeoutError: a receiver was started, and not ready in time.
    """
    members, answers = population(size), folder / "answers"
    asyncio.run(_fill(url, members))
    write_answers(answers, members)
    module = "benchmarks.reconcile.process"
    command = [sys.executable, "-m", module, url, str(answers), str(ticks)]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603  # our own arguments
    if process.returncode:
        raise ProcessError(f"the measured process ended with {process.returncode}")
    return Figures(
        database="PostgreSQL" if url.startswith("postgresql") else "SQLite",
        incidents=size,
        starts=starts(url, answers, folder, starting) if starting else (),
        **json.loads(process.stdout),
    )


async def _fill(url: str, members: list[Member]) -> None:
    engine = create_engine(url)
    await migrate(engine)
    async with engine.begin() as connection:
        rows = [incident_row(each.incident) for each in members]
        await connection.execute(sa.delete(incidents))
        # What was started on the database before has ended, by a clock that is ahead of this one.
        await connection.execute(sa.delete(leases))
        await connection.execute(sa.insert(incidents), rows)
    await engine.dispose()


async def said_by(url: str, *names: str) -> dict[str, str]:
    """Return settings of a PostgreSQL server, as it has them."""
    engine = create_engine(url)
    async with engine.connect() as connection:
        found = {name: str(await connection.scalar(sa.text(f"SHOW {name}"))) for name in names}
    await engine.dispose()
    return found
