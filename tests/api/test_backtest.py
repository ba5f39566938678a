"""`gpu-watchdog backtest` against a real Prometheus that has a past of known outcome."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.simulation import Addresses
from tests.api.conftest import Configure
from tests.api.test_command_line import run
from tests.domain.courses import NONE, Happened, after, stretches, tracks
from tests.past import WrittenPast, served

SIX = datetime(2026, 11, 10, 6, 0, tzinfo=UTC)
SINCE, UNTIL = SIX + timedelta(hours=1), SIX + timedelta(hours=12)
TIME = ("--since", "2026-11-10T07:00:00Z", "--until", "2026-11-10T18:00:00Z")
LONG_AGO = datetime(2026, 11, 8, tzinfo=UTC)
LENGTH = after(12 * 60)
HOUR = after(60)
_NAMES = {
    "held": "allocation_id:watchdog_idle_window:info",
    "gpu_active": "allocation_id:watchdog_gpu_active:max",
    "host_active": "allocation_id:watchdog_host_active:max",
    "signals": "allocation_id:watchdog_gpu_signals:count",
    "coverage": "allocation_id:DCGM_FI_DEV_GPU_UTIL:coverage5m",
}


def planted() -> dict[tuple[str, str], Happened]:
    """Return what happened, by owner and type of task."""

    def here(begin: int, end: int, **changed: list[float]) -> Happened:
        """Return a task that is there from the one hour to the other."""
        usual = {"held": 1.0, "gpu_active": 0.0, "host_active": 0.0, "signals": 4.0, "coverage": 1}
        away = [NONE] * begin * HOUR
        return tracks(
            LENGTH,
            **{
                name: [*away, *changed.get(name, [value] * (end - begin) * HOUR)]
                for name, value in usual.items()
            },
        )

    works_again = stretches((0, 8 * HOUR), (1, HOUR), (0, 2 * HOUR))
    return {
        ("alice", "notebook"): here(1, 12, gpu_active=works_again),
        ("bob", "notebook"): here(3, 12),
        ("carol", "trial"): here(2, 10, host_active=stretches((0, 6 * HOUR), (1, 2 * HOUR))),
        ("dave", "trial"): here(0, 12, gpu_active=[1.0] * LENGTH),
        ("erin", "trial"): here(2, 12, coverage=[0.5] * 10 * HOUR),
        ("frank", "trial"): here(0, 9),
        ("grace", "shell"): here(1, 11, signals=[2.0] * 10 * HOUR),
    }


def before_the_rules() -> Iterator[tuple[str, dict[str, str], list[float]]]:
    """Yield what a cluster without a watchdog has of a trial that rests, and works again."""
    always, gpu, container = [1.0] * 10 * HOUR, {"gpu_uuid": "GPU-1"}, {"container_id": "c1"}
    runtime = {"container_runtime_id": "r1"}
    cgroup = runtime | {"id": "/docker/r1", "instance": "a:8080"}
    yield "DCGM_FI_DEV_GPU_UTIL", gpu, stretches((0, 5 * HOUR), (90, HOUR), (0, 4 * HOUR))
    yield "container_cpu_usage_seconds_total", cgroup, [0.1 * n for n in range(10 * HOUR)]
    yield "det_gpu_uuid_container_id", gpu | container, always
    yield "det_container_id_allocation_id", container | {"allocation_id": "old.1"}, always
    yield "det_container_id_runtime_container_id", container | runtime, always
    task = {"allocation_id": "old.1", "task_id": "old", "job_id": "j1", "task_actor": "Trial 1"}
    yield "det_allocation_id_task_id_task_actor", task, always
    yield "det_job_id_experiment_id", {"job_id": "j1", "experiment_id": "1"}, always


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    past = WrittenPast(SIX)
    for (owner, task_type), happened in planted().items():
        identity = {"allocation_id": f"of-{owner}.1"}
        for field, name in _NAMES.items():
            more = (
                {
                    "task_id": f"of-{owner}",
                    "task_type": task_type,
                    "username": owner,
                    "resource_pool": "default",
                    "window": "30m" if task_type in {"notebook", "shell"} else "60m",
                }
                if field == "held"
                else {}
            )
            past.add(name, identity | more, getattr(happened, field))
        slots = [2 * each for each in happened.held]
        past.add("allocation_id:watchdog_allocation_slots:max", identity, slots)
    clean_up = {"allocation_id": "clean-up.1"}
    past.add("allocation_id:watchdog_allocation_slots:max", clean_up, [1.0] * 2 * HOUR)
    for name, labels, values in before_the_rules():
        past.add(name, labels, values, begin=LONG_AGO)
    beats = {"alertname": "WatchdogHeartbeat", "alertstate": "firing"}
    past.add("ALERTS", beats, [1.0] * (LENGTH + 1))
    with served(past, tmp_path_factory.mktemp("past")) as address:
        yield address


@pytest.fixture
def simulation() -> Addresses:
    """Addresses that nobody is asked at."""
    nobody = "http://nobody.invalid"
    return Addresses(nobody, nobody, nobody, agents={})


@pytest.fixture(autouse=True)
def _configured(prometheus: str, configuration: dict[str, Any], configure: Configure) -> None:
    exempt = [{"matchers": ['username="frank"'], "reason": "thesis", "until": "2999-01-01"}]
    configure(configuration | {"prometheus": {"url": prometheus}, "exempt": exempt})


def told(*arguments: str) -> Mapping[str, Any]:
    result = run("backtest", *TIME, "--format", "json", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    found: Mapping[str, Any] = json.loads(result.stdout)
    return found


def at(text: str) -> str:
    return f"2026-11-10T{text}Z"


def test_what_was_planted_is_found() -> None:
    found = told()

    stops = {
        each["username"]: [
            each[name] for name in ("warned_at", "stopped_at", "used_again_at", "used_again_on")
        ]
        for each in found["stops"]
    }
    assert stops == {
        # The window, the start-up, the five minutes of `for`; nobody is asleep at nine in UTC.
        "alice": [at("09:00:00"), at("11:00:00"), at("15:00:00"), "gpu"],
        "bob": [at("09:45:00"), at("11:45:00"), None, None],
        "carol": [at("09:15:00"), at("10:15:00"), at("14:00:00"), "host"],
        "grace": [at("09:00:00"), at("11:00:00"), None, None],
    }
    # From a stop to the next use, or to the end of the task, for two GPUs each.
    assert {name: row["reclaimed"] for name, row in rows(found).items()} == {
        **dict.fromkeys(("dave", "erin", "frank"), 0.0),
        "alice": 8.0,
        "bob": 12.5,
        "carol": 7.5,
        "grace": 12.0,
    }
    assert found["total"]["used_again"] == 2


def rows(found: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {each[found["by"]]: each for each in found["rows"]}


def test_what_could_not_be_judged_is_told_by_its_reason() -> None:
    found = told()

    unjudged = {name: hours for name, hours in found["unjudged_gpu_hours"].items() if hours}
    # Of the ten hours with two GPUs, the window and the start-up are not judged in any case.
    assert unjudged == {"gpus_unseen": pytest.approx(2 * (10 - 70 / 60), abs=0.1), "no_window": 1}
    assert (found["without_profiling"], found["exempt"]) == (7, 1)


def test_other_limits_have_other_outcomes_and_are_named() -> None:
    found = told("--by", "type", "--set", "idle.window=2h", "--set", "idle.grace.trial=30m")

    assert [(each["name"], each["after"]) for each in found["changes"]] == [
        ("idle.window", "2h"),
        ("idle.grace.trial", "30m"),
    ]
    stopped = {each["username"]: each["stopped_at"] for each in found["stops"]}
    assert stopped["carol"] == at("10:45:00")
    assert rows(found)["notebook"]["warned"] == 2


def test_time_that_was_not_recorded_ends_it_with_1() -> None:
    result = run("backtest", "--since", "2026-11-09", "--until", "2026-11-10")

    assert result.exit_code == 1
    assert "Prometheus has figures for 25 % of this time" in result.stderr
    assert "Had reclaim been enforced" in result.stdout


def test_time_before_the_rules_is_told_from_exporters_and_det_state_metrics() -> None:
    long_ago = ("--since", "2026-11-08", "--until", "2026-11-08T10:00:00Z")

    result = run("backtest", *long_ago, "--by", "type", "--format", "json")

    found = json.loads(result.stdout)
    [stop] = found["stops"]
    assert (stop["task_id"], stop["task_type"], stop["username"]) == ("old", "trial", "")
    assert [stop[name] for name in ("warned_at", "stopped_at", "used_again_at", "slots")] == [
        "2026-11-08T01:15:00Z",
        "2026-11-08T02:15:00Z",
        "2026-11-08T05:00:00Z",
        1,
    ]
    assert result.exit_code == 1
    assert "100 % of this time was not recorded by the rules" in result.stderr


def test_time_before_everything_has_no_record() -> None:
    result = run("backtest", "--since", "2025-01-01", "--until", "2025-01-02")

    assert result.exit_code == 1
    assert "no record of these rules" in result.stderr


def test_prometheus_that_is_away_ends_it_with_1(
    configuration: dict[str, Any], configure: Configure
) -> None:
    configure(configuration | {"prometheus": {"url": "http://127.0.0.1:9"}})

    result = run("backtest", *TIME)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Prometheus could not be read: Prometheus cannot be reached" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--policy", "nobody"), "there is no policy 'nobody'"),
        (("--set", "gpu.window=1h"), "is not offered"),
        (("--set", "idle.window=1s"), "from 5m to 1d"),
        (("--since", "2999-01-01"), "lies in the future"),
    ],
)
def test_what_makes_no_sense_ends_it_with_2(arguments: tuple[str, ...], words: str) -> None:
    result = run("backtest", *arguments)

    assert result.exit_code == 2
    assert words in " ".join(result.stderr.replace("│", " ").split())


def test_nothing_is_stored(tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    told()

    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
