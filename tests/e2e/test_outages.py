"""Whole systems that are away while somebody waits for the deadline."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from demo.cluster.wire import AddFault, TaskState
from demo.stage import Stage
from tests.e2e.watching import GRACE, reasons, stopped_after, wait_for_reason

pytestmark = pytest.mark.e2e


def deadline_of(stage: Stage, task: TaskState) -> datetime:
    return datetime.fromisoformat(stage.incident(task, "notified")["targets"][0]["deadline"])


def wait_past(stage: Stage, deadline: datetime) -> None:
    past = deadline + stage.scaled(timedelta(minutes=3))
    stage.wait_for(lambda: datetime.now(UTC) > past, "the deadline")


def test_prometheus_that_is_down_at_the_deadline_stops_nothing(
    stage_with: Callable[..., Stage],
) -> None:
    stage = stage_with()
    world = stage.world
    task = world.cluster.start_idle_notebook("bob")
    deadline = deadline_of(stage, task)
    # Alertmanager forgets what it knew, and hears it again from Prometheus.
    world.alertmanager.kill()
    world.start_program(world.alertmanager)
    stage.wait_for(lambda: deadline - datetime.now(UTC) < timedelta(seconds=2), "the last seconds")
    world.prometheus.kill()
    wait_past(stage, deadline)

    [incident] = stage.incidents(task)
    assert wait_for_reason(stage, task, "prometheus_unavailable")
    assert stage.stops(task) == [], "nothing is stopped without proof (S3, S5)"
    assert incident["state"] == "notified", "not seen any more is not seen to be over"


def test_determined_that_fails_at_the_deadline_stops_nothing(
    stage_with: Callable[..., Stage],
) -> None:
    stage = stage_with()
    cluster = stage.world.cluster
    task = cluster.start_idle_notebook("carol")
    deadline = deadline_of(stage, task)
    cluster.add_fault(AddFault(path="/api/v1/tasks", status=500))
    wait_past(stage, deadline)

    # Either is asked first: Determined itself, or the samples that come from it.
    assert wait_for_reason(stage, task, "determined_unavailable", "evidence_missing")
    assert stage.stops(task) == [], "what cannot be read is not stopped (S5)"
    assert stage.incidents(task)[0]["state"] == "notified"


def test_slack_that_is_down_lets_nobody_be_stopped_and_the_clock_wait(
    stage_with: Callable[..., Stage],
) -> None:
    stage = stage_with()
    task = stage.world.cluster.start_idle_notebook("dan")
    deadline = deadline_of(stage, task)
    stage.world.slack.take_down()
    wait_past(stage, deadline)

    assert stage.stops(task) == [], "nobody is stopped who cannot answer (S13)"

    stage.world.slack.clear_faults()
    stage.incident(task, "stopped")
    away = datetime.now(UTC) - deadline
    assert away > timedelta()
    assert "reminder_queued" in reasons(stage, stage.incidents(task)[0])
    assert stopped_after(stage, task) >= stage.scaled(GRACE) + stage.scaled(timedelta(minutes=3))
