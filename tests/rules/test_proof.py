"""`verify` and `evidence` of GPUAllocationIdle, as they are asked before a task is stopped."""

from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from tests.rules.proof_world import (
    ALWAYS,
    BOB,
    ONE,
    SNAPSHOT,
    TRIAL,
    Series,
    cadvisor,
    cluster,
    labels,
    promtool_test,
    recorded,
    sample,
)

Tool = Callable[..., CompletedProcess[str]]
Expand = Callable[[str, Mapping[str, str]], str]
Seen = Callable[..., None]


@pytest.fixture
def seen(alerts: dict[str, dict[str, Any]], expand: Expand, run_tool: Tool, tmp_path: Path) -> Seen:
    """Assert what `verify` (rows) and `evidence` (seconds or None) answer at a time."""
    annotations = alerts["GPUAllocationIdle"]["annotations"]

    def check(
        series: Series, *expected: tuple[str, int, float | None], identity: Mapping[str, str] = BOB
    ) -> None:
        cases = []
        for at, rows, age in expected:
            verify = f"count({expand(annotations['verify'], identity)}) or vector(0)"
            evidence = f"{expand(annotations['evidence'], identity)} or vector(-1)"
            cases += [
                {"expr": verify, "eval_time": at, "exp_samples": [sample(rows)]},
                {
                    "expr": evidence,
                    "eval_time": at,
                    "exp_samples": [sample(-1 if age is None else age)],
                },
            ]
        path = tmp_path / "proof.test.yaml"
        path.write_text(yaml.safe_dump(promtool_test(series, cases)))
        result = run_tool("promtool", "test", "rules", path)
        assert result.returncode == 0, f"-1 stands for no evidence.\n{result.stdout}"

    return check


def test_proof_holds_exactly_from_the_end_of_the_window_on(seen: Seen) -> None:
    seen(cluster(), ("39m45s", 0, None), ("40m", 1, 0), ("60m7s", 1, 7))


def test_proof_of_a_trial_looks_back_twice_as_far(seen: Seen) -> None:
    silent = cluster(TRIAL, util_2="0+0x199 _x32 0+0x400")
    profiled = cluster(TRIAL)
    profiled['DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu_uuid="GPU-1"}'] = "0+0x199 stale"

    seen(cluster(TRIAL), ("69m45s", 0, None), ("70m", 1, 0), identity=TRIAL)
    seen(silent, ("85m", 0, None), identity=TRIAL)
    seen(profiled, ("85m", 0, None), identity=TRIAL)


def test_work_is_fresh_evidence_without_a_verified_condition(seen: Seen) -> None:
    # From 50m on, one of the two GPUs works.
    seen(cluster(util_2="0+0x199 60+0x200"), ("49m45s", 1, 0), ("50m", 0, 0), ("55m", 0, 0))


def test_ended_allocation_has_no_proof_at_once(seen: Seen) -> None:
    ended = "1+0x199 stale"
    series = cluster(BOB, slots="2+0x199 stale", **said(ended))

    seen(series, ("49m45s", 1, 0), ("50m", 0, None))


def test_allocation_that_changed_hands_has_no_proof(seen: Seen) -> None:
    series = cluster(owner="1+0x199 stale")
    series[f"watchdog_allocation_info{{{labels(**BOB | {'username': 'carol'})}}}"] = "_x200 1+0x200"

    seen(series, ("49m45s", 1, 0), ("50m", 0, None))
    seen(series, ("50m", 1, 0), identity=BOB | {"username": "carol"})


def test_gap_in_the_window_is_no_evidence_of_work(seen: Seen) -> None:
    # Eight minutes without samples of one GPU, then idle as before. At first `verify` alone looks
    # fresh.
    series = cluster(util_2="0+0x199 _x32 0+0x200")

    seen(series, ("49m45s", 1, 0), ("50m30s", 1, 45), ("60m", 0, None), ("90m", 1, 0))


def said(values: str) -> dict[str, str]:
    """What a receiver says of the task, all with these values."""
    names = ("owner", "map_1", "map_2", "container_1", "container_2")
    return dict.fromkeys(names, values)


def away(evaluations: int) -> Series:
    """The task of which the receiver says nothing for so many evaluations, from 50m on."""
    down = f"1+0x199 stale _x{evaluations - 1} 1+0x300"
    slots = down.replace("1+0", "2+0")
    read = f"0+15x199 stale _x{evaluations - 1} {15 * (200 + evaluations)}+15x300"
    return cluster(BOB, slots=slots, **said(down)) | {SNAPSHOT: read}


def test_what_a_receiver_said_last_is_judged_by_and_proves_nothing(seen: Seen) -> None:
    seen(away(evaluations=16), ("52m", 1, None), ("60m", 1, 0))


def test_quarter_of_an_hour_without_the_receiver_is_forgotten_after_the_window(seen: Seen) -> None:
    seen(away(evaluations=60), ("62m", 0, None), ("70m", 0, None), ("99m", 1, 0))


def test_profiling_metrics_that_vanish_are_no_evidence_of_work(seen: Seen) -> None:
    series = cluster()
    series['DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu_uuid="GPU-1"}'] = "0+0x199 stale"

    seen(series, ("49m45s", 1, 0), ("52m", 0, None), ("82m", 1, 0))


def test_proof_needs_the_gpus_from_the_rest_api(seen: Seen) -> None:
    # det-state-metrics names the second GPU, which is enough to judge, and not to stop.
    series = cluster(map_2="_x400")
    series['det_gpu_uuid_container_id{gpu_uuid="GPU-2",container_id="c1"}'] = ALWAYS
    series['det_container_id_allocation_id{container_id="c1",allocation_id="n1.1"}'] = ALWAYS

    seen(series, ("60m", 1, None))


def test_work_on_the_cpu_is_fresh_evidence_without_a_verified_condition(seen: Seen) -> None:
    # From 50m on, one of the two containers prepares data on four cores.
    seen(cluster(cpu_2="0+0.3x200 60+60x200"), ("49m45s", 1, 0), ("52m", 0, 0), ("55m", 0, 0))


def test_host_that_is_out_of_sight_is_no_evidence_of_work(seen: Seen) -> None:
    # The exporter of one agent fails from 50m on. Its rate lasts for some minutes more, and so does
    # what `verify` alone says.
    gone = {cadvisor("container_start_time_seconds", 2): "1+0x199 stale"}
    series = cluster(cpu_2="0+0.3x199 stale") | gone

    seen(series, ("49m45s", 1, 0), ("50m", 1, None), ("60m", 0, None))


def test_four_hours_prove_idleness_whatever_the_host_does(seen: Seen) -> None:
    # Prepares data without an end; then its exporter fails, which no longer matters.
    long = "+0x1100"
    series = {
        name: values.replace("+0x400", long)
        for name, values in cluster(cpu_1="0+60x1100", cpu_2="0+60x1060 _x40").items()
    }

    seen(series, ("4h9m45s", 0, 0), ("4h10m", 1, 0), ("4h28m", 1, 0))


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


@pytest.mark.parametrize(
    ("changed", "verified"),
    [
        pytest.param({}, 1, id="idle all the time"),
        pytest.param({"active": "0x30 1 0x30"}, 0, id="one working GPU in five of the minutes"),
        pytest.param({"now": "0x58 1 0x2"}, 0, id="work that the long rows do not know yet"),
        pytest.param({"coverage": "1x30 _x4 1x30"}, 1, id="a twelfth not seen"),
        pytest.param({"coverage": "1x30 _x7 1x30"}, 0, id="an eighth not seen"),
        pytest.param({"coverage": "0.8x60"}, 0, id="a fifth of the samples missing"),
        pytest.param({"signals": "2x30 3 2x30"}, 0, id="a signal that is no more"),
    ],
)
def test_four_hours_look_at_every_five_minutes(
    changed: dict[str, str],
    verified: int,
    alerts: dict[str, dict[str, Any]],
    expand: Expand,
    run_tool: Tool,
    tmp_path: Path,
) -> None:
    verify = expand(alerts["GPUAllocationIdle"]["annotations"]["verify"], BOB)
    case = {
        "expr": f"count({verify}) or vector(0)",
        "eval_time": "295m",
        "exp_samples": [sample(verified)],
    }
    path = tmp_path / "hours.test.yaml"
    test = promtool_test(long_ago(**changed), [case], layers=("windows", "verdicts"))
    test["evaluation_interval"] = "1m"
    test["tests"][0]["interval"] = "5m"
    path.write_text(yaml.safe_dump(test))

    result = run_tool("promtool", "test", "rules", path)

    assert result.returncode == 0, result.stdout
