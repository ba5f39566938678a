"""The benchmark of the tick: what it makes, what it measures with, and how it judges."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.cluster import UNSAVED
from app.domain.incident import IncidentState
from app.domain.outbox import IncidentQuery
from app.settings import CONFIG_VARIABLE, load_settings
from app.store.engine import create_engine
from app.store.sql import SqlIncidentStore
from benchmarks.reconcile.figures import MIB, Figures, Start, judge, page
from benchmarks.reconcile.measurement import measure, write_answers
from benchmarks.reconcile.population import population
from benchmarks.reconcile.process import PEERS, systems
from benchmarks.reconcile.start import write_settings
from demo.simulation import Addresses

ON_SQLITE = Figures(
    database="SQLite",
    incidents=10_000,
    first=4.0,
    ticks=(0.5, 0.4, 0.9),
    processor=0.4,
    bare=(0.1, 0.2, 0.1),
    resident=150 * MIB,
    peak=190 * MIB,
)
START = Start("SQLite", 2.0)


def test_members_of_a_population_differ_and_are_the_same_each_time() -> None:
    members = population(40)

    assert members == population(40)
    assert len({each.identity.key for each in members}) == 40
    assert UNSAVED & {each.identity.task_type for each in members}


def test_ticks_over_a_population_find_nothing_to_do(tmp_path: Path) -> None:
    """Else the benchmark would measure how things are done, and ever fewer of them."""
    url = f"sqlite+aiosqlite:///{tmp_path}/watchdog.db"

    figures = measure(url, 12, 2, tmp_path)

    assert (len(figures.ticks), len(figures.bare)) == (2, 2)
    assert 0 < figures.resident <= figures.peak

    async def found() -> list[tuple[IncidentState, int]]:
        engine = create_engine(url)
        incidents = await SqlIncidentStore(engine).search(IncidentQuery())
        await engine.dispose()
        return [(each.state, each.version) for each in incidents]

    assert asyncio.run(found()) == 12 * [(IncidentState.NOTIFIED, 4)]


def test_the_receiver_takes_the_settings_with_which_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated = Addresses("http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", {})

    path = write_settings(tmp_path, "sqlite+aiosqlite:///a.db", 8090, "http://[::1]:4", simulated)

    monkeypatch.setenv(CONFIG_VARIABLE, str(path))
    assert load_settings().listen_port == 8090


def test_the_clients_read_what_the_benchmark_lets_the_systems_answer(tmp_path: Path) -> None:
    write_answers(tmp_path, population(3))
    asked = systems(tmp_path, 3)

    async def read() -> tuple[int, list[tuple[int, int]]]:
        firing = await asked.rules.firing_alerts()
        peers = await asked.peers.read()
        return len(firing), [(len(each.alerts), len(each.silences)) for each in peers]

    assert asyncio.run(read()) == (3, PEERS * [(3, 50)])


@pytest.mark.parametrize(
    ("changes", "start", "missed"),
    [
        pytest.param({}, 2.0, [], id="all within"),
        pytest.param({"ticks": (1.1,)}, 2.0, ["a tick under 1 s"], id="a slow tick"),
        pytest.param({}, 3.1, ["from the start"], id="a slow start"),
        pytest.param({"resident": 201 * MIB}, 2.0, ["under 200 MiB"], id="too large"),
        pytest.param({"peak": 201 * MIB}, 2.0, ["at most 200 MiB"], id="too large for a moment"),
    ],
)
def test_each_target_is_judged_by_itself(
    changes: dict[str, Any], start: float, missed: list[str]
) -> None:
    verdicts = judge([replace(ON_SQLITE, **changes)], [Start("SQLite", start)])

    found = [verdict.target for verdict in verdicts if not verdict.passed]
    assert len(verdicts) == 4
    assert [text.startswith(begin) for text, begin in zip(found, missed, strict=True)] == [
        True for _ in missed
    ]


def test_targets_are_those_of_the_largest_number_of_incidents() -> None:
    small = replace(ON_SQLITE, incidents=1_000, ticks=(9.0,))

    assert all(verdict.passed for verdict in judge([small, ON_SQLITE], [START]))


def test_figures_are_shown_with_their_ratio() -> None:
    text = page("A machine.", 0.05, [ON_SQLITE], [START])

    assert (
        "| SQLite   |         10,000 | 500 ms |  900 ms |    400 ms |      100 ms |   5.0 |" in text
    )
    assert "PASS  from the start to ready within 3 s: 2.00 s on SQLite" in text
    assert "PASS  a tick under 1 s with 10,000 open incidents: 0.500 s on SQLite" in text
    assert "Other programs took 5%" in text
