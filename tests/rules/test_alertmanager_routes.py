import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "alertmanager/alertmanager.yml"
TEMPLATES = ROOT / "alertmanager/templates/*.tmpl"
GPU_JUDGEMENTS = {
    "GPUAllocationIdle",
    "GPUAllocationPartlyIdle",
    "GPUAllocationInefficient",
    "GPUAllocationFakeLoad",
    "BigGPUUsedAsSmall",
}
"""What is judged by the signals of GPUs."""

Tool = Callable[..., CompletedProcess[str]]
Alerts = dict[str, dict[str, Any]]


def _config() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    return config


def _alerting_rules() -> list[dict[str, Any]]:
    documents = [
        yaml.safe_load(path.read_text()) for path in (ROOT / "alerting-rules").glob("*.rules.yaml")
    ]
    rules = [rule for one in documents for group in one["groups"] for rule in group["rules"]]
    return [rule for rule in rules if "alert" in rule]


FOR_ADMINS = {"telemetry", "self", "urgent", "review"}
"""The policies of which admins hear through Alertmanager itself."""
OF_THE_RECEIVER = {"allocation", "user"}
"""The scopes that the receiver acts on."""


@pytest.mark.parametrize("name", [rule["alert"] for rule in _alerting_rules()])
def test_every_alert_reaches_its_receivers(name: str, alerts: Alerts, run_tool: Tool) -> None:
    own = alerts[name]["labels"]
    identity = ["username=bob", "allocation_id=n1.1"]
    labels = [f"alertname={name}", *(f"{key}={value}" for key, value in own.items()), *identity]
    expected = ["admins"] if own.get("policy") in FOR_ADMINS else []
    if own.get("scope", "user") in OF_THE_RECEIVER:
        expected.append("gpu-watchdog")

    assert _routed(labels, run_tool) == ",".join(expected)


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(["alertname=DiskFull", "severity=critical"], id="not ours"),
        pytest.param(["alertname=Watchdog", "severity=none"], id="a heartbeat not ours"),
        pytest.param(["alertname=PodDown", "scope=cluster"], id="a scope without our policy"),
        pytest.param(["alertname=QuotaLow", "policy=gold"], id="a policy without our scope"),
    ],
)
def test_alert_of_others_reaches_nobody(labels: list[str], run_tool: Tool) -> None:
    assert _routed(labels, run_tool) == "null"


def test_alertmanager_accepts_the_configuration(run_tool: Tool) -> None:
    result = run_tool("amtool", "check-config", CONFIG)

    assert result.returncode == 0, result.stdout + result.stderr


def test_heartbeat_is_repeated_within_a_minute() -> None:
    route = _route('alertname = "WatchdogHeartbeat"')

    assert _seconds(route["group_wait"]) == timedelta(0)
    # A repeat goes out at the first flush after repeat_interval is over.
    assert _seconds(route["repeat_interval"]) + _seconds(route["group_interval"]) < timedelta(
        minutes=1
    )


def test_alerts_of_one_owner_arrive_together() -> None:
    assert _route('scope =~ "allocation|user"')["group_by"] == ["username", "alertname"]


@pytest.mark.parametrize("rule", _config()["inhibit_rules"], ids=lambda rule: rule["equal"][0])
def test_alert_inhibits_none_about_a_neighbour(rule: dict[str, Any]) -> None:
    [label] = rule["equal"]

    for side in ("source_matchers", "target_matchers"):
        # Two alerts that both lack the label would count as equal.
        assert f'{label} =~ ".+"' in rule[side]


@pytest.mark.parametrize(
    ("source", "inhibited"),
    [
        ("GPUSignalsDisagree", GPU_JUDGEMENTS),
        ("GPUSamplesMissing", GPU_JUDGEMENTS),
        ("GPUMappingIncomplete", GPU_JUDGEMENTS),
        # The rules wait for longer idleness by themselves.
        ("ContainerSamplesMissing", set()),
        (
            "GPUAllocationIdle",
            {"GPUAllocationPartlyIdle", "GPUAllocationInefficient", "BigGPUUsedAsSmall"},
        ),
        ("ExporterDown", {"AgentGPUsMissing"}),
        ("CPUOverFairShare", set()),
    ],
)
def test_alert_inhibits_what_it_makes_doubtful(
    source: str, inhibited: set[str], alerts: Alerts
) -> None:
    assert {name for name in alerts if _inhibits(source, name)} == inhibited


def test_no_route_of_the_watchdog_is_muted() -> None:
    """Alertmanager 0.25 shows a muted alert as active."""
    for route in _config()["route"]["routes"]:
        assert not {"mute_time_intervals", "active_time_intervals"} & set(route)


def test_text_of_labels_is_escaped_for_slack(run_tool: Tool, tmp_path: Path) -> None:
    message = tmp_path / "message.json"
    annotations = {"summary": "S.", "description": "Agent <!channel> & <http://evil|click>."}
    alert = {"status": "firing", "labels": {}, "annotations": annotations}
    message.write_text(_message("firing", [alert] * 12))

    shown = _rendered(message, run_tool)

    assert shown.startswith("12 firing: ExporterDown|danger|https://runbook|S.\n")
    assert shown.count("• Agent &lt;!channel&gt; &amp; &lt;http://evil|click&gt;.") == 10
    assert "… and more: http://alertmanager/#/alerts?receiver=admins" in shown


def test_admins_are_told_what_is_over(run_tool: Tool, tmp_path: Path) -> None:
    message = tmp_path / "message.json"
    alert = {"status": "resolved", "labels": {}, "annotations": {"description": "It was down."}}
    message.write_text(_message("resolved", [alert]))

    shown = _rendered(message, run_tool)

    assert shown.startswith("Resolved: ExporterDown|good|")
    assert "• over: It was down." in shown


def test_resolved_alerts_are_sent_and_none_is_cut_off() -> None:
    [webhook] = _config()["receivers"][1]["webhook_configs"]

    assert webhook["send_resolved"] is True
    assert webhook["max_alerts"] == 0


def test_no_setting_is_newer_than_alertmanager_0_25() -> None:
    [webhook] = _config()["receivers"][1]["webhook_configs"]
    [slack] = _config()["receivers"][2]["slack_configs"]

    assert set(webhook) == {"url", "send_resolved", "max_alerts", "http_config"}
    texts = {"color", "title", "title_link", "text", "fallback"}
    assert set(slack) == {"send_resolved", "api_url_file", *texts}


def _routed(labels: list[str], run_tool: Tool) -> str:
    result = run_tool("amtool", "config", "routes", "test", f"--config.file={CONFIG}", *labels)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def _inhibits(source: str, target: str) -> bool:
    """Say whether a rule lets one alert inhibit another; amtool cannot."""

    def named(rule: dict[str, Any], side: str, name: str) -> bool:
        [matcher] = [one for one in rule[side] if one.startswith("alertname")]
        pattern = matcher.split('"')[1]
        return bool(re.fullmatch(pattern, name)) if "=~" in matcher else pattern == name

    return any(
        named(rule, "source_matchers", source) and named(rule, "target_matchers", target)
        for rule in _config()["inhibit_rules"]
    )


def _message(status: str, alerts: list[dict[str, Any]]) -> str:
    labels = {"alertname": "ExporterDown"}
    return json.dumps(
        {
            "receiver": "admins",
            "status": status,
            "alerts": alerts,
            "groupLabels": labels,
            "commonLabels": labels | {"severity": "critical"},
            "commonAnnotations": {"summary": "S.", "runbook_url": "https://runbook"},
            "externalURL": "http://alertmanager",
        }
    )


def _rendered(message: Path, run_tool: Tool) -> str:
    parts = ("title", "color", "runbook", "text")
    text = "|".join(f'{{{{ template "gpu_watchdog.{part}" . }}}}' for part in parts)
    result = run_tool(
        "amtool",
        *("template", "render", f"--template.glob={TEMPLATES}", f"--template.text={text}"),
        f"--template.data={message}",
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def _route(matcher: str) -> dict[str, Any]:
    route: dict[str, Any] = next(
        route for route in _config()["route"]["routes"] if matcher in route["matchers"]
    )
    return route


def _seconds(text: str) -> timedelta:
    return timedelta(seconds=int(text.removesuffix("s")))
