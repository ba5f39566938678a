"""`gpu-watchdog history export`: every entry of the history, a line each."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.domain import events as e
from app.export import breaker_line, line
from app.settings import Settings
from app.store.archive import StoredEntry, StoredSwitch
from app.store.engine import create_engine, migrate, writing
from app.store.schema import history, incidents
from app.store.sql import SqlIncidentStore
from demo.simulation import Addresses
from tests.api.conftest import Configure
from tests.api.test_command_line import run
from tests.docs.pages import blocks, read
from tests.domain.examples import IDENTITY, T0
from tests.store.test_store_contract import OTHER, opening, then

KEYS = [
    "entry_id",
    "at",
    "incident_id",
    "alert",
    "reason",
    "before",
    "after",
    "actor",
    "detail",
    "evidence",
]
STORED = StoredEntry(
    7, "i1", T0, "proven", "notified", "stopping", "watchdog", "", "{}", '{"identity": {"x": 1}}'
)

DAY = timedelta(days=1)


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def simulation() -> Addresses:
    """Addresses that nobody is asked at."""
    nobody = "http://nobody.invalid"
    return Addresses(nobody, nobody, nobody, agents={})


async def _change(settings: Settings, statement: sa.Update) -> None:
    engine = create_engine(settings.database_url)
    async with writing(engine) as connection:
        await connection.execute(statement)
    await engine.dispose()


@pytest.fixture
def two_incidents(settings: Settings) -> Settings:
    """One that is open, and one that was over a minute after."""

    async def store_both() -> None:
        engine = create_engine(settings.database_url)
        await migrate(engine)
        store = SqlIncidentStore(engine)
        await store.receive([opening("i1"), opening("i2", OTHER)], heartbeat_at=None)
        await store.commit(then(await store.incident("i2"), e.RecoveryObserved({"verify": []})))
        await engine.dispose()

    asyncio.run(store_both())
    return settings


@pytest.mark.usefixtures("two_incidents")
def test_the_command_writes_every_entry_as_a_line_of_its_own() -> None:
    result = run("history", "export")

    found = lines(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [(each["incident_id"], each["reason"]) for each in found] == [
        ("i1", "alert_fired"),
        ("i1", "alert_active"),
        ("i2", "alert_fired"),
        ("i2", "alert_active"),
        ("i2", "recovered"),
    ]
    assert {tuple(each) for each in found} == {tuple(KEYS)}
    assert found[-1] == {
        "entry_id": 5,
        "at": (T0 + timedelta(minutes=1)).isoformat().replace("+00:00", "Z"),
        "incident_id": "i2",
        "alert": {
            "alertname": OTHER.alertname,
            "severity": OTHER.severity,
            "policy": OTHER.policy,
            "scope": "allocation",
            "username": OTHER.username,
            "resource_pool": OTHER.resource_pool,
            "allocation_id": OTHER.allocation_id,
            "task_id": OTHER.task_id,
            "task_type": OTHER.task_type,
        },
        "reason": "recovered",
        "before": "firing",
        "after": "resolved",
        "actor": "watchdog",
        "detail": "",
        "evidence": {"verify": []},
    }


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        pytest.param(["--since", f"{T0:%Y-%m-%d}"], 5, id="from a day on"),
        pytest.param(["--since", f"{T0 + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"], 1, id="since"),
        pytest.param(["--since", f"{T0 + timedelta(days=1):%Y-%m-%d}"], 0, id="from a later day"),
        pytest.param(["--until", f"{T0:%Y-%m-%d}"], 5, id="up to the end of a day"),
        pytest.param(["--until", f"{T0 + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"], 4, id="until"),
        pytest.param(["--until", f"{T0 - timedelta(days=1):%Y-%m-%d}"], 0, id="up to a day before"),
    ],
)
@pytest.mark.usefixtures("two_incidents")
def test_only_what_was_written_within_the_time_is_told(
    arguments: Sequence[str], found: int
) -> None:
    result = run("history", "export", *arguments)

    assert (result.exit_code, len(lines(result.stdout))) == (0, found)


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.usefixtures("two_incidents")
def test_a_time_that_is_none_is_refused_with_an_example(option: str) -> None:
    result = run("history", "export", option, "yesterday")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "2027-01-31" in result.stderr


def _switch_twice(settings: Settings) -> None:
    async def switch() -> None:
        engine = create_engine(settings.database_url)
        store = SqlIncidentStore(engine)
        await store.switch_breaker(tripped=True, by="carol", reason="they look idle", at=T0)
        await store.switch_breaker(tripped=False, by="dave", reason="they are", at=T0 + DAY)
        await engine.dispose()

    asyncio.run(switch())


def test_s12_trips_and_resets_of_the_breaker_follow_the_entries_of_incidents(
    two_incidents: Settings,
) -> None:
    _switch_twice(two_incidents)

    result = run("history", "export")

    *_, before, trip, reset = lines(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert before["incident_id"] == "i2"
    assert {tuple(each) for each in (trip, reset)} == {tuple(KEYS)}
    assert trip == {
        "entry_id": 1,
        "at": T0.isoformat().replace("+00:00", "Z"),
        "incident_id": None,
        "alert": None,
        "reason": "breaker_tripped",
        "before": "closed",
        "after": "tripped",
        "actor": "carol",
        "detail": "they look idle",
        "evidence": {"stops": []},
    }
    told = [reset[name] for name in ("entry_id", "reason", "before", "after", "actor", "detail")]
    assert told == [2, "breaker_reset", "tripped", "closed", "dave", "they are"]


def test_trips_and_resets_are_told_within_the_time_as_all_else(two_incidents: Settings) -> None:
    _switch_twice(two_incidents)

    result = run("history", "export", "--since", f"{T0 + timedelta(seconds=61):%Y-%m-%dT%H:%M:%SZ}")

    assert [each["actor"] for each in lines(result.stdout)] == ["dave"]


def test_stops_of_the_breaker_that_cannot_be_read_are_written_as_they_are_stored() -> None:
    written, faults = breaker_line(StoredSwitch(7, T0, True, "watchdog", "many", "[broken"))  # noqa: FBT003

    [told] = lines(written)
    assert told["evidence"] == {"stops": "[broken"}
    assert faults == ["the stops of the breaker's entry 7 cannot be read"]


def test_what_cannot_be_read_is_named_and_written_as_it_is_stored(two_incidents: Settings) -> None:
    broken = sa.update(history).where(history.c.entry_id == 2).values(evidence="{broken")
    asyncio.run(_change(two_incidents, broken))
    asyncio.run(
        _change(
            two_incidents,
            sa.update(incidents).where(incidents.c.incident_id == "i2").values(body="[]"),
        )
    )

    result = run("history", "export")

    told = lines(result.stdout)
    assert len(told) == 5
    assert told[1]["evidence"] == "{broken"
    assert set(told[2]["alert"].values()) == {""}
    assert result.exit_code == 1
    assert "the evidence of entry 2 cannot be read" in result.stderr
    assert "the alert of entry 3 cannot be read" in result.stderr


def test_an_entry_of_another_version_keeps_its_words(two_incidents: Settings) -> None:
    later = sa.update(history).where(history.c.entry_id == 1).values(reason="of_a_later_version")
    asyncio.run(_change(two_incidents, later))

    result = run("history", "export")

    assert result.exit_code == 0
    assert lines(result.stdout)[0]["reason"] == "of_a_later_version"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("two\nlines\r\n", id="the end of a line"),
        pytest.param("\x1b[2J\x07\x7f\x9b31m", id="commands of a terminal"),
        pytest.param("one\u2028two\u2029three\x85", id="separators of Unicode"),
        pytest.param("\u202ereversed", id="right to left"),
        pytest.param('"}, {"', id="quotes"),
        pytest.param("Zürich 🙂", id="what is no ASCII"),
    ],
)
def test_untrusted_text_stays_within_its_line_and_comes_out_as_it_was(text: str) -> None:
    evidence = json.dumps({"name": text})

    written, faults = line(replace(STORED, detail=text, actor=text, evidence=evidence))

    assert written.isascii()
    assert written[:-1].isprintable()
    assert written[-1] == "\n"
    [told] = lines(written)
    assert (told["detail"], told["actor"], told["evidence"]["name"]) == (text, text, text)
    assert faults == []


def test_a_sample_that_is_no_number_is_written_as_text() -> None:
    """JSON has no word for it, and other programs than Python's would refuse the line."""
    written, _ = line(replace(STORED, evidence='{"result": [NaN, Infinity, -Infinity, 0.1]}'))

    [told] = [json.loads(written, parse_constant=pytest.fail)]
    assert told["evidence"] == {"result": ["NaN", "Infinity", "-Infinity", 0.1]}


def test_the_evidence_of_a_proof_comes_out_whole() -> None:
    proof = {"verify": {"query": "x", "result": [0.25]}, "peers": {"am-1": "active"}, "deep": [[1]]}

    written, _ = line(replace(STORED, evidence=json.dumps(proof)))

    assert lines(written)[0]["evidence"] == proof


def test_what_an_alert_is_about_has_the_same_keys_in_every_line() -> None:
    written, _ = line(STORED)

    assert set(lines(written)[0]["alert"]) == {*IDENTITY.__dataclass_fields__}


def test_the_page_shows_a_line_as_it_is() -> None:
    [shown] = [json.loads(block) for block in blocks(read("docs/history.md"), "json")]

    written, _ = line(replace(STORED, incident=json.dumps({"identity": shown["alert"]})))

    [told] = lines(written)
    assert list(shown) == list(told)
    assert list(shown["alert"]) == list(told["alert"])


@pytest.mark.usefixtures("settings")
def test_without_a_database_nothing_is_made_of_it(database_file: Path) -> None:
    database_file.unlink()

    result = run("history", "export")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no database" in result.stderr
    assert not database_file.exists()


@pytest.mark.usefixtures("settings")
def test_a_file_that_is_no_database_ends_the_command_with_2(database_file: Path) -> None:
    database_file.write_text("this is no database, but text that is long enough to be read" * 20)

    result = run("history", "export")

    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1


def test_wrong_configuration_ends_the_command_with_2(
    configuration: dict[str, Any], configure: Configure
) -> None:
    configure(configuration | {"moode": "warn"})

    result = run("history", "export")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "moode" in result.stderr


@pytest.mark.usefixtures("two_incidents")
def test_output_that_nobody_reads_on_is_told_and_ends_the_command_with_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Else it is written at once, and the end of the output is not where it is found out.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    read, write = os.pipe()
    os.close(read)
    command = [str(Path(sys.executable).parent / "gpu-watchdog"), "history", "export"]

    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603  # our own arguments
    os.close(write)

    assert (done.returncode, done.stderr) == (1, "the output ended early: Broken pipe\n")
