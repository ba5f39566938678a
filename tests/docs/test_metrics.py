"""docs/metrics.md, held to what the receiver publishes."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from app.adapters.slack_reception import UNKNOWN, PressOutcome
from app.api.cluster_metrics import ClusterCollector
from app.context import Context
from app.domain.actions import MessageKind
from app.domain.cluster import Allocation, Container, Snapshot, TaskType, User
from app.domain.incident import FINAL_STATES, IncidentState
from app.domain.lease import Duty
from app.domain.opening import open_incident
from app.domain.policy import Mode, Rulebook, SlotLimits
from app.domain.press import Verb
from app.telemetry import Telemetry
from app.view import ClusterView
from tests.docs.pages import ROOT, code, codes, read, rows
from tests.domain.examples import IDENTITY

LOOP = r'\b(?:contained|Loop)\(\s*"(\w+)"'

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DOCUMENTED = {code(row["metric"]): row for row in rows(read("docs/metrics.md"), "metric", "type")}
ALLOCATION = Allocation(
    allocation_id="t.1",
    task_id="t",
    task_type=TaskType.NOTEBOOK,
    name="",
    username="bob",
    resource_pool="default",
    slots=1,
    containers=(Container("c", "agent-a", ("GPU-1",)),),
)


def of_the_watchdog() -> Iterable[Metric]:
    """Let everything happen once, so that every metric has a sample."""
    telemetry = Telemetry(CollectorRegistry())
    telemetry.transition(open_incident("i", IDENTITY, mode=Mode.WARN, annotations={}, at=NOW))
    telemetry.webhook("ours", 1)
    telemetry.truncated(1)
    telemetry.delivery("warning", "sent")
    telemetry.upstream("slack", reachable=True)
    telemetry.open_incidents.labels("firing").set(1)
    telemetry.lease_held.labels("reconcile").set(1)
    telemetry.ticked(NOW, 0.1)
    telemetry.step_failed("reconcile")
    telemetry.configured(NOW)
    telemetry.pruned("incidents", 1)
    telemetry.press("keep", "taken")
    telemetry.failed_authentication("refused")
    return telemetry.registry.collect()


def of_determined() -> Iterable[Metric]:
    snapshot = Snapshot(
        at=NOW,
        allocations={"t.1": ALLOCATION},
        users={"bob": User("bob", active=True)},
        agent_slots={"agent-a": 8},
        agent_pools={"agent-a": frozenset({"default"})},
        queued_slots={"default": {"bob": 2}},
    )
    view = ClusterView(snapshot, started={"t.1": NOW})
    rulebook = Rulebook(Mode.OBSERVE, {}, slot_limits=SlotLimits(default=4))
    telemetry = Telemetry(CollectorRegistry())
    return ClusterCollector(Context(rulebook, telemetry, lambda: NOW, view)).collect()


def published() -> Iterator[tuple[str, str, set[str]]]:
    for family in (*of_the_watchdog(), *of_determined()):
        assert family.samples, f"{family.name} has no sample: let it happen in this test"
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield name, family.type, labels


def test_every_metric_is_documented_with_its_type_and_labels_and_no_other() -> None:
    documented = {
        (name, row["type"], frozenset(codes(row["labels"]))) for name, row in DOCUMENTED.items()
    }

    assert documented == {(name, kind, frozenset(labels)) for name, kind, labels in published()}


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("watchdog_deliveries_total", set(MessageKind)),
        ("watchdog_open_incidents", set(IncidentState) - FINAL_STATES),
        ("watchdog_lease_held", set(Duty)),
        ("watchdog_presses_total", {*Verb, UNKNOWN, *PressOutcome}),
        ("watchdog_allocation_info", set(TaskType)),
    ],
)
def test_values_of_a_label_are_documented(metric: str, values: set[str]) -> None:
    assert {str(value) for value in values} - set(codes(DOCUMENTED[metric]["meaning"])) == set()


@pytest.mark.parametrize(
    ("metric", "written"),
    [
        ("watchdog_deliveries_total", r'\.delivery\([\w.]+, "(\w+)"\)'),
        ("watchdog_webhook_alerts_total", r'\.webhook\("(\w+)"'),
        ("watchdog_upstream_up", r'(?:_asked|\.upstream)\("(\w+)"'),
        ("watchdog_step_failures_total", LOOP),
    ],
)
def test_values_that_the_code_writes_are_documented(metric: str, written: str) -> None:
    values = {value for path in sources() for value in re.findall(written, path.read_text())}

    assert len(values) > 1, "the pattern does not find what the code writes any more"
    assert values - set(codes(DOCUMENTED[metric]["meaning"])) == set()


def test_every_loop_that_can_fail_is_explained_where_its_alert_is() -> None:
    loops = {name for path in sources() for name in re.findall(LOOP, path.read_text())}
    table = rows(read("docs/runbooks/WatchdogFailing.md"), "`loop`", "what may be late or missing")

    assert {name for row in table for name in codes(row["`loop`"])} == loops


def sources() -> Iterator[Path]:
    yield from (ROOT / "app").rglob("*.py")
