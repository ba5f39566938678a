"""Whole systems that are away, one after the other, while somebody waits for the deadline."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from demo.cluster.wire import AddFault, TaskState
from demo.stage import Stage
from tests.e2e.watching import GRACE, first_entry, reasons, stopped_after, wait_for_reason

pytestmark = pytest.mark.e2e


def deadline_of(stage: Stage, task: TaskState) -> datetime:
    return datetime.fromisoformat(stage.incident(task, "notified")["targets"][0]["deadline"])


def wait_past(stage: Stage, deadline: datetime) -> None:
    past = deadline + stage.scaled(timedelta(minutes=3))
    stage.wait_for(lambda: datetime.now(UTC) > past, "the deadline")


def test_nothing_is_stopped_while_a_system_is_away_and_all_is_when_they_are_back(
    stage_with: Callable[..., Stage],
) -> None:
    """One story, since a world takes half a minute until somebody is warned."""
    stage = stage_with()
    world = stage.world
    task = world.cluster.start_idle_notebook("dan")
    deadline = deadline_of(stage, task)

    slack_was_away = keep_slack_away(stage, task, deadline)
    keep_determined_away(stage, task, deadline + slack_was_away)
    keep_prometheus_away(stage, task)

    stage.incident(task, "stopped")
    assert "reminder_queued" in reasons(stage, stage.incidents(task)[-1])
    assert stopped_after(stage, task) >= stage.scaled(GRACE)


def keep_slack_away(stage: Stage, task: TaskState, deadline: datetime) -> timedelta:
    """Let Slack be down until after the deadline that was announced; return for how long."""
    began = datetime.now(UTC)
    stage.world.slack.take_down()
    wait_past(stage, deadline)

    assert stage.stops(task) == [], "nobody is stopped who cannot answer (S13)"
    assert stage.incidents(task)[0]["state"] == "notified"
    stage.world.slack.clear_faults()
    return datetime.now(UTC) - began


def keep_determined_away(stage: Stage, task: TaskState, not_before: datetime) -> None:
    """Let Determined fail from before the stop is due; it is due when the clock has caught up."""
    stage.world.cluster.add_fault(AddFault(path="/api/v1/tasks", status=500))
    # Either is asked first: Determined itself, or the samples that come from it.
    reason = wait_for_reason(stage, task, "determined_unavailable", "evidence_missing")

    due = first_entry(stage, task, reason)
    assert due >= not_before, "the time without Slack is added to the grace period (S13)"
    assert stage.stops(task) == [], "what cannot be read is not stopped (S5)"
    assert stage.incidents(task)[0]["state"] == "notified"


def keep_prometheus_away(stage: Stage, task: TaskState) -> None:
    """Let Prometheus die, and Alertmanager forget, while the stop is due; then bring it back."""
    world = stage.world
    world.prometheus.kill()
    world.cluster.clear_faults()
    world.alertmanager.kill()
    world.start_program(world.alertmanager)

    assert wait_for_reason(stage, task, "prometheus_unavailable")
    assert stage.stops(task) == [], "nothing is stopped without proof (S3, S5)"
    [incident] = stage.incidents(task)
    assert incident["state"] == "notified", "not seen any more is not seen to be over"
    world.start_program(world.prometheus)
