"""What digests ask Prometheus, asked of Prometheus with the rows that the rules of usage record."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.usage import (
    HELD,
    HELD_BY_TYPE,
    IDLE,
    IDLE_BY_TYPE,
    USED,
    USED_BY_TYPE,
    coverage,
    hours,
)
from tests.rules.conftest import Tool

RULES = Path(__file__).parents[2] / "alerting-rules/usage.rules.yaml"
DAY = timedelta(days=1)
LONG = 2 * DAY
"""promtool has no room for the rows of a week."""
NOT_LATE = timedelta()
ALICE = 'username="alice", resource_pool="a100"'
BOB = 'username="bob", resource_pool="a100"'
HEARTBEAT = 'ALERTS{alertname="WatchdogHeartbeat", alertstate="firing", policy="self"}'


def row(values: str, series: str) -> dict[str, str]:
    """Return a row a minute, from the begin on."""
    return {"series": series, "values": values}


def answers(expression: str, *, after: timedelta, **values: float) -> dict[str, Any]:
    """Demand these values, each of a series."""
    labels = {"alice": f"{{{ALICE}}}", "bob": f"{{{BOB}}}", "share": "{}"}
    samples = [{"labels": labels[name], "value": value} for name, value in values.items()]
    minutes = int(after / timedelta(minutes=1))
    return {"expr": expression, "eval_time": f"{minutes}m", "exp_samples": samples}


def recorded(record: str) -> str:
    """Return how a row is found out."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    rules = [each for group in groups for each in group["rules"]]
    [expression] = [str(each["expr"]) for each in rules if each["record"] == record]
    return expression


def test_gpu_hours_and_their_coverage_are_those_of_the_time_itself(
    tmp_path: Path, run_tool: Tool
) -> None:
    """Alice holds two GPUs for three days. In the midst of the first two the rules begin to be
    evaluated, and bob begins to hold eight. Of the time before all that there is nothing.
    """
    half = 1440
    rows = [
        row("2x4320", f"{HELD}{{{ALICE}}}"),
        row(f"_x{half} 8x{2 * half}", f"{HELD}{{{BOB}}}"),
        row(f"_x{half} 1x{2 * half}", HEARTBEAT),
    ]
    # A window of Prometheus 2 has the rows of both of its ends.
    share = (half + 1) / (2 * half + 1)
    of_bob = 48 * 8 * (half + 1) / (2 * half + 1)
    asked = [
        answers(hours(HELD, LONG, NOT_LATE), after=LONG, alice=96, bob=of_bob),
        answers(coverage(LONG, NOT_LATE), after=LONG, share=share),
        answers(hours(HELD, LONG, DAY), after=LONG + DAY, alice=96, bob=of_bob),
        answers(coverage(LONG, DAY), after=LONG + DAY, share=share),
        answers(hours(HELD, DAY, NOT_LATE), after=LONG + DAY, alice=48, bob=192),
        answers(coverage(DAY, NOT_LATE), after=LONG + DAY, share=1),
        answers(hours(HELD, LONG, 2 * LONG), after=LONG + DAY),
        answers(coverage(LONG, 2 * LONG), after=LONG + DAY),
    ]
    tests = [{"interval": "1m", "input_series": rows, "promql_expr_test": asked}]
    path = tmp_path / "digest.test.yaml"
    path.write_text(yaml.safe_dump({"evaluation_interval": "1d", "tests": tests}))

    result = run_tool("promtool", "test", "rules", path)

    assert result.returncode == 0, result.stdout + result.stderr


def test_gpu_hours_are_asked_for_as_the_rules_have_them_of_a_day() -> None:
    rule = recorded("username_resource_pool:watchdog_gpu_hours_allocated:sum1d")

    assert hours(HELD, DAY, NOT_LATE) == rule.replace("[1d", "[86400s")


def test_less_than_a_second_is_not_late() -> None:
    assert "offset 1s" in hours("x", LONG, timedelta(milliseconds=1900))
    assert "offset" not in hours("x", LONG, timedelta(milliseconds=900))


@pytest.mark.parametrize(
    ("by_type", "record"), [(HELD_BY_TYPE, HELD), (USED_BY_TYPE, USED), (IDLE_BY_TYPE, IDLE)]
)
def test_by_type_is_summed_what_the_rules_sum_by_user_and_pool(by_type: str, record: str) -> None:
    assert by_type == recorded(record).strip().replace("username, resource_pool", "task_type")


def test_gpu_hours_by_type_are_those_of_the_time_itself(tmp_path: Path, run_tool: Tool) -> None:
    """A trial holds two GPUs for a day, of which one works; a shell runs beside a GPU for half."""
    info = "allocation_id:watchdog_allocation_info:group"
    slots = "allocation_id:watchdog_allocation_slots:max"
    active = "gpu_uuid_allocation_id:watchdog_gpu_active:max"
    rows = [
        row("1x1440", f'{info}{{allocation_id="1.1.1", task_type="trial"}}'),
        row("2x1440", f'{slots}{{allocation_id="1.1.1"}}'),
        row("1x1440", f'{active}{{allocation_id="1.1.1", gpu_uuid="a"}}'),
        row("0x1440", f'{active}{{allocation_id="1.1.1", gpu_uuid="b"}}'),
        row("1x719 stale", f'{info}{{allocation_id="s.1", task_type="shell"}}'),
        row("4x719 stale", f'{slots}{{allocation_id="s.1"}}'),
    ]
    half = 24 * 4 * 720 / 1441
    asked: dict[str, dict[str, float]] = {
        HELD_BY_TYPE: {"trial": 48, "shell": half},
        USED_BY_TYPE: {"trial": 24},
        IDLE_BY_TYPE: {"trial": 24},
    }
    expected = [
        {
            "expr": hours(expression, DAY, NOT_LATE, each=":1m"),
            "eval_time": "1d",
            "exp_samples": [
                {"labels": f'{{task_type="{name}"}}', "value": value}
                for name, value in values.items()
            ],
        }
        for expression, values in asked.items()
    ]
    tests = [{"interval": "1m", "input_series": rows, "promql_expr_test": expected}]
    path = tmp_path / "report.test.yaml"
    path.write_text(yaml.safe_dump({"evaluation_interval": "1d", "tests": tests}))

    result = run_tool("promtool", "test", "rules", path)

    assert result.returncode == 0, result.stdout + result.stderr
