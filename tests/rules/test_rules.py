import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "alerting-rules").glob("*.rules.yaml"))
TESTS = sorted((ROOT / "alerting-rules/tests").glob("*.test.yaml"))
IDENTITY = {"username", "resource_pool", "allocation_id", "task_id", "task_type"}

Tool = Callable[..., CompletedProcess[str]]
Alerts = dict[str, dict[str, Any]]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_prometheus_accepts_the_rules(path: Path, run_tool: Tool) -> None:
    result = run_tool("promtool", "check", "rules", "--lint-fatal", path)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_rules_do_what_their_tests_say(path: Path, run_tool: Tool) -> None:
    result = run_tool("promtool", "test", "rules", path)

    assert result.returncode == 0, result.stdout + result.stderr


def test_prometheus_accepts_the_configuration(run_tool: Tool) -> None:
    # The token file is made by the receiver, so it is not there yet.
    result = run_tool("promtool", "check", "config", "--syntax-only", _prometheus_config())

    assert result.returncode == 0, result.stdout + result.stderr


def test_configuration_finds_the_rules_of_the_repository() -> None:
    [pattern] = yaml.safe_load(_prometheus_config().read_text())["rule_files"]

    assert sorted(_prometheus_config().parent.glob(pattern)) != []
    assert {path.name for path in _prometheus_config().parent.glob(pattern)} == {
        path.name for path in RULES
    }


def test_no_setting_is_newer_than_prometheus_2_42_or_gone_from_3() -> None:
    text = _without_comments(_prometheus_config())

    for name in ("track_timestamps_staleness", "fallback_scrape_protocol", "external_labels"):
        assert name not in text


@pytest.mark.parametrize(
    ("cgroup", "runtime_id"),
    [
        pytest.param("/docker/" + "a1" * 32, "a1" * 32, id="cgroupfs"),
        pytest.param(f"/system.slice/docker-{'a1' * 32}.scope", "a1" * 32, id="systemd"),
        pytest.param(f"/docker/{'a1' * 32}/init", None, id="nested"),
        pytest.param("/", None, id="machine"),
    ],
)
def test_runtime_id_is_read_from_both_shapes_of_a_cgroup(
    cgroup: str, runtime_id: str | None
) -> None:
    jobs = yaml.safe_load(_prometheus_config().read_text())["scrape_configs"]
    relabeling = next(
        rule
        for job in jobs
        for rule in job.get("metric_relabel_configs", ())
        if rule.get("target_label") == "container_runtime_id"
    )

    found = re.fullmatch(relabeling["regex"], cgroup)

    assert (found[1] if found else None) == runtime_id


def test_alert_that_can_stop_something_keeps_the_contract(alerts: Alerts) -> None:
    alert = alerts["GPUAllocationIdle"]

    assert set(alert["labels"]) == {"severity", "policy", "scope"}
    assert alert["labels"] == {"severity": "warning", "policy": "reclaim", "scope": "allocation"}
    assert set(alert["annotations"]) == {
        *("summary", "description", "runbook_url", "dashboard_url", "verify", "evidence")
    }
    assert "{{" not in str(alert["labels"]), "a label is identity and never a value"
    assert set(re.findall(r"max by \(([^)]*)\) \(\n\s+allocation_id:", alert["expr"])) == {
        "username, resource_pool, allocation_id, task_id, task_type"
    }
    assert alert["keep_firing_for"]


def test_verify_is_the_expression_of_the_alert_for_one_allocation(alerts: Alerts) -> None:
    alert = alerts["GPUAllocationIdle"]

    verify = re.sub(r"\{\{-.*-\}\}", "", alert["annotations"]["verify"])
    verify = verify.replace(", {{ $identity }} }", "}").replace("{ {{ $allocation }} }", "")

    assert verify.split() == alert["expr"].split()


def test_identity_of_a_query_names_every_label_that_identifies_the_target(alerts: Alerts) -> None:
    annotations = alerts["GPUAllocationIdle"]["annotations"]

    for query in (annotations["verify"], annotations["evidence"]):
        [definition] = re.findall(r'\$identity := printf "([^-]*)" ', query)
        assert set(re.findall(r"(\w+)=%q", definition)) == IDENTITY


def test_time_is_never_a_bare_number(alerts: Alerts) -> None:
    queries = [alert["expr"] for alert in alerts.values()]
    queries += [alert.get("annotations", {}).get("evidence", "") for alert in alerts.values()]

    for query in queries:
        compared = re.findall(r"time\(\)[^,\n]*[<>]", query)
        assert compared == [], "the demo scales literals with a unit, and nothing else"


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_names_of_rule_tests_are_sentences(path: Path) -> None:
    for test in yaml.safe_load(path.read_text())["tests"]:
        assert re.match(r"^[A-Z].* .* .*[^.]$", test["name"]), test.get("name")


def _prometheus_config() -> Path:
    return ROOT / "prometheus/prometheus.yml"


def _without_comments(path: Path) -> str:
    return "\n".join(re.sub(r"(^|\s)#.*", "", line) for line in path.read_text().splitlines())
