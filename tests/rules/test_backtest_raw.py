"""What a backtest makes of exporters and det-state-metrics alone, held to what the rules record."""

from pathlib import Path

import yaml

from app.backtest_raw import CONTAINERS, GPUS
from tests.rules.conftest import Tool
from tests.rules.proof_world import GROUPS, SNAPSHOT, groups_of, labels

LAST = 60
"""Quarters of a minute. They are compared once the windows of six minutes are full."""
_ACTIVE = "1+0x28 2+0x10 1+0x100"
"""Percent."""
_A_BIT, _MUCH = "0+15728000x200", "0+15730000x200"
"""Bytes each quarter of a minute, just below and above a mebibyte a second."""


def task(
    name: str, gpus: dict[str, str], *, cores: str = "0+7.1x200", **more: str
) -> dict[str, str]:
    """Return what is scraped of a task in one container, by the course of its GPUs.

    As usual, it is just not busy enough to be at work.
    """
    one, container = f"{name}.1", f"c-{name}"
    identity = labels(
        allocation_id=one, task_id=name, task_type="notebook", username="bob", resource_pool="a"
    )
    cgroup = labels(
        instance="a:8080",
        id=f"/docker/{one}",
        container_id=container,
        container_runtime_id=one,
        det_agent_id="a",
    )
    always, here = "1+0x200", labels(allocation_id=one, agent_id="a")
    return {
        f"watchdog_allocation_info{{{identity}}}": always,
        f'watchdog_container_allocation_info{{{here},container_id="{container}"}}': always,
        f"container_start_time_seconds{{{cgroup}}}": always,
        f'container_cpu_usage_seconds_total{{cpu="cpu00",{cgroup}}}': cores,
        f'container_cpu_usage_seconds_total{{cpu="cpu01",{cgroup}}}': "0+0.3x200",
        f"container_network_receive_bytes_total{{{cgroup}}}": more.get("received", _A_BIT),
        f"container_fs_writes_bytes_total{{{cgroup}}}": more.get("written", _A_BIT),
        **{
            f'DCGM_FI_DEV_GPU_UTIL{{gpu_uuid="{gpu}",modelName="A"}}': course
            for gpu, course in gpus.items()
        },
    }


def test_gpus_and_containers_are_judged_as_the_rules_judge_them(
    tmp_path: Path, run_tool: Tool
) -> None:
    series = {
        **task("rests", {"GPU-1": "1+0x200"}),
        **task("works", {"GPU-2": "0+0x200", "GPU-3": _ACTIVE}),
        **task("computes", {"GPU-4": "0+0x200"}, cores="0+7.3x200"),
        **task("downloads", {"GPU-5": "0+0x200"}, received=_MUCH),
        **task("copies", {"GPU-6": "0+0x200"}, written=_MUCH),
        **task("vanishes", {"GPU-7": "0+0x25 stale _x100"}),
        'DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu_uuid="GPU-1"}': "0.01+0x28 0.011+0x5 0.01+0x100",
        'DCGM_FI_PROF_DRAM_ACTIVE{gpu_uuid="GPU-2"}': "0.01+0x40 0.011+0x5 0.01+0x100",
        'DCGM_FI_DEV_POWER_USAGE{gpu_uuid="GPU-4",modelName="A"}': "70+0x200",
        'DCGM_FI_DEV_POWER_USAGE{gpu_uuid="GPU-5",modelName="B"}': "70+0x28 141+0x5 140+0x100",
        # An instance of MIG has the name of its card.
        'DCGM_FI_DEV_GPU_UTIL{gpu_uuid="GPU-6",GPU_I_ID="7"}': "90+0x200",
        SNAPSHOT: "0+15x200",
    }
    file = _promtool_file(tmp_path, series)

    result = run_tool("promtool", "test", "rules", file)

    assert result.returncode == 0, result.stdout + result.stderr


def _pairs() -> dict[str, tuple[str, str, str]]:
    """Return the label that both have, what the rules record, and what a backtest asks for."""
    recorded = {
        "active": "gpu_uuid:watchdog_gpu_active:bool",
        "signals": "gpu_uuid:watchdog_gpu_signals:count",
        "coverage": "gpu_uuid:DCGM_FI_DEV_GPU_UTIL:coverage5m",
    }
    # There is a container for each allocation, and its name in the runtime is that of it.
    as_allocation = 'label_replace({}, "allocation_id", "$1", "container_runtime_id", "(.*)")'
    return {
        **{name: ("gpu_uuid", recorded[name], GPUS[name]) for name in GPUS},
        **{
            name: (
                "allocation_id",
                f'allocation_id_signal:watchdog_host_active:bool{{signal="{name}"}}',
                as_allocation.format(CONTAINERS[name]),
            )
            for name in CONTAINERS
        },
    }


def _promtool_file(folder: Path, series: dict[str, str]) -> Path:
    compared = [
        {
            "record": "differs",
            "labels": {"row": name},
            "expr": f"sum by ({label}) (abs(({ours}) - on ({label}) ({raw})))\n"
            f"or on ({label}) (({ours}) unless on ({label}) ({raw})) * 0 + 99\n"
            f"or on ({label}) (({raw}) unless on ({label}) ({ours})) * 0 + 98",
        }
        for name, (label, ours, raw) in _pairs().items()
    ]
    groups = [*groups_of(("mapping", "gpus", "hosts")), {"name": "compared", "rules": compared}]
    rules = folder / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": groups}, width=10_000))
    seen = f"[{(LAST - 24) * 15}s]"
    wanted = {
        f"max by (row) (max_over_time(differs{seen}))": dict.fromkeys(_pairs(), 0),
        f"count by (row) (present_over_time(differs{seen}))": {
            **dict.fromkeys(GPUS, 7),
            **dict.fromkeys(CONTAINERS, 6),
        },
    }
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": f"{LAST * 15}s",
                "exp_samples": [
                    {"labels": f'{{row="{name}"}}', "value": value} for name, value in rows.items()
                ],
            }
            for expression, rows in wanted.items()
        ],
    }
    file = folder / "test.yaml"
    order = [each for each in GROUPS if each in {group["name"] for group in groups}]
    whole = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "30s",
        "group_eval_order": [*order, "compared"],
        "tests": [test],
    }
    file.write_text(yaml.safe_dump(whole, width=10_000))
    return file
