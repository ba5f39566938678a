"""The verdicts of a backtest are those of the rules, replayed by promtool over the same rows."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import yaml

from app.domain.backtest_course import Grid
from app.domain.backtest_outcome import firing
from app.domain.backtest_verdict import IdleRule, judge
from tests.domain.courses import (
    MINUTE,
    NONE,
    Happened,
    at_random,
    course,
    series,
    stretches,
    tracks,
)
from tests.rules.conftest import Tool
from tests.rules.proof_world import groups_of

STEP = MINUTE
LENGTH = 170
VETO = 80 * MINUTE
"""In place of four hours, to save time: nothing changes when a duration is replaced everywhere."""
GRID = Grid(datetime.fromtimestamp(0, UTC), STEP)
RULE = IdleRule(veto=VETO)
_OTHERWISE = (
    (r"(count_over_time\(vector\(1\)\[\w+):\w+\]", r"\1:1m]"),
    (r"\[4h", "[80m"),
    (r"offset 250m", "offset 90m"),
)
"""promtool evaluates every rule at every step; so this is how often a row is there."""
_NEEDED = ("summaries", "windows", "windows-coverage", "windows-held", "windows-hosts", "verdicts")
_UNREAD = {
    f"allocation_id:{name}"
    for name in (
        "watchdog_gpu_busy:avg5m",
        "DCGM_FI_PROF_DRAM_ACTIVE:max5m",
        "DCGM_FI_DEV_POWER_USAGE:times_idle5m",
        "DCGM_FI_DEV_FB_USED:max5m",
    )
}
"""What this alert does not read."""
_FIRING = 'ALERTS{alertname="GPUAllocationIdle",alertstate="firing"}'
_NAMES = {
    "held": "allocation_id:watchdog_idle_window:info",
    "gpu_active": "allocation_id:watchdog_gpu_active:max",
    "host_active": "allocation_id:watchdog_host_active:max",
    "signals": "allocation_id:watchdog_gpu_signals:count",
    "coverage": "allocation_id:DCGM_FI_DEV_GPU_UTIL:coverage5m",
}


def cases() -> dict[str, Happened]:
    """Return tasks by what they show."""
    busy, idle = (1, 20), (0, 180)
    return {
        "idle from its start": tracks(LENGTH),
        "works first": tracks(LENGTH, gpu_active=stretches(busy, idle)),
        "works for a moment, again and again": tracks(
            LENGTH, gpu_active=stretches(*[(0, 24), (1, 1)] * 8)
        ),
        "works on the CPU": tracks(LENGTH, host_active=[1] * LENGTH),
        "host is not seen": tracks(LENGTH, host_active=[]),
        "host is seen for a part": tracks(
            LENGTH, host_active=stretches(*[(0, 16), (NONE, 4)] * 10)
        ),
        "nine tenths are there": tracks(LENGTH, coverage=[0.9] * LENGTH),
        "less than nine tenths are there": tracks(LENGTH, coverage=[0.85] * LENGTH),
        "fires through a short gap": tracks(LENGTH, coverage=stretches((1, 60), (0, 5), (1, 135))),
        "fires no more after a long gap": tracks(
            LENGTH, coverage=stretches((1, 60), (0, 15), (1, 125))
        ),
        "a signal falls silent": tracks(LENGTH, signals=stretches((4, 60), (2, 140))),
        "a signal comes": tracks(LENGTH, signals=stretches((2, 30), (4, 170))),
        "comes back": tracks(LENGTH, gpu_active=stretches((0, 60), (1, 2), (0, 138))),
        "ends while it fires": tracks(
            LENGTH,
            **dict.fromkeys(("held", "signals", "coverage"), stretches((1, 70))),
            gpu_active=stretches((0, 70)),
            host_active=stretches((0, 70)),
        ),
        "rows end, but not its own": tracks(LENGTH, signals=stretches((4, 70))),
        "begins late": tracks(
            LENGTH,
            held=stretches((NONE, 50), (1, 150)),
            coverage=stretches((NONE, 50), (1, 150)),
        ),
        **{f"at random {seed}": at_random(Random(seed), LENGTH) for seed in range(9)},  # noqa: S311
    }


def test_alert_fires_and_ends_when_the_rules_say_so(tmp_path: Path, run_tool: Tool) -> None:
    told = {}
    inputs: dict[str, str] = {}
    for number, (name, parts) in enumerate(cases().items()):
        window = 30 if number % 3 else 60
        idle = judge(course(parts, window=window * MINUTE), RULE, GRID).idle
        spans = firing(idle, RULE, GRID)
        told[name] = [step for begin, end in spans for step in range(begin, min(end, LENGTH))]
        inputs |= _inputs(name, parts, window, told[name])
    # Since 3.0 a window has one step less where its length is a whole number of steps.
    is_new = "version 2." not in run_tool("promtool", "--version").stdout
    file = _promtool_file(tmp_path, inputs, told, off=10 if is_new else 0)

    result = run_tool("promtool", "test", "rules", file)

    assert result.returncode == 0, result.stdout + result.stderr
    assert len([name for name, steps in told.items() if steps]) > len(told) / 2


def _inputs(name: str, parts: Happened, window: int, told: Sequence[int]) -> dict[str, str]:
    identity = f'allocation_id="{name}"'
    rows = {}
    for field, metric in _NAMES.items():
        more = f',window="{window}m",task_type="notebook"' if field == "held" else ""
        rows[f"{metric}{{{identity}{more}}}"] = series(getattr(parts, field))
    rows[f"allocation_id:watchdog_allocation_slots:max{{{identity}}}"] = f"1+0x{LENGTH}"
    rows[f"told{{{identity}}}"] = series([1.0 if step in told else 0.0 for step in range(LENGTH)])
    return rows


def _promtool_file(
    folder: Path, inputs: Mapping[str, str], names: Iterable[str], *, off: int
) -> Path:
    """Return a test that the alert fires at exactly the steps that we told."""
    groups = [
        each
        for each in groups_of(("gpus", "windows", "verdicts", "reclaim"))
        if each["name"].removeprefix("gpu-watchdog-") in {*_NEEDED, "reclaim"}
    ]
    for group in groups:
        group["rules"] = [each for each in group["rules"] if each.get("record") not in _UNREAD]
        for rule in group["rules"]:
            rule.pop("annotations", None)
    fires = f"(max by (allocation_id) ({_FIRING}) or told * 0)"
    compared = {"record": "wrong", "expr": f"abs({fires} - on (allocation_id) told)"}
    groups.append({"name": "compared", "rules": [compared]})
    text = yaml.safe_dump({"groups": groups}, width=1_000)
    for pattern, other in _OTHERWISE:
        text = re.sub(pattern, other, text)
    (folder / "rules.yaml").write_text(text)
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in inputs.items()],
        "promql_expr_test": [
            {
                "expr": f"sum_over_time(wrong[{LENGTH}m]) > bool {off}",
                "eval_time": f"{LENGTH - 1}m",
                "exp_samples": [
                    {"labels": f'{{allocation_id="{name}"}}', "value": 0} for name in names
                ],
            }
        ],
    }
    file = folder / "test.yaml"
    whole = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "group_eval_order": [each["name"] for each in groups],
        "tests": [test],
    }
    file.write_text(yaml.safe_dump(whole, width=1_000))
    return file
