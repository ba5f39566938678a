"""docs/alerts.md, docs/detection.md and the runbooks, held to the rules."""

import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.domain.alert import ADMIN_SCOPES, HEARTBEAT
from app.domain.cluster import TaskType
from app.domain.policy import Mode, StopAction
from app.durations import parse_duration
from app.sections import PolicySection
from app.settings import Settings
from tests.docs.pages import ROOT, blocks, code, codes, idle_windows, read, rows

PAGE = read("docs/alerts.md")
RULES: list[dict[str, Any]] = [
    rule
    for path in sorted((ROOT / "alerting-rules").glob("*.rules.yaml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
LISTED = rows(PAGE, "alert", "scope", "severity", "policy", "fires when", "as shipped")
THRESHOLDS = rows(PAGE, "threshold", "value", "unit", "used by")
RUNBOOKS = sorted((ROOT / "docs/runbooks").glob("*.md"))
POLICIES: dict[str, PolicySection] = Settings.model_fields["policies"].get_default(
    call_default_factory=True
)
FOR_ADMINS = next(
    re.findall(r"\w+", route["matchers"][0].partition("=~")[2])
    for route in yaml.safe_load(read("alertmanager/alertmanager.yml"))["route"]["routes"]
    if route["receiver"] == "admins"
)
PATIENT = [name for name, rule in ALERTS.items() if "for" in rule]


def duration(text: str) -> timedelta:
    found = parse_duration(text)
    assert isinstance(found, timedelta)
    return found


def written(text: str) -> timedelta:
    """Read a time as pages write it: `2 h 45 min`."""
    return duration(text.replace("min", "m").replace(" ", ""))


def as_shipped(name: str) -> str:
    labels = ALERTS[name]["labels"]
    if name == HEARTBEAT:
        return "heartbeat"
    if labels["scope"] in ADMIN_SCOPES:
        return "admins"
    policy = POLICIES.get(labels["policy"], PolicySection(mode=Mode.OBSERVE))
    stops = policy.action is not StopAction.NONE
    to_the_owner = labels["policy"] if stops else "advise"
    if policy.mode is Mode.OBSERVE:
        to_the_owner = "record"
    return f"{to_the_owner}, admins" if labels["policy"] in FOR_ADMINS else to_the_owner


def queries(page: str) -> list[str]:
    """Return the queries of a page: each begins a line, and goes on where lines are indented."""
    found = "\n".join(blocks(page, "promql"))
    return [each for each in re.split(r"\n(?=\S)", found) if each.strip()]


def test_every_alert_is_listed_once_and_no_other() -> None:
    assert sorted(code(row["alert"]) for row in LISTED) == sorted(ALERTS)


@pytest.mark.parametrize("row", LISTED, ids=lambda row: code(row["alert"]))
def test_alert_is_listed_as_it_is(row: dict[str, str]) -> None:
    name = code(row["alert"])
    labels = ALERTS[name]["labels"]

    assert row["alert"] == f"[`{name}`](runbooks/{name}.md)"
    assert row["severity"] == labels["severity"]
    assert codes(row["scope"]) == [labels[key] for key in ("scope",) if key in labels]
    assert codes(row["policy"]) == [labels[key] for key in ("policy",) if key in labels]
    assert row["as shipped"] == as_shipped(name)


@pytest.mark.parametrize("name", PATIENT)
def test_patience_of_an_alert_is_named(name: str) -> None:
    [row] = [row for row in LISTED if code(row["alert"]) == name]
    runbook = " ".join(read(f"docs/runbooks/{name}.md").split())

    listed = re.findall(r"for (\d+ (?:min|h))$", row["fires when"])
    named = re.findall(r"(?<=`for` )\d+ (?:min|h)|\d+ (?:min|h)(?= \(`for`\))", runbook)

    assert [written(time) for time in listed + named] == [duration(ALERTS[name]["for"])] * 2


def test_every_recorded_series_is_listed_once_and_no_other() -> None:
    listed = [code(row["series"]) for row in rows(PAGE, "series", "unit", "meaning")]

    assert sorted(listed + [code(row["threshold"]) for row in THRESHOLDS]) == sorted(RECORDED)


@pytest.mark.parametrize("row", THRESHOLDS, ids=lambda row: code(row["threshold"]))
def test_threshold_is_listed_with_its_value_and_who_uses_it(row: dict[str, str]) -> None:
    name = code(row["threshold"])

    assert RECORDED[name] == f"vector({row['value']})"
    assert set(codes(row["used by"])) == {
        alert for alert, rule in ALERTS.items() if name in rule["expr"]
    }


def test_every_runbook_has_queries_to_paste() -> None:
    assert [page.stem for page in RUNBOOKS if not queries(page.read_text())] == []


def test_queries_to_paste_are_promql(tmp_path: Path) -> None:
    found = [query for page in RUNBOOKS for query in queries(page.read_text())]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(found)]
    # Every JSON is YAML.
    (tmp_path / "queries.yaml").write_text(json.dumps({"groups": [{"name": "q", "rules": rules}]}))
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not installed; Debian has it in prometheus"

    result = subprocess.run(  # noqa: S603  # our own arguments
        [promtool, "check", "rules", tmp_path / "queries.yaml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert result.returncode == 0, result.stderr


def test_times_that_users_are_told_are_those_of_rules_routes_and_policies() -> None:
    idle = ALERTS["GPUAllocationIdle"]
    windows, begins = ([duration(time) for time in times] for times in idle_windows())
    [burst] = re.findall(r"\[(\w+)\]", RECORDED["gpu_uuid:DCGM_FI_DEV_GPU_UTIL:max1m"])
    routes = yaml.safe_load(read("alertmanager/alertmanager.yml"))["route"]["routes"]
    [wait] = [r["group_wait"] for r in routes if r["group_by"] == ["username", "alertname"]]
    patience = duration(idle["for"])
    started = [begin + patience + duration(wait) for begin in begins[:2]]
    used = [window + duration(burst) + patience + duration(wait) for window in windows]
    grace = [POLICIES["reclaim"].grace[TaskType.NOTEBOOK], POLICIES["reclaim"].grace_default]

    expected = [
        [begin - window for begin, window in zip(begins[:2], windows[:2], strict=True)],
        windows[:2],
        [patience] * 2,
        started,
        used[:2],
        used[2:] * 2,
        grace,
        [time + more for time, more in zip(started, grace, strict=True)],
        [time + more for time, more in zip(used[:2], grace, strict=True)],
    ]

    table = rows(read("docs/detection.md"), "", "notebook, shell")
    minute = timedelta(minutes=1)
    assert [[written(time) for time in [*row.values()][1:]] for row in table] == [
        # Rounded down: "at the earliest" must not promise too much.
        [time // minute * minute for time in line]
        for line in expected
    ]
