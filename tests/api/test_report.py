"""`gpu-watchdog report`: what it asks, what it says when it is not answered, and how it ends."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx

from app.day import parse_span
from app.domain import events as e
from app.settings import Settings
from app.store.engine import create_engine, migrate
from app.store.sql import SqlIncidentStore
from app.usage import HELD, HELD_BY_TYPE, IDLE, USED
from demo.simulation import Addresses
from tests.api.conftest import PROMETHEUS
from tests.api.test_command_line import run
from tests.domain.examples import IDENTITY, T0
from tests.store.test_store_contract import opening, then

DAY = timedelta(days=1)
TIME = ("--since", f"{T0 - DAY:%Y-%m-%d}", "--until", f"{T0:%Y-%m-%d}")


@pytest.fixture
def changes() -> dict[str, Any]:
    """Nothing is forgotten, whenever this runs."""
    return {"retention": "0s"}


@pytest.fixture
def simulation() -> Addresses:
    """Addresses that nobody is asked at."""
    nobody = "http://nobody.invalid"
    return Addresses(nobody, nobody, nobody, agents={})


@pytest.fixture
def dismissed(settings: Settings) -> None:
    """An incident that an admin called a false alarm."""

    async def store() -> None:
        engine = create_engine(settings.database_url)
        await migrate(engine)
        book = SqlIncidentStore(engine)
        await book.receive([opening("i1")], heartbeat_at=None)
        await book.commit(then(await book.incident("i1"), e.Dismissed("carol")))
        await engine.dispose()

    asyncio.run(store())


@pytest.fixture
def recorded(upstream: respx.MockRouter) -> None:
    """What Prometheus has recorded of the time."""
    who = {"username": IDENTITY.username, "resource_pool": IDENTITY.resource_pool}
    values = {HELD: 9.0, USED: 6.5, IDLE: 2.5}

    def answer(request: httpx.Request) -> httpx.Response:
        [expression] = parse_qs(request.content.decode())["query"]
        found: list[tuple[dict[str, str], float]] = (
            [({}, 1.0)] if "WatchdogHeartbeat" in expression else []
        )
        found += [(who, value) for name, value in values.items() if name in expression]
        if HELD_BY_TYPE in expression:
            found = [({"task_type": "notebook"}, 4.0)]
        result = [{"metric": metric, "value": [0, str(value)]} for metric, value in found]
        vector = {"resultType": "vector", "result": result}
        return httpx.Response(200, json={"status": "success", "data": vector})

    upstream.post(f"{PROMETHEUS}/api/v1/query").mock(side_effect=answer)


@pytest.mark.usefixtures("dismissed", "recorded")
def test_figures_of_prometheus_and_of_the_history_stand_in_one_row() -> None:
    result = run("report", *TIME, "--format", "json")

    told = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert told["rows"] == [
        {
            "user": IDENTITY.username,
            "held": 9.0,
            "used": 6.5,
            "idle": 2.5,
            "warned": 0,
            "kept": 0,
            "dismissed": 1,
            "stopped": 0,
            "reclaimed": 0.0,
        }
    ]
    assert [told[name] for name in ("since", "until")] == [
        f"{day:%Y-%m-%d}T00:00:00Z" for day in (T0 - DAY, T0 + DAY)
    ]


@pytest.mark.usefixtures("dismissed", "recorded")
def test_by_type_what_prometheus_does_not_say_is_a_question_mark_and_ends_it_with_1() -> None:
    result = run("report", *TIME, "--by", "type")

    [line] = [each for each in result.stdout.splitlines() if each.startswith("notebook")]
    assert line.split() == ["notebook", "8.0", "?", "?", "0", "0", "1", "0", "0.0"]
    assert result.stderr == "GPU-hours of 1 of 1 rows are not known: no sum has them.\n"
    assert result.exit_code == 1


@pytest.mark.usefixtures("settings")
def test_without_prometheus_and_history_every_figure_is_a_question_mark(
    upstream: respx.MockRouter, database_file: Path
) -> None:
    upstream.post(f"{PROMETHEUS}/api/v1/query").respond(503)
    database_file.unlink()

    result = run("report", *TIME)

    assert result.stdout.splitlines()[3].split() == ["total", *"????????"]
    history, prometheus = result.stderr.splitlines()
    assert history.startswith("The history could not be read: there is no database")
    assert prometheus == "Prometheus could not be read: Prometheus answered 503."
    assert result.exit_code == 1
    assert not database_file.exists()


@pytest.mark.usefixtures("dismissed", "upstream")
def test_by_alert_prometheus_is_not_asked() -> None:
    result = run("report", *TIME, "--by", "alert", "--format", "csv")

    assert result.stdout.splitlines()[1] == f'"{IDENTITY.alertname}",1,0,0,1,0,0.0'
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.usefixtures("dismissed", "upstream")
def test_what_is_forgotten_by_now_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_RETENTION", "1s")

    result = run("report", *TIME, "--by", "alert")

    assert result.stderr.startswith("What was over before ")
    assert result.exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "yesterday"),
        ("--since", "-7d"),
        ("--since", "2026-11-01T10:00"),
        ("--until", "7d"),
        ("--by", "name"),
        ("--format", "xml"),
    ],
)
def test_a_time_or_a_form_that_is_none_ends_it_with_2(arguments: tuple[str, str]) -> None:
    result = run("report", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("since", "until", "begin", "end"),
    [
        ("7d", None, T0 - 7 * DAY, T0),
        ("1h30m", "2026-11-20", datetime(2026, 11, 20, 22, 30, tzinfo=UTC), None),
        ("2026-11-01", None, datetime(2026, 11, 1, tzinfo=UTC), T0),
        ("2026-11-01", "2026-11-01", datetime(2026, 11, 1, tzinfo=UTC), None),
        ("2026-11-01T12:00:00+02:00", None, datetime(2026, 11, 1, 10, tzinfo=UTC), T0),
        pytest.param("1d", "2027-01-01", T0 - DAY, T0, id="an end in the future is now"),
    ],
)
def test_a_time_is_read(since: str, until: str | None, begin: datetime, end: datetime) -> None:
    midnight = datetime.combine(begin.date() + DAY, datetime.min.time(), UTC)

    assert parse_span(since, until, T0) == (begin, end or midnight)


@pytest.mark.parametrize(
    ("since", "until", "why"),
    [
        ("yesterday", None, "write how long before the end, 7d"),
        ("2026-11-01T10:00", None, "with its time zone"),
        ("99999999d", None, "is no begin"),
        ("7d", "7d", "is no end"),
        ("2026-11-25", None, "lies in the future"),
        ("2026-11-20", "2026-11-18", "is no time"),
        ("0s", None, "is no time"),
        ("59s", None, "is no time"),
    ],
)
def test_a_time_that_is_none_is_refused_with_the_reason(
    since: str, until: str | None, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        parse_span(since, until, T0)
