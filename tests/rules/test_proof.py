"""`verify` and `evidence`, as the receiver runs them right before it stops a task."""

from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BOB = {
    "allocation_id": "n1.1",
    "task_id": "n1",
    "task_type": "notebook",
    "username": 'bob "the \\builder"',
    "resource_pool": "default",
}
TRIAL = BOB | {"task_type": "trial"}
GROUPS = ["gpu-watchdog-recording", "gpu-watchdog-reclaim", "gpu-watchdog-self"]
ALWAYS = "1+0x400"
SNAPSHOT = "watchdog_snapshot_timestamp_seconds"

Tool = Callable[..., CompletedProcess[str]]
Expand = Callable[[str, Mapping[str, str]], str]
Series = dict[str, str]
Seen = Callable[..., None]


def _labels(**labels: str) -> str:
    quoted = {
        name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in labels.items()
    }
    return ",".join(f'{name}="{value}"' for name, value in quoted.items())


def cluster(identity: Mapping[str, str] = BOB, **changed: str) -> Series:
    """One idle task on two GPUs of two agents, from the first minute on."""
    values = dict.fromkeys(("owner", "slots", "map_1", "map_2"), ALWAYS)
    values |= {"util_1": "0+0x400", "util_2": "0+0x400", "slots": "2+0x400"} | changed
    gpu = "watchdog_gpu_allocation_info{{" + _labels(allocation_id="n1.1") + ',gpu_uuid="GPU-{0}"}}'
    return {
        f"watchdog_allocation_info{{{_labels(**identity)}}}": values["owner"],
        f"watchdog_allocation_slots{{{_labels(allocation_id='n1.1')}}}": values["slots"],
        gpu.format(1): values["map_1"],
        gpu.format(2): values["map_2"],
        'DCGM_FI_DEV_GPU_UTIL{gpu_uuid="GPU-1",det_agent_id="agent-a"}': values["util_1"],
        'DCGM_FI_DEV_GPU_UTIL{gpu_uuid="GPU-2",det_agent_id="agent-b"}': values["util_2"],
    }


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
                {"expr": verify, "eval_time": at, "exp_samples": [_sample(rows)]},
                {
                    "expr": evidence,
                    "eval_time": at,
                    "exp_samples": [_sample(-1 if age is None else age)],
                },
            ]
        path = tmp_path / "proof.test.yaml"
        path.write_text(yaml.safe_dump(_promtool_test(series, cases)))
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


def test_evidence_ages_when_one_gpu_is_silent_though_verify_looks_fresh(seen: Seen) -> None:
    # The last sample of the second GPU is that of 50m.
    series = cluster(util_2="0+0x200 _x200")

    seen(series, ("50m", 1, 0), ("50m45s", 1, 45), ("52m", 0, None), ("56m", 0, None))


def test_evidence_vanishes_with_a_gpu_though_verify_looks_fresh(seen: Seen) -> None:
    # A failed scrape marks the series as stale.
    seen(cluster(util_2="0+0x199 stale _x200"), ("49m45s", 1, 0), ("50m", 1, None))


def test_evidence_ages_when_the_mapping_is_silent_though_verify_looks_fresh(seen: Seen) -> None:
    seen(cluster(map_2="1+0x200 _x200"), ("50m", 1, 0), ("52m", 1, 120), ("56m", 0, None))


def test_evidence_ages_when_the_owner_is_silent_though_verify_looks_fresh(seen: Seen) -> None:
    seen(cluster(owner="1+0x200 _x200"), ("50m", 1, 0), ("52m", 1, 120), ("56m", 0, None))


def test_gpus_of_others_are_no_part_of_the_proof(seen: Seen) -> None:
    series = cluster()
    series['watchdog_gpu_allocation_info{allocation_id="n2.1",gpu_uuid="GPU-3"}'] = ALWAYS
    series['DCGM_FI_DEV_GPU_UTIL{gpu_uuid="GPU-3"}'] = "0+0x200 _x200"

    seen(series, ("52m", 1, 0), ("60m", 1, 0))


def test_ended_allocation_has_no_proof_at_once(seen: Seen) -> None:
    ended = "1+0x199 stale"
    series = cluster(owner=ended, slots="2+0x199 stale", map_1=ended, map_2=ended)

    seen(series, ("49m45s", 1, 0), ("50m", 0, None))


def test_allocation_that_changed_hands_has_no_proof(seen: Seen) -> None:
    series = cluster(owner="1+0x199 stale")
    series[f"watchdog_allocation_info{{{_labels(**BOB | {'username': 'carol'})}}}"] = (
        "_x200 1+0x200"
    )

    seen(series, ("49m45s", 1, 0), ("50m", 0, None))
    seen(series, ("50m", 1, 0), identity=BOB | {"username": "carol"})


@pytest.mark.parametrize("label", BOB)
def test_proof_is_for_no_other_identity(seen: Seen, label: str) -> None:
    seen(cluster(), ("60m", 0, None), identity=BOB | {label: "shell"})


def test_gap_in_the_window_is_no_evidence_of_work(seen: Seen) -> None:
    # Eight minutes without samples of one GPU, then idle as before.
    series = cluster(util_2="0+0x199 _x32 0+0x200")

    seen(series, ("49m45s", 1, 0), ("60m", 0, None), ("90m", 1, 0))


def away(evaluations: int) -> Series:
    """The task of which the receiver says nothing for so many evaluations, from 50m on."""
    down = f"1+0x199 stale _x{evaluations - 1} 1+0x300"
    slots = down.replace("1+0", "2+0")
    return cluster(owner=down, map_1=down, map_2=down, slots=slots) | {SNAPSHOT: down}


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


def test_value_is_the_number_of_gpus_however_many_receivers_say_so(
    alerts: dict[str, dict[str, Any]], expand: Expand, run_tool: Tool, tmp_path: Path
) -> None:
    series = cluster()
    series |= {
        name.replace("}", ',instance="b"}'): values
        for name, values in series.items()
        if name.startswith("watchdog_")
    }
    verify = expand(alerts["GPUAllocationIdle"]["annotations"]["verify"], BOB)
    row = {"labels": f"{{{_labels(**BOB)}}}", "value": 2}
    path = tmp_path / "value.test.yaml"
    case = {"expr": verify, "eval_time": "50m", "exp_samples": [row]}
    path.write_text(yaml.safe_dump(_promtool_test(series, [case])))

    result = run_tool("promtool", "test", "rules", path)

    assert result.returncode == 0, result.stdout


def recorded() -> Series:
    """What the rules recorded until 50m, as samples; no rule is evaluated beside it."""
    silent = "{}+0x200 _x200"
    one = _labels(allocation_id="n1.1")
    return {
        f"allocation_id:watchdog_allocation_info:group{{{_labels(**BOB)}}}": silent.format(1),
        f"allocation_id:watchdog_gpu_active:max{{{one}}}": silent.format(0),
        f"allocation_id:DCGM_FI_DEV_GPU_UTIL:coverage5m{{{one}}}": silent.format(1),
        f"allocation_id:watchdog_gpu_signals:count{{{one}}}": silent.format(2),
    }


def test_evidence_ages_when_the_rules_are_silent_though_the_samples_are_fresh(
    alerts: dict[str, dict[str, Any]], expand: Expand, run_tool: Tool, tmp_path: Path
) -> None:
    evidence = expand(alerts["GPUAllocationIdle"]["annotations"]["evidence"], BOB)
    case = {"expr": evidence, "eval_time": "52m", "exp_samples": [_sample(120)]}
    path = tmp_path / "silent.test.yaml"
    path.write_text(yaml.safe_dump(_promtool_test(cluster() | recorded(), [case], rules=False)))

    result = run_tool("promtool", "test", "rules", path)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("missing", [*cluster(), *recorded()], ids=lambda name: name.split("{")[0])
def test_evidence_needs_every_series(
    missing: str,
    alerts: dict[str, dict[str, Any]],
    expand: Expand,
    run_tool: Tool,
    tmp_path: Path,
) -> None:
    series = cluster() | recorded()
    del series[missing]
    evidence = expand(alerts["GPUAllocationIdle"]["annotations"]["evidence"], BOB)
    case = {"expr": evidence, "eval_time": "49m", "exp_samples": []}
    path = tmp_path / "missing.test.yaml"
    path.write_text(yaml.safe_dump(_promtool_test(series, [case], rules=False)))

    result = run_tool("promtool", "test", "rules", path)

    assert result.returncode == 0, f"{missing} is missing, and yet:\n{result.stdout}"


def _promtool_test(
    series: Series, cases: list[dict[str, Any]], *, rules: bool = True
) -> dict[str, Any]:
    # A receiver that reads Determined: what it does not list has ended.
    series = {SNAPSHOT: "0+15x400"} | series
    return {
        "rule_files": [str(ROOT / "alerting-rules/*.rules.yaml")] if rules else [],
        "evaluation_interval": "15s",
        "group_eval_order": GROUPS,
        "tests": [
            {
                "interval": "15s",
                "input_series": [
                    {"series": name, "values": values} for name, values in series.items()
                ],
                "promql_expr_test": cases,
            }
        ],
    }


def _sample(value: float) -> dict[str, Any]:
    return {"labels": "{}", "value": value}
