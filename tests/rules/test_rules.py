import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from benchmarks.rules.reach import seconds

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "alerting-rules").glob("*.rules.yaml"))
TESTS = sorted((ROOT / "alerting-rules/tests").glob("*.test.yaml"))
IDENTITY = {
    "allocation": {"username", "resource_pool", "allocation_id", "task_id", "task_type"},
    "user": {"username", "resource_pool"},
}
"""What identifies a target, by the scopes that the receiver acts on."""
POLICIES = {
    "allocation": {"reclaim", "advise", "urgent", "review"},
    "user": {"slots"},
    "agent": {"telemetry", "review"},
    "cluster": {"telemetry", "self"},
}

Tool = Callable[..., CompletedProcess[str]]
Alerts = dict[str, dict[str, Any]]


def _rules() -> list[dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text()) for path in RULES]
    return [rule for one in documents for group in one["groups"] for rule in group["rules"]]


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


@pytest.fixture(params=[rule["alert"] for rule in _rules() if "policy" in rule.get("labels", {})])
def alert(request: pytest.FixtureRequest, alerts: Alerts) -> dict[str, Any]:
    found: dict[str, Any] = alerts[request.param]
    return found


def test_policy_and_scope_are_known(alert: dict[str, Any]) -> None:
    labels = alert["labels"]

    assert set(labels) == {"severity", "policy", "scope"}
    assert labels["severity"] in {"info", "warning", "critical"}
    assert labels["policy"] in POLICIES[labels["scope"]]
    assert "{{" not in str(labels), "a label is identity and never a value"


def test_annotations_tell_people_what_and_where(alert: dict[str, Any]) -> None:
    annotations = alert["annotations"]

    assert set(annotations) >= {"summary", "description", "runbook_url", "dashboard_url"}
    assert "{{" not in annotations["summary"], "the summary is the same for all"
    for name in ("summary", "description"):
        assert annotations[name].endswith(".")


def test_alert_that_can_stop_something_can_be_proven(alert: dict[str, Any]) -> None:
    can_stop = alert["labels"]["scope"] in IDENTITY

    assert ({"verify", "evidence"} <= set(alert["annotations"])) is can_stop
    assert bool(alert.get("keep_firing_for")) or not can_stop


def test_identity_comes_from_the_expression(alert: dict[str, Any]) -> None:
    """Labels that a rule adds cannot be seen by its templates."""
    identity = IDENTITY.get(alert["labels"]["scope"])
    levels = re.findall(r"(?m)^\s*max by \((username[^)]*)\) \(", alert["expr"])

    if identity:
        assert levels, "the identity labels are named"
    for level in levels:
        assert set(level.split(", ")) in IDENTITY.values()


def test_verify_is_the_expression_of_the_alert_for_one_target(alert: dict[str, Any]) -> None:
    verify = re.sub(r"\{\{-.*-\}\}", "", alert["annotations"].get("verify", alert["expr"]))
    verify = re.sub(r", \{\{ \$\w+ \}\} \}", "}", verify)
    verify = re.sub(r"\{ \{\{ \$\w+ \}\} \}", "", verify)

    assert verify.split() == alert["expr"].split()


def test_identity_of_a_query_names_every_label_that_identifies_the_target(
    alert: dict[str, Any],
) -> None:
    identity = IDENTITY.get(alert["labels"]["scope"])

    for name in {"verify", "evidence"} & set(alert["annotations"]):
        [definition] = re.findall(r'\$identity := printf "([^-]*)" ', alert["annotations"][name])
        assert set(re.findall(r"(\w+)=%q", definition)) == identity


def test_every_name_that_a_rule_reads_is_recorded_or_scraped() -> None:
    recorded = {rule["record"] for rule in _rules() if "record" in rule}

    for rule in _rules():
        texts = [rule["expr"], *rule.get("annotations", {}).values()]
        read = {name for text in texts for name in re.findall(r"\b\w+:\w+:\w+\b", text)}
        assert read <= recorded, f"{rule.get('record') or rule['alert']} reads what nobody records"


def test_every_recorded_name_has_a_level_and_a_comment() -> None:
    for path in RULES:
        lines = path.read_text().splitlines()
        for before, line in pairwise(lines):
            if found := re.match(r"\s+- record: (.*)", line):
                assert re.fullmatch(r"\w+:\w+:\w+", found[1])
                assert before.strip().startswith("#"), f"{found[1]}: unit, aggregation, trap"


@pytest.mark.parametrize(
    "rule",
    [rule for rule in _rules() if "window" in rule.get("labels", {})],
    ids=lambda rule: f"{rule['record']} {rule['labels']['window']}",
)
def test_window_is_as_long_as_its_label_says(rule: dict[str, Any]) -> None:
    window = seconds(rule["labels"]["window"])
    ranges = {seconds(found) for found in re.findall(r"\[([^\]]+)\]", rule["expr"])}
    offsets = [seconds(found) for found in re.findall(r"offset (\w+)", rule["expr"])]

    # What was before it is looked for in ten minutes, after ten minutes of start-up.
    assert (ranges, offsets) in [({window}, []), ({600}, [window + 600])]


def test_names_of_exporters_containers_are_never_used() -> None:
    for rule in _rules():
        assert not re.search(r"\b[Hh]ostname\b", str(rule)), "det_agent_id names the agent"


def test_every_gpu_metric_leaves_instances_of_mig_out() -> None:
    """They carry the uuid of their parent, and would be judged by its values."""
    for rule in _rules():
        for selector in re.findall(r"DCGM_FI_\w+\{[^}]*\}", rule["expr"]):
            assert "GPU_I_ID" in selector, rule.get("record") or rule["alert"]
        bare = re.findall(r"(?<![\w:])DCGM_FI_\w+(?![\w:{])", rule["expr"])
        assert not bare or rule.get("alert") == "AgentGPUsMissing", "an instance is a slot there"


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
