"""The benchmark of the tick: what it makes, what it measures with, and how it judges."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.cluster import UNSAVED, Allocation
from app.domain.incident import IncidentState
from app.domain.lease import Duty
from app.domain.outbox import IncidentQuery
from app.settings import CONFIG_VARIABLE, load_settings
from app.store.engine import create_engine, migrate
from app.store.leases import SqlLeases
from app.store.sql import SqlIncidentStore
from benchmarks.reconcile.figures import MIB, Figures, Start, judge, page
from benchmarks.reconcile.measurement import measure
from benchmarks.reconcile.population import NOW, population
from benchmarks.reconcile.process import PEERS, systems
from benchmarks.reconcile.server import write_answers
from benchmarks.reconcile.start import write_settings
from demo.postgres import running_postgres

START = Start(ready=2.0, processor=1.5, ticked=4.0, peak=180 * MIB)
ON_SQLITE = Figures(
    database="SQLite",
    incidents=10_000,
    ticks=(0.5, 0.4, 0.9),
    processor=0.4,
    bare=(0.1, 0.2, 0.1),
    resident=150 * MIB,
    peak=190 * MIB,
    starts=(START, replace(START, ready=2.5)),
)


def test_members_of_a_population_differ_and_are_the_same_each_time() -> None:
    members = population(40)

    assert members == population(40)
    assert len({each.identity.key for each in members}) == 40
    assert UNSAVED & {each.identity.task_type for each in members}


def test_ticks_over_a_population_find_nothing_to_do(tmp_path: Path) -> None:
    """Else the benchmark would measure how things are done, and ever fewer of them."""
    url = f"sqlite+aiosqlite:///{tmp_path}/watchdog.db"

    figures = measure(url, 12, tmp_path, ticks=2, starting=1)

    assert (len(figures.ticks), len(figures.bare)) == (2, 2)
    assert 0 < figures.resident <= figures.peak
    [start] = figures.starts
    assert 0 < start.ready <= start.ticked

    async def found() -> list[tuple[IncidentState, int]]:
        engine = create_engine(url)
        incidents = await SqlIncidentStore(engine).search(IncidentQuery())
        await engine.dispose()
        return [(each.state, each.version) for each in incidents]

    assert asyncio.run(found()) == 12 * [(IncidentState.NOTIFIED, 4)]


def test_ticks_do_the_work_whoever_did_it_before(tmp_path: Path) -> None:
    """One that only looks, for another process has the work, takes half of the time."""

    async def take(url: str) -> None:
        engine = create_engine(url)
        await migrate(engine)
        later, span = NOW + timedelta(days=3), timedelta(seconds=45)
        leases = SqlLeases(engine)
        assert await leases.take(Duty.RECONCILE, "other", now=later, span=span, starting=True)
        await engine.dispose()

    with running_postgres() as server:
        asyncio.run(take(server.url()))

        figures = measure(server.url(), 12, tmp_path, ticks=2, starting=0)

    assert len(figures.ticks) == 2


def test_the_receiver_takes_the_settings_with_which_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_settings(tmp_path, "sqlite+aiosqlite:///a.db", 8090, "http://[::1]:4")

    monkeypatch.setenv(CONFIG_VARIABLE, str(path))
    assert load_settings().listen_port == 8090


def test_the_clients_read_what_the_benchmark_lets_the_systems_answer(tmp_path: Path) -> None:
    members = population(10)
    write_answers(tmp_path, members)
    asked = systems(tmp_path)

    async def read() -> tuple[int, list[tuple[int, int]]]:
        firing = await asked.rules.firing_alerts()
        peers = await asked.peers.read()
        return len(firing), [(len(each.alerts), len(each.silences)) for each in peers]

    assert asyncio.run(read()) == (10, PEERS * [(10, 50)])


def test_determined_tells_of_each_member_what_the_alert_says_of_it(tmp_path: Path) -> None:
    members = population(10)
    write_answers(tmp_path, members)

    found = asyncio.run(systems(tmp_path).cluster.snapshot()).allocations

    def known(allocation: Allocation) -> Allocation:
        # What no alert tells.
        return replace(allocation, job_id="", experiment_id="", trial_id="", workspace=None)

    wanted = {each.allocation.allocation_id: each.allocation for each in members}
    assert {key: known(each) for key, each in found.items()} == wanted


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        pytest.param({}, [], id="all within"),
        pytest.param({"ticks": (0.5, 0.5, 1.1)}, ["19 of 20 ticks"], id="a slow tick of few"),
        pytest.param(
            {"ticks": (*[0.5] * 18, 1.1, 1.1)}, ["19 of 20 ticks"], id="two slow ticks of twenty"
        ),
        pytest.param({"ticks": (*[0.5] * 19, 9.0)}, [], id="one slow tick of twenty"),
        pytest.param(
            {"starts": (START, replace(START, ready=3.1))}, ["each start"], id="one slow start"
        ),
        pytest.param({"resident": 201 * MIB}, ["under 200 MiB"], id="too large"),
        pytest.param({"peak": 201 * MIB}, ["at most 200 MiB"], id="too large for a moment"),
        pytest.param({"starts": (replace(START, peak=201 * MIB),)}, [], id="it has more to do"),
    ],
)
def test_each_target_is_judged_by_itself(changes: dict[str, Any], missed: list[str]) -> None:
    verdicts = judge([replace(ON_SQLITE, **changes)])

    found = [verdict.target for verdict in verdicts if not verdict.passed]
    assert len(verdicts) == 4
    assert [text.startswith(begin) for text, begin in zip(found, missed, strict=True)] == [
        True for _ in missed
    ]


def test_targets_are_those_of_the_largest_number_of_incidents() -> None:
    small = replace(ON_SQLITE, incidents=1_000, ticks=(9.0,))

    assert all(verdict.passed for verdict in judge([small, ON_SQLITE]))


def test_figures_are_shown_with_how_fast_the_machine_was() -> None:
    text = page("A machine.", 0.05, [0.25, 0.21], [ON_SQLITE])

    ticks = "|         10,000 | 500 ms |   900 ms |  900 ms |    400 ms |      100 ms |   5.0 |"
    assert f"| SQLite   {ticks}" in text
    assert "| SQLite   |         10,000 |      2.25 s |  2.50 s |    1.50 s |" in text
    assert "PASS  each start ready within 3 s with 10,000 open incidents: 2.50 s at most" in text
    assert "PASS  19 of 20 ticks under 1 s with 10,000 open incidents: 0.900 s on SQLite" in text
    assert "Other programs took 5% of the processors meanwhile" in text
    assert "five million additions in Python 0.21 to 0.25 s" in text
