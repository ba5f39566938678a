"""What explanations ask Prometheus, and what they say of it, held to the rules."""

import re
from pathlib import Path
from typing import Any

import yaml

from app.domain import conditions, facts, idleness, prospect
from app.domain.alert import IDLE, Scope
from app.domain.facts import LAST_ACTIVE, SPANS
from app.explanations import questions_about
from tests.domain.examples import allocation
from tests.rules.conftest import Tool

RULES = Path(__file__).parents[2] / "alerting-rules"
ROW = re.compile(r"[a-zA-Z_]+:[A-Za-z_]+:[a-z0-9_]+")
EVERY = [
    rule
    for path in sorted(RULES.glob("*.rules.yaml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in EVERY if "alert" in rule}
ABOUT = allocation()
OWN = f'allocation_id="{ABOUT.allocation_id}"'


def test_every_row_that_is_named_is_recorded() -> None:
    recorded = {rule["record"] for rule in EVERY if "record" in rule}
    sources = [Path(str(each.__file__)).read_text() for each in (conditions, facts, idleness)]
    text = "\n".join(sources).replace("{_ON_AGENT}", "allocation_id_agent_id")

    named = set(ROW.findall(text.replace("{_OF_USER}", "username_resource_pool")))

    assert len(named) > 30, "the pattern does not find what the code names any more"
    assert named - recorded == set()


def test_every_alert_about_tasks_and_users_is_explained_and_no_other() -> None:
    scopes = {name: rule["labels"].get("scope") for name, rule in ALERTS.items()}

    assert {*conditions.EXPLAINED, IDLE} == {name for name in scopes if scopes[name] in set(Scope)}
    assert set(idleness.CONTRADICTIONS) <= scopes.keys()


def test_what_is_taken_for_shipped_is_what_is_shipped() -> None:
    rule = ALERTS[IDLE]

    assert prospect.SHIPPED.labels == rule["labels"]
    assert f"{prospect.SHIPPED.lasting.total_seconds() / 60:.0f}m" == rule["for"]


def test_what_disbelieves_the_signals_is_what_inhibits_the_alert() -> None:
    routes = yaml.safe_load((RULES.parent / "alertmanager/alertmanager.yml").read_text())
    [sources] = [
        rule["source_matchers"][0]
        for rule in routes["inhibit_rules"]
        if "(Idle|" in rule["target_matchers"][0]
    ]

    assert set(re.findall(r"\w+", sources.partition('"')[2])) == set(idleness.CONTRADICTIONS)


def test_questions_are_understood_and_find_what_is_about_the_task(
    tmp_path: Path, run_tool: Tool
) -> None:
    """It last worked at minute 50; another allocation, and another user's alert, are near."""
    own, _of_user, of_agents, thresholds, spans = questions_about(ABOUT)
    active, busy = "allocation_id:watchdog_gpu_active:max", "allocation_id:watchdog_gpu_busy:avg5m"
    series = {
        f"{active}{{{OWN}}}": "1x50 0x50",
        f'{active}{{allocation_id="another.1"}}': "1x100",
        f"{busy}{{{OWN}}}": "0.5x100",
        'agent_id:node_cpu_busy:ratio5m{agent_id="agent-a"}': "0.9x100",
        'agent_id:node_cpu_busy:ratio5m{agent_id="agent-b"}': "0.8x100",
        "threshold:node_cpu_busy:ratio": "0.85x100",
    }
    expected = {
        own: {f"{active}{{{OWN}}}": 0.0, f"{busy}{{{OWN}}}": 0.5},
        of_agents: {'agent_id:node_cpu_busy:ratio5m{agent_id="agent-a"}': 0.9},
        thresholds: {"threshold:node_cpu_busy:ratio": 0.85},
        spans: {
            f'{{row="last_active", {OWN}}}': 3000.0,
            f'{{row="busy6h", {OWN}}}': 0.5,
            f'{{row="busy1d", {OWN}}}': 0.5,
        },
    }
    tests = {
        "interval": "1m",
        "input_series": [{"series": each, "values": series[each]} for each in series],
        "promql_expr_test": [
            {
                "expr": query,
                "eval_time": "100m",
                "exp_samples": [{"labels": key, "value": found[key]} for key in found],
            }
            for query, found in expected.items()
        ],
    }
    path = tmp_path / "explanation.test.yaml"
    path.write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [tests]}))

    result = run_tool("promtool", "test", "rules", path)

    assert LAST_ACTIVE in SPANS
    assert result.returncode == 0, result.stdout + result.stderr
