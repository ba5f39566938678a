"""The parts of a sound set-up, from the repository's own files."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from app.domain.cluster import Allocation, Container, Snapshot, TaskType, User

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
A_MOMENT_AGO = (NOW - timedelta(seconds=10)).isoformat()
AGENTS = {"agent-a": 4.0, "agent-b": 4.0}
Json = dict[str, Any]


def configuration() -> Json:
    return {
        "determined": {"url": "http://determined-master:8080", "password_file": "password"},
        "prometheus": {"url": "http://prometheus:9090"},
        "alertmanagers": [{"url": "http://alertmanager:9093"}],
        "slack": {
            "bot_token_file": "bot_token",
            "app_token_file": "app_token",
            "admin_channel": "C01GPUADMINS",
            "email_domain": "lab.example",
        },
        "api_tokens": [{"name": "alertmanager", "role": "alertmanager", "file": "token"}],
    }


def allocation(**changes: Any) -> Allocation:  # noqa: ANN401 -- any field of it.
    task_id = "c7a2ea20-b2f1-4c94-ae05-319acb5c7427"
    found = Allocation(
        allocation_id=f"{task_id}.1",
        task_id=task_id,
        task_type=TaskType.NOTEBOOK,
        name="notes",
        username="alice",
        resource_pool="default",
        slots=1,
        containers=(Container("c1", "agent-a", ("GPU-1",)),),
    )
    return replace(found, **changes)


def snapshot() -> Snapshot:
    return Snapshot(
        at=NOW,
        allocations={"1": allocation()},
        users={name: User(name, active=True) for name in ("alice", "bob", "watchdog")},
        agent_slots={agent: int(number) for agent, number in AGENTS.items()},
    )


def groups() -> list[Json]:
    found: list[Json] = json.loads(_groups())
    return found


@cache
def _groups() -> str:
    """Return them once for all tests: to read the files takes longer than to judge them."""
    return json.dumps(list(_listed_groups()))


def _listed_groups() -> Iterator[Json]:
    """Yield every group of the repository's rules, as Prometheus lists it."""
    for path in sorted((ROOT / "alerting-rules").glob("*.rules.yaml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            interval = timedelta(**{_UNITS[group["interval"][-1]]: int(group["interval"][:-1])})
            yield {
                "name": group["name"],
                "file": str(path),
                "interval": interval.total_seconds(),
                "limit": 0,
                "evaluationTime": 0.001,
                "lastEvaluation": A_MOMENT_AGO,
                "rules": [_rule(rule) for rule in group["rules"]],
            }


_UNITS = {"s": "seconds", "m": "minutes"}


def _rule(rule: Json) -> Json:
    common = {
        "query": rule["expr"],
        "labels": rule.get("labels", {}),
        "health": "ok",
        "evaluationTime": 0.0005,
        "lastEvaluation": A_MOMENT_AGO,
    }
    if "record" in rule:
        return common | {"name": rule["record"], "type": "recording"}
    alerting = {"state": "inactive", "duration": 0, "alerts": [], "type": "alerting"}
    return common | alerting | {"name": rule["alert"], "annotations": {}}


def targets() -> Iterator[Json]:
    yield _target("determined-master", "determined-master:8080", path="/prom/det-state-metrics")
    for agent in AGENTS:
        yield _target("determined-agents", f"{agent}:9400", det_agent_id=agent)
        yield _target("determined-agents", f"{agent}:8080", det_agent_id=agent)
        yield _target("node-exporter", f"{agent}:9100", det_agent_id=agent)
    yield _target("gpu-watchdog", "gpu-watchdog:8090")


def _target(job: str, instance: str, *, path: str = "/metrics", **labels: str) -> Json:
    return {
        "discoveredLabels": {"__address__": instance, "job": job},
        "labels": {"instance": instance, "job": job, **labels},
        "scrapePool": job,
        "scrapeUrl": f"http://{instance}{path}",
        "globalUrl": f"http://{instance}{path}",
        "lastError": "",
        "lastScrape": A_MOMENT_AGO,
        "lastScrapeDuration": 0.01,
        "health": "up",
        "scrapeInterval": "15s",
        "scrapeTimeout": "15s",
    }


def samples() -> dict[str, dict[str, float]]:
    everywhere = ("gpus", "utilization", "profiling", "containers", "nodes")
    return {name: dict(AGENTS) for name in everywhere} | {"mig": {}, "nameless": {}}


def alertmanager() -> Json:
    """Return the repository's own, with what Alertmanager writes out of the defaults."""
    found: Json = json.loads(_written())
    for receiver in found["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["http_config"]["authorization"]["type"] = "Bearer"
    return found


@cache
def _written() -> str:
    return json.dumps(yaml.safe_load((ROOT / "alertmanager/alertmanager.yml").read_text()))
