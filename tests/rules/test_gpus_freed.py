"""What is asked of the GPUs of a stopped task, asked of Prometheus, and held to the rules."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.domain.aftermath import query_for
from tests.rules.conftest import Tool

RULES = Path(__file__).parents[2] / "alerting-rules/slots.rules.yaml"
THRESHOLD = "threshold:watchdog_gpu_memory_foreign:mebibytes"
UTIL, MEMORY = "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED"
ASKED = query_for(["GPU-1", "GPU-2"], timedelta(seconds=30))


def gpu(metric: str, values: str, uuid: str = "GPU-1", **labels: str) -> dict[str, str]:
    """Return a sample every 15 s, as one exporter shows it."""
    known = {"gpu_uuid": uuid, "UUID": uuid, "instance": "agent-a:9400", "GPU_I_ID": ""} | labels
    words = ",".join(f'{name}="{value}"' for name, value in known.items() if value)
    return {"series": f"{metric}{{{words}}}", "values": values}


LIMIT = {"series": THRESHOLD, "values": "500x9"}


def answer(value: float, uuid: str = "GPU-1") -> dict[str, object]:
    return {"labels": f'{{gpu_uuid="{uuid}"}}', "value": value}


@pytest.mark.parametrize(
    ("rows", "answers"),
    [
        ([gpu(UTIL, "0x9"), gpu(MEMORY, "4x9"), LIMIT], [answer(0)]),
        ([gpu(UTIL, "0x9"), gpu(MEMORY, "501x9"), LIMIT], [answer(1)]),
        ([gpu(UTIL, "0x9"), gpu(MEMORY, "500x9"), LIMIT], [answer(0)]),
        ([gpu(UTIL, "6x9"), gpu(MEMORY, "4x9"), LIMIT], [answer(6)]),
        ([gpu(UTIL, "5x9"), gpu(MEMORY, "4x9"), LIMIT], [answer(0)]),
        ([gpu(UTIL, "0x9"), LIMIT], []),
        ([gpu(MEMORY, "4x9"), LIMIT], [answer(0)]),
        ([gpu(UTIL, "0x9"), gpu(MEMORY, "4x9")], []),
        ([gpu(UTIL, "0x5 _x3"), gpu(MEMORY, "4x5 _x3"), LIMIT], []),
        ([gpu(MEMORY, "4x9", GPU_I_ID="7"), LIMIT], []),
        ([gpu(MEMORY, "4x9", uuid="GPU-3"), LIMIT], []),
        (
            [gpu(MEMORY, "4x9"), gpu(MEMORY, "900x9", instance="old:9400"), LIMIT],
            [answer(1)],
        ),
        (
            [gpu(MEMORY, "4x9"), gpu(MEMORY, "900x9", uuid="GPU-2"), LIMIT],
            [answer(0), answer(1, "GPU-2")],
        ),
    ],
    ids=[
        "free",
        "memory",
        "memory at the limit",
        "works",
        "works at the limit",
        "without its memory",
        "without its utilization",
        "without the limit",
        "samples too old",
        "MIG",
        "another GPU",
        "two exporters",
        "two GPUs",
    ],
)
def test_what_prometheus_says_of_a_gpu(
    rows: list[dict[str, str]], answers: list[dict[str, object]], tmp_path: Path, run_tool: Tool
) -> None:
    asked = {"expr": ASKED, "eval_time": "2m15s", "exp_samples": answers}
    tests: list[dict[str, Any]] = [
        {"interval": "15s", "input_series": rows, "promql_expr_test": [asked]}
    ]
    path = tmp_path / "gpus.test.yaml"
    path.write_text(yaml.safe_dump({"evaluation_interval": "15s", "tests": tests}))

    result = run_tool("promtool", "test", "rules", path)

    assert result.returncode == 0, result.stdout + result.stderr


def test_it_is_what_the_alert_on_gpus_of_nobody_asks() -> None:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    [alert] = [rule["expr"] for rule in rules if rule.get("alert") == "GPUUsedByNoTask"]

    for limit in (THRESHOLD, f'{UTIL}{{GPU_I_ID=""}}) > 5', f'{MEMORY}{{GPU_I_ID=""}}) >'):
        assert limit in alert
    assert THRESHOLD in ASKED
    assert ")) > 5\n" in ASKED
