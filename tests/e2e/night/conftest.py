"""The world of the night, and what a test has of it.

The modules run in the order of their names. What disturbs everybody comes last: when Prometheus is
killed in test_unreachable.py, everything has to fire anew; and test_verdict.py judges the night.

The night begins on SQLite, and goes on where the next module says. So each rule that stands on the
database is met on both. `DATABASE=sqlite` or `DATABASE=postgresql` takes the whole night to one.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.postgres import running_postgres
from demo.stage import Stage
from demo.world import Setup, World
from tests.e2e.night.night import SETTINGS, WITHOUT, Night, Take


@pytest.fixture(scope="package")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("night")
    with running_postgres() as postgres:
        urls = {"sqlite": f"sqlite+aiosqlite:///{folder}/night.db", "postgresql": postgres.url()}
        settings = SETTINGS | {"database_url": urls["sqlite"]}
        setup = Setup(settings=settings, without=WITHOUT, alertmanagers=2)
        with World(folder, setup) as world:
            night = Night(Stage(world, lambda who, what: print(f"{who} {what}")), urls)
            night.begin()
            yield night


@pytest.fixture(scope="module", autouse=True)
def on_database(request: pytest.FixtureRequest, night: Night) -> None:
    """Let the receiver have the database on which the module is played."""
    its_own = getattr(request.module, "DATABASE", night.database)
    night.move_to(os.environ.get("DATABASE") or its_own)


@pytest.fixture
def take(night: Night) -> Iterator[Take]:
    """Give out idle tasks, which end with the test."""
    with night.taking() as take:
        yield take


@pytest.fixture(autouse=True)
def mended(night: Night) -> Iterator[None]:
    """Whatever a test has broken, the next one finds it whole."""
    yield
    night.world.cluster.clear_faults()
    night.world.slack.clear_faults()


@pytest.fixture(autouse=True)
def logs_of_a_failure(request: pytest.FixtureRequest, night: Night) -> Iterator[None]:
    """Print what the programs said meanwhile, which pytest shows when the test fails."""
    before = {program.name: _lines(program.log) for program in night.world.programs}
    yield
    for program in night.world.programs:
        said = _lines(program.log)[len(before[program.name]) :]
        print(f"--- {request.node.name}: {program.name}", *said[-40:], sep="\n")


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines() if log.exists() else []
