"""Evidence of every alert that can lead to a stop: its age grows when one raw series is silent.

No rule is evaluated here. What the rules recorded stands beside the raw samples and goes on, as it
does for minutes after the samples have stopped: `verify` alone would look fresh.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.rules.evidence_world import LIMIT, MEMORY, QUEUE, world
from tests.rules.proof_world import (
    ALWAYS,
    BOB,
    CPU,
    IDLE,
    ONE,
    OWNER,
    Series,
    container_mapping,
    cpu,
    gpu,
    gpu_mapping,
    labels,
    promtool_test,
    recorded,
    sample,
)

OF_THE_GPUS = (OWNER, gpu_mapping(1), gpu_mapping(2), gpu(1), gpu(2))
OF_THE_HOST = (OWNER, container_mapping(1), container_mapping(2), cpu(1), cpu(2))
OF_THE_AGENTS = (*OF_THE_HOST, MEMORY.format("a"), MEMORY.format("b"))
OF_THE_USER = (OWNER, LIMIT, QUEUE)
AGES: Mapping[str, tuple[str, ...]] = {
    "GPUAllocationIdle": (*OF_THE_GPUS, *OF_THE_HOST[1:]),
    "GPUAllocationPartlyIdle": OF_THE_GPUS,
    "GPUAllocationInefficient": OF_THE_GPUS,
    "GPUAllocationFakeLoad": OF_THE_GPUS,
    "BigGPUUsedAsSmall": OF_THE_GPUS,
    "GPUAllocationFragmented": OF_THE_GPUS,
    "InteractiveTaskLongLived": OF_THE_GPUS,
    "CPUOverFairShare": OF_THE_AGENTS,
    "MemoryOverFairShare": OF_THE_AGENTS,
    "NodeMemoryNearlyOut": OF_THE_AGENTS,
    "SlotlessTaskOnGPUNode": OF_THE_AGENTS,
    "UserOverSlotLimit": OF_THE_USER,
}
"""The raw series whose age counts, by alert."""
OF_THE_PAST = (
    "allocation_id:watchdog_idle_window:info",
    "allocation_id:watchdog_gpu_active:max",
    "allocation_id:watchdog_gpu_signals:count",
    "allocation_id:watchdog_host_active:max",
    "allocation_id_window:watchdog_window_seen:bool",
    "allocation_id_window:watchdog_window_idle:bool",
)
"""What is recorded of an allocation, and without which nothing is known of its past."""
SILENT = "1+0x200 _x200"
"""The last sample is that of 50m; an instant query finds it for five minutes."""
ACTIVE = f"allocation_id:watchdog_gpu_active:max{{{ONE}}}"
SIGNALS = f"allocation_id:watchdog_gpu_signals:count{{{ONE}}}"
SEEN = f'allocation_id_window:watchdog_window_seen:bool{{{ONE},window="30m"}}'
FOUR_HOURS = f'allocation_id_window:watchdog_window_idle:bool{{{ONE},window="4h"}}'
IDLENESS = "GPUAllocationIdle"
ON_HOSTS = [alert for alert, names in AGES.items() if names == OF_THE_AGENTS]
OTHERS = [alert for alert in AGES if alert not in {IDLENESS, *ON_HOSTS}]

Tool = Callable[..., CompletedProcess[str]]
Alerts = dict[str, dict[str, Any]]
Expand = Callable[[str, Mapping[str, str]], str]
Ask = Callable[..., None]
SERIES = [
    pytest.param(name, id=re.sub("[^a-zA-Z0-9_]+", " ", name))
    for name in sorted({name for names in AGES.values() for name in names})
]


@pytest.fixture
def answers(alerts: Alerts, expand: Expand, run_tool: Tool, tmp_path: Path) -> Ask:
    """Assert how old the evidence of alerts is at some times; None: there is none.

    One promtool for all of them: it takes longer to start, and to read the series, than to answer.
    """

    def check(
        asked: Iterable[str],
        series: Series,
        *expected: tuple[str, float | None],
        identity: Mapping[str, str] = BOB,
    ) -> None:
        queries = {
            alert: expand(alerts[alert]["annotations"]["evidence"], identity) for alert in asked
        }
        cases = [
            {
                "expr": query,
                "eval_time": at,
                "exp_samples": [] if age is None else [sample(age)],
            }
            for query in queries.values()
            for at, age in expected
        ]
        path = tmp_path / "evidence.test.yaml"
        # JSON is YAML, and quickly written.
        path.write_text(json.dumps(promtool_test(series, cases)))
        result = run_tool("promtool", "test", "rules", path)
        said = result.stdout + result.stderr
        wrong = [alert for alert, query in queries.items() if json.dumps(query) in said]
        assert result.returncode == 0, f"{wrong}\n{said}"
        assert cases, "nothing was asked"

    return check


def test_every_evidence_is_looked_at(alerts: Alerts) -> None:
    assert {name for name, alert in alerts.items() if "evidence" in alert["annotations"]} == set(
        AGES
    )


def those_of(name: str) -> list[str]:
    """Return the alerts whose evidence the series is a part of."""
    return [alert for alert, names in AGES.items() if name in names]


def test_evidence_is_as_old_as_the_last_scrape(answers: Ask) -> None:
    answers(AGES, world(), ("50m", 0), ("50m7s", 7))


@pytest.mark.parametrize("name", SERIES)
def test_evidence_ages_with_a_series_that_is_silent(answers: Ask, name: str) -> None:
    silent = world() | {name: SILENT}

    answers(those_of(name), silent, ("50m", 0), ("50m45s", 45), ("52m", 120), ("56m", None))


@pytest.mark.parametrize("name", SERIES)
def test_evidence_vanishes_with_a_series_that_is_gone(answers: Ask, name: str) -> None:
    # What a failed scrape, or an ended target, leaves behind.
    gone = world() | {name: "1+0x199 stale _x200"}

    answers(those_of(name), gone, ("49m45s", 0), ("50m", None))


@pytest.mark.parametrize("name", ["watchdog_allocation_slots", *OF_THE_PAST])
def test_evidence_of_idleness_needs_what_was_recorded(answers: Ask, name: str) -> None:
    incomplete = {
        key: values
        for key, values in world().items()
        if f"{name}{{" not in key or 'allocation_id="n1.1"' not in key
    }
    assert len(incomplete) == len(world()) - 1

    answers([IDLENESS], incomplete, ("50m", None))


def test_evidence_of_idleness_ages_with_the_rules(answers: Ask) -> None:
    rows = {name: values.partition("+")[0] + "+0x200 _x200" for name, values in recorded().items()}

    answers([IDLENESS], world() | rows, ("50m", 0), ("52m", 120))


@pytest.mark.parametrize(
    ("asked", "last", "none"),
    [
        pytest.param(ON_HOSTS, "50m45s", "51m15s", id="of hosts"),
        pytest.param(OTHERS, "52m45s", "53m15s", id="of all others"),
    ],
)
def test_evidence_ends_minutes_after_the_rules(
    answers: Ask, asked: list[str], last: str, none: str
) -> None:
    rows = {name: values.partition("+")[0] + "+0x200 _x200" for name, values in recorded().items()}

    answers(asked, world() | rows, ("50m", 0), (last, 0), (none, None))


@pytest.mark.parametrize(
    ("rows", "silent", "gone"),
    [
        pytest.param({FOUR_HOURS: ALWAYS}, 0, 0, id="idle"),
        pytest.param({FOUR_HOURS: IDLE}, 120, None, id="not idle"),
        pytest.param({FOUR_HOURS: "1+0x202 _x200"}, 0, 0, id="idle 90 s ago"),
        pytest.param(
            {FOUR_HOURS: ALWAYS, ACTIVE: "0+0x171 1 0+0x228"}, 120, None, id="at work 9 min ago"
        ),
    ],
)
def test_evidence_of_four_idle_hours_needs_no_host(
    answers: Ask, rows: Series, silent: float, gone: float | None
) -> None:
    seen = world() | rows

    answers([IDLENESS], seen | {cpu(2): SILENT}, ("52m", silent))
    answers([IDLENESS], seen | {cpu(2): "1+0x199 stale _x200"}, ("52m", gone))


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param({SEEN: IDLE}, id="not seen"),
        pytest.param({SIGNALS: "3+0x171 2+0x229"}, id="a signal that ended 9 min ago"),
    ],
)
def test_idleness_that_is_doubted_has_no_evidence(answers: Ask, rows: Series) -> None:
    answers([IDLENESS], world() | rows, ("52m", None))


def test_window_of_an_owner_that_differs_in_one_label_is_no_evidence(answers: Ask) -> None:
    name = "allocation_id:watchdog_idle_window:info"
    series = {key: values for key, values in world().items() if f"{name}{{{ONE}," not in key}
    others = [labels(**BOB | {label: "other"}) for label in BOB if label != "allocation_id"]
    rows = {f'{name}{{{other},window="30m"}}': ALWAYS for other in others}

    answers([IDLENESS], series | rows | {FOUR_HOURS: ALWAYS}, ("50m", None))


def test_evidence_is_none_for_another_owner(answers: Ask) -> None:
    answers(AGES, world(), ("50m", None), identity=BOB | {"username": "carol"})


def test_evidence_counts_nothing_of_others(answers: Ask) -> None:
    other = labels(allocation_id="n2.1")
    container = labels(allocation_id="n2.1", container_id="c3", agent_id="agent-c")
    cgroup = labels(instance="agent-c:8080", id="/docker/c3")
    carol = BOB | {"allocation_id": "n2.1", "task_id": "n2", "username": "carol"}
    elsewhere = BOB | {"allocation_id": "n3.1", "task_id": "n3", "resource_pool": "other"}
    neighbour = dict.fromkeys(
        (
            'DCGM_FI_DEV_GPU_UTIL{gpu_uuid="GPU-3",det_agent_id="agent-a"}',
            f'watchdog_gpu_allocation_info{{{other},gpu_uuid="GPU-3"}}',
            f"watchdog_container_allocation_info{{{container}}}",
            f'{CPU}{{{cgroup},cpu="total"}}',
            'node_memory_MemAvailable_bytes{det_agent_id="agent-c"}',
            f"watchdog_user_slot_limit{{{labels(username='carol', resource_pool='default')}}}",
            'watchdog_queued_slots{resource_pool="other",username="dave"}',
            f"watchdog_allocation_info{{{labels(**carol)}}}",
            f"watchdog_allocation_info{{{labels(**elsewhere)}}}",
        ),
        SILENT,
    )
    mapped = f"instance_id:watchdog_container_allocation_info:group{{{container},{cgroup}}}"

    answers(AGES, world() | neighbour | {mapped: ALWAYS}, ("52m", 0))


def test_evidence_counts_once_what_two_say(answers: Ask) -> None:
    # Two receivers, and two cAdvisors on the first agent.
    second = {
        f'{name[:-1]},instance="b"}}': values
        for name, values in world().items()
        if name.startswith("watchdog_")
    }
    where = labels(instance="agent-a:9090", id="/docker/c1")
    mapping = f'{ONE},agent_id="agent-a",container_id="c1",{where}'
    second[f"instance_id:watchdog_container_allocation_info:group{{{mapping}}}"] = ALWAYS
    second[f'{CPU}{{{where},cpu="total"}}'] = ALWAYS

    answers(AGES, world() | second, ("50m", 0))


def test_evidence_of_a_user_is_as_old_as_the_oldest_of_the_tasks(answers: Ask) -> None:
    another = labels(**BOB | {"allocation_id": "n4.1", "task_id": "n4"})
    tasks = {OWNER: SILENT, f"watchdog_allocation_info{{{another}}}": ALWAYS}

    answers(["UserOverSlotLimit"], world() | tasks, ("52m", 120), ("56m", 0))


def test_owner_that_differs_in_one_label_is_no_evidence(answers: Ask) -> None:
    silent = world() | {OWNER: SILENT}
    others = [labels(**BOB | {name: "other"}) for name in BOB]
    fresh = {f"watchdog_allocation_info{{{other}}}": ALWAYS for other in others}

    of_one = [alert for alert in AGES if alert != "UserOverSlotLimit"]
    answers(of_one, silent | fresh, ("52m", 120), ("56m", None))
