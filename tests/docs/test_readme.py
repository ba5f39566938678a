"""README.md: its numbers, its needs and its first screen, held to the files that it speaks of."""

import re
from datetime import timedelta
from typing import Any

import yaml

from app.domain.cluster import TaskType
from app.durations import parse_duration
from app.reconciler import _STOPS_PER_TICK
from app.sections import LimitsSection, PolicySection
from app.settings import Settings
from tests.docs.pages import ROOT, codes, idle_windows, read, rows

PAGE = read("README.md")
FIRST_SCREEN = 24  # lines of the smallest terminal
WIDEST = 100  # characters


def rules() -> dict[str, dict[str, Any]]:
    return {
        rule.get("alert") or rule["record"]: rule
        for path in (ROOT / "alerting-rules").glob("*.rules.yaml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    }


def duration(text: str) -> timedelta:
    found = parse_duration(text)
    assert isinstance(found, timedelta)
    return found


def words(time: timedelta) -> str:
    minutes, seconds = divmod(round(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60) if minutes > 90 else (0, minutes)
    parts = ((hours, "h"), (minutes, "min"), (seconds, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def test_times_are_those_of_rules_routes_and_policies() -> None:
    known = rules()
    idle = known["GPUAllocationIdle"]
    # The third window is for tasks that work beside their GPUs.
    (*windows, longest), (*begins, _) = idle_windows()
    [burst] = re.findall(r"\[(\w+)\]", known["gpu_uuid:DCGM_FI_DEV_GPU_UTIL:max1m"]["expr"])
    routes = yaml.safe_load(read("alertmanager/alertmanager.yml"))["route"]["routes"]
    [wait] = [r["group_wait"] for r in routes if r["group_by"] == ["username", "alertname"]]
    policies: dict[str, PolicySection] = Settings.model_fields["policies"].get_default(
        call_default_factory=True
    )
    reclaim = policies["reclaim"]
    patience = duration(idle["for"]) + duration(wait)
    used = [duration(window) + duration(burst) + patience for window in windows]
    grace = [reclaim.grace[TaskType.NOTEBOOK], reclaim.grace_default]

    expected = [
        [words(duration(window)) for window in windows],
        [words(time) for time in used],
        [words(duration(begin) + patience) for begin in begins],
        [words(time + more) for time, more in zip(used, grace, strict=True)],
    ]

    table = rows(PAGE, "", "notebook, shell")
    assert [list(row.values())[1:] for row in table] == expected
    assert f"a copy count for {words(duration(longest))};" in " ".join(PAGE.split())


def test_limits_are_those_of_the_code() -> None:
    page = " ".join(PAGE.split())

    assert f"limit of {_STOPS_PER_TICK} stops" in page
    assert f"missing for {words(LimitsSection().heartbeat_age)}, stops every stop" in page
    policy = PolicySection()
    longest, total = policy.keep_longest // timedelta(hours=1), policy.keep_total.days
    kept = f"be kept for {longest} h at a time, and for {total} days in all"
    assert kept in page


def test_metrics_that_the_rules_need_are_named_and_no_other() -> None:
    expressions = "\n".join(rule["expr"] for rule in rules().values())
    scraped = r"(?<![\w:])(?:DCGM|det|container|machine|node)_\w+(?![\w:])"
    labels = {"det_agent_id", "container_id", "container_runtime_id"}
    needed = set(re.findall(scraped, expressions)) - labels

    named = {name for row in rows(PAGE, "metric", "from", "why") for name in codes(row["metric"])}

    assert {name for name in named if not name.startswith("watchdog_")} == needed


def test_picture_and_commands_fit_the_first_screen() -> None:
    screen = PAGE.splitlines()[:FIRST_SCREEN]

    assert screen[0] == "# GPU Watchdog"
    assert "make demo" in "\n".join(screen)
    assert "make test" in "\n".join(screen)
    assert [line for line in screen if len(line) > WIDEST] == []


def test_every_safety_rule_is_named() -> None:
    assert {int(number) for number in re.findall(r"\bS(\d+)\b", PAGE)} == set(range(1, 14))
