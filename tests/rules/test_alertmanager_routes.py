from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

CONFIG = Path(__file__).parents[2] / "alertmanager/alertmanager.yml"

Tool = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        pytest.param(
            ["alertname=GPUAllocationIdle", "policy=reclaim", "username=bob"],
            "gpu-watchdog",
            id="an idle allocation",
        ),
        pytest.param(
            ["alertname=TelemetryDisagrees", "policy=telemetry", "allocation_id=n1.1"],
            "gpu-watchdog",
            id="an alert without an owner",
        ),
        pytest.param(
            ["alertname=WatchdogHeartbeat", "severity=none"], "gpu-watchdog", id="the heartbeat"
        ),
        pytest.param(["alertname=DiskFull", "severity=critical"], "null", id="not ours"),
        pytest.param(["alertname=Watchdog", "severity=none"], "null", id="a heartbeat not ours"),
    ],
)
def test_alert_reaches_its_receiver(labels: list[str], receiver: str, run_tool: Tool) -> None:
    command = ("config", "routes", "test", f"--config.file={CONFIG}")

    result = run_tool("amtool", *command, f"--verify.receivers={receiver}", *labels)

    assert result.returncode == 0, f"{labels} went to {result.stdout}, not to {receiver}"


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
    assert _route('username =~ ".+"')["group_by"] == ["username", "alertname"]


def test_broken_telemetry_inhibits_only_the_same_allocation() -> None:
    [rule] = _config()["inhibit_rules"]

    assert rule["equal"] == ["allocation_id"]
    for side in ("source_matchers", "target_matchers"):
        # Two alerts that both lack the label would count as equal.
        assert 'allocation_id =~ ".+"' in rule[side]


def test_resolved_alerts_are_sent_and_none_is_cut_off() -> None:
    [webhook] = _config()["receivers"][1]["webhook_configs"]

    assert webhook["send_resolved"] is True
    assert webhook["max_alerts"] == 0


def test_no_setting_is_newer_than_alertmanager_0_25() -> None:
    [webhook] = _config()["receivers"][1]["webhook_configs"]

    assert set(webhook) == {"url", "send_resolved", "max_alerts", "http_config"}


def _config() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    return config


def _route(matcher: str) -> dict[str, Any]:
    route: dict[str, Any] = next(
        route for route in _config()["route"]["routes"] if matcher in route["matchers"]
    )
    return route


def _seconds(text: str) -> timedelta:
    return timedelta(seconds=int(text.removesuffix("s")))
