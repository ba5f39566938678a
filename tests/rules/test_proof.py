"""`verify` and `evidence` of GPUAllocationIdle, as they are asked before a task is stopped.

A simulation costs as much for one task as for a few: tasks that do not touch share one.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.rules.proof_world import (
    ALWAYS,
    BOB,
    LAYERS,
    ONE,
    TRIAL,
    Series,
    apart,
    away,
    cadvisor,
    cluster,
    groups_of,
    labels,
    promtool_test,
    reads,
    recorded,
    rules_for,
    said,
    sample,
)

Alerts = dict[str, dict[str, Any]]
Tool = Callable[..., CompletedProcess[str]]
Expand = Callable[[str, Mapping[str, str]], str]
Failures = Callable[[int], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Case:
    series: Series
    answers: tuple[tuple[str, int, float | None], ...]
    """When it is asked, the rows of `verify`, and the seconds of `evidence` or None."""
    identity: Mapping[str, str]


def case(
    series: Series, *answers: tuple[str, int, float | None], identity: Mapping[str, str] = BOB
) -> Case:
    return Case(series, answers, identity)


def with_profiling_that_vanishes(series: Series) -> Series:
    return series | {'DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu_uuid="GPU-1"}': "0+0x199 stale"}


CAROL = BOB | {"username": "carol"}
CHANGED_HANDS = cluster(owner="1+0x199 stale") | {
    f"watchdog_allocation_info{{{labels(**CAROL)}}}": "_x200 1+0x200"
}
# det-state-metrics names the second GPU.
NOT_IN_THE_REST_API = cluster(map_2="_x400") | {
    'det_gpu_uuid_container_id{gpu_uuid="GPU-2",container_id="c1"}': ALWAYS,
    'det_container_id_allocation_id{container_id="c1",allocation_id="n1.1"}': ALWAYS,
}
AN_HOUR = {
    "holds exactly from the end of the window on": case(
        cluster(), ("39m45s", 0, None), ("40m", 1, 0), ("60m7s", 1, 7)
    ),
    # From 50m on, one of the two GPUs works.
    "work is fresh evidence without a verified condition": case(
        cluster(util_2="0+0x199 60+0x200"), ("49m45s", 1, 0), ("50m", 0, 0), ("55m", 0, 0)
    ),
    "an allocation that ended has none at once": case(
        cluster(BOB, slots="2+0x199 stale", **said("1+0x199 stale")),
        *(("49m45s", 1, 0), ("50m", 0, None)),
    ),
    "an allocation that changed hands has none": case(
        CHANGED_HANDS, ("49m45s", 1, 0), ("50m", 0, None)
    ),
    "an allocation that changed hands is the new owner's": case(
        CHANGED_HANDS, ("50m", 1, 0), identity=CAROL
    ),
    # Which is enough to judge, and not to stop.
    "it needs the GPUs from the REST API": case(NOT_IN_THE_REST_API, ("60m", 1, None)),
    # From 50m on, one of the two containers prepares data on four cores.
    "work on the CPU is fresh evidence without a verified condition": case(
        cluster(cpu_2="0+0.3x200 60+60x200"), ("49m45s", 1, 0), ("52m", 0, 0), ("55m", 0, 0)
    ),
    # The exporter of one agent fails from 50m on. Its rate lasts for some minutes more, and so does
    # what `verify` alone says.
    "a host that is out of sight is no evidence of work": case(
        cluster(cpu_2="0+0.3x199 stale")
        | {cadvisor("container_start_time_seconds", 2): "1+0x199 stale"},
        *(("49m45s", 1, 0), ("50m", 1, None), ("60m", 0, None)),
    ),
}
AN_HOUR_AND_A_HALF = {
    "of a trial it looks back twice as far": case(
        cluster(TRIAL), ("69m45s", 0, None), ("70m", 1, 0), identity=TRIAL
    ),
    "of a trial it needs every GPU twice as long": case(
        cluster(TRIAL, util_2="0+0x199 _x32 0+0x400"), ("85m", 0, None), identity=TRIAL
    ),
    "of a trial it needs profiling metrics twice as long": case(
        with_profiling_that_vanishes(cluster(TRIAL)), ("85m", 0, None), identity=TRIAL
    ),
    # Eight minutes without samples of one GPU, then idle as before. At first `verify` alone looks
    # fresh.
    "a gap in the window is no evidence of work": case(
        cluster(util_2="0+0x199 _x32 0+0x200"),
        *(("49m45s", 1, 0), ("50m30s", 1, 45), ("60m", 0, None), ("90m", 1, 0)),
    ),
    "profiling metrics that vanish are no evidence of work": case(
        with_profiling_that_vanishes(cluster()),
        *(("49m45s", 1, 0), ("52m", 0, None), ("82m", 1, 0)),
    ),
}
SHORTLY_AWAY = {
    "what a receiver said last is judged by and proves nothing": case(
        away(evaluations=16), ("52m", 1, None), ("60m", 1, 0)
    )
}
LONG_AWAY = {
    "a quarter of an hour without the receiver is forgotten after the window": case(
        away(evaluations=60), ("62m", 0, None), ("70m", 0, None), ("99m", 1, 0)
    )
}
FOUR_HOURS = {
    # Prepares data without an end; then its exporter fails, which no longer matters.
    "four hours prove idleness whatever the host does": case(
        {
            name: values.replace("+0x400", "+0x1100")
            for name, values in cluster(cpu_1="0+60x1100", cpu_2="0+60x1001 _x99").items()
        },
        *(("4h9m45s", 0, 0), ("4h10m", 1, 0), ("4h13m", 1, 0)),
    )
}
SIMULATIONS = [AN_HOUR, AN_HOUR_AND_A_HALF, SHORTLY_AWAY, LONG_AWAY, FOUR_HOURS]


@pytest.fixture(scope="session")
def annotations(alerts: Alerts) -> Mapping[str, str]:
    found: Mapping[str, str] = alerts["GPUAllocationIdle"]["annotations"]
    return found


@pytest.fixture(scope="session")
def queries(annotations: Mapping[str, str], expand: Expand) -> list[str]:
    return [expand(annotations[name], BOB) for name in ("verify", "evidence")]


@pytest.fixture(scope="session")
def failures(
    annotations: Mapping[str, str],
    queries: list[str],
    expand: Expand,
    run_tool: Tool,
    tmp_path_factory: pytest.TempPathFactory,
) -> Failures:
    """Return what promtool finds wrong in a simulation, by the name of the case."""
    folder = tmp_path_factory.mktemp("proof")
    rules = folder / "proof.rules.yaml"
    # JSON is YAML, and quickly written.
    rules.write_text(json.dumps(rules_for(queries)))

    @cache
    def found(simulation: int) -> dict[str, str]:
        cases = SIMULATIONS[simulation]
        series: Series = {}
        asked: list[dict[str, Any]] = []
        for number, each in enumerate(cases.values()):
            series |= {apart(name, number): values for name, values in each.series.items()}
            verify, evidence = (
                apart(expand(annotations[name], each.identity), number)
                for name in ("verify", "evidence")
            )
            asked += questions(verify, evidence, each)
        path = folder / f"proof-{simulation}.test.yaml"
        path.write_text(json.dumps(promtool_test(series, asked, rules=[rules])))
        result = run_tool("promtool", "test", "rules", path)
        return complaints(result, cases)

    return found


def complaints(result: CompletedProcess[str], cases: Iterable[str]) -> dict[str, str]:
    output = result.stdout + result.stderr
    wrong = {
        name: "".join(one for one in output.split("expr: ")[1:] if f"n1-of-{number}.1" in one)
        for number, name in enumerate(cases)
    }
    assert bool(result.returncode) == any(wrong.values()), output
    return wrong


def questions(verify: str, evidence: str, asked: Case) -> Iterator[dict[str, Any]]:
    for at, rows, age in asked.answers:
        count, value = f"count({verify}) or vector(0)", -1 if age is None else age
        yield {"expr": count, "eval_time": at, "exp_samples": [sample(rows)]}
        oldest = f"{evidence} or vector(-1)"
        yield {"expr": oldest, "eval_time": at, "exp_samples": [sample(value)]}


@pytest.mark.parametrize(
    ("simulation", "name"),
    [
        pytest.param(number, name, id=name)
        for number, cases in enumerate(SIMULATIONS)
        for name in cases
    ],
)
def test_proof(simulation: int, name: str, failures: Failures) -> None:
    assert failures(simulation)[name] == "", "-1 stands for no evidence."


def test_no_rule_is_left_out_that_the_proof_stands_on(queries: list[str]) -> None:
    everything = [rule for group in groups_of(LAYERS) for rule in group["rules"]]

    kept = [rule for group in rules_for(queries)["groups"] for rule in group["rules"]]

    read = [*queries, *(rule["expr"] for rule in kept)]
    left_out = {rule["record"] for rule in everything if rule not in kept}
    assert 0 < len(left_out) < len(kept)
    assert [name for name in left_out if any(reads(one, name) for one in read)] == []
    for selector in (found for one in read for found in re.findall(r"(?<![\w:])\{[^}]*\}", one)):
        assert selector.startswith('{__name__=~"'), "it may read anything"


def long_ago(**changed: str) -> Series:
    """Rows of five minutes, as the rules record them: idle for five hours, its CPU at work."""
    values = {"active": "0x60", "coverage": "1x60", "signals": "2x60", "now": "0x60"} | changed
    return {
        name: series.replace("+0x400", "x60").replace("0+0.3x400", "0+300x60")
        for name, series in (cluster() | recorded()).items()
        if not name.startswith("allocation_id_window:")
    } | {
        f"allocation_id:DCGM_FI_DEV_GPU_UTIL:coverage5m{{{ONE}}}": "1x60",
        f"allocation_id:watchdog_gpu_active:max5m{{{ONE}}}": values["active"],
        f"allocation_id:watchdog_gpu_coverage:each5m{{{ONE}}}": values["coverage"],
        f"allocation_id:watchdog_gpu_signals:max5m{{{ONE}}}": values["signals"],
        f"allocation_id:watchdog_gpu_active:max{{{ONE}}}": values["now"],
        f"allocation_id:watchdog_host_active:max{{{ONE}}}": "1x60",
    }


AFTER_HOURS: Mapping[str, tuple[Series, int]] = {
    "idle all the time": (long_ago(), 1),
    "one working GPU in five of the minutes": (long_ago(active="0x30 1 0x30"), 0),
    "work that the long rows do not know yet": (long_ago(now="0x58 1 0x2"), 0),
    "a twelfth not seen": (long_ago(coverage="1x30 _x4 1x30"), 1),
    "an eighth not seen": (long_ago(coverage="1x30 _x7 1x30"), 0),
    "a fifth of the samples missing": (long_ago(coverage="0.8x60"), 0),
    "a signal that is no more": (long_ago(signals="2x30 3 2x30"), 0),
}


@pytest.fixture(scope="session")
def failures_after_hours(
    queries: list[str], run_tool: Tool, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Return what promtool finds wrong, by the name of the case."""
    folder = tmp_path_factory.mktemp("hours")
    rules = folder / "hours.rules.yaml"
    rules.write_text(json.dumps(rules_for(queries[:1], layers=("windows", "verdicts"))))
    series: Series = {}
    asked: list[dict[str, Any]] = []
    for number, (rows, verified) in enumerate(AFTER_HOURS.values()):
        series |= {apart(name, number): values for name, values in rows.items()}
        count = f"count({apart(queries[0], number)}) or vector(0)"
        asked.append({"expr": count, "eval_time": "295m", "exp_samples": [sample(verified)]})
    test = promtool_test(series, asked, rules=[rules])
    test["evaluation_interval"] = "1m"
    test["tests"][0]["interval"] = "5m"
    path = folder / "hours.test.yaml"
    path.write_text(json.dumps(test))
    return complaints(run_tool("promtool", "test", "rules", path), AFTER_HOURS)


@pytest.mark.parametrize("name", AFTER_HOURS)
def test_four_hours_look_at_every_five_minutes(
    name: str, failures_after_hours: Mapping[str, str]
) -> None:
    assert failures_after_hours[name] == ""
