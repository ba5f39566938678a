"""Whole systems that are away, one after the other, while somebody waits for the deadline."""

from datetime import UTC, datetime, timedelta

import pytest

from demo.cluster.wire import AddFault, TaskState
from tests.e2e.night.night import GRACE, LAST_SECOND, Night, Take
from tests.e2e.night.watching import reasons, stopped_after, wait_for_reason

pytestmark = pytest.mark.e2e
DATABASE = "postgresql"


def test_s5_s13_nothing_is_stopped_while_a_system_is_away_and_all_is_when_they_are_back(
    night: Night, take: Take
) -> None:
    """One story, since what Prometheus has forgotten takes long to come back."""
    stage, task = night.stage, take("dan")
    deadline = night.warn(task)

    slack_was_away = keep_slack_away(night, task, deadline)
    keep_mapping_away(night, task, deadline + slack_was_away)
    keep_determined_away(night, task)
    keep_prometheus_away(night, task)

    stage.incident(task, "stopped")
    assert "reminder_queued" in reasons(stage, task)
    assert stopped_after(stage, task) >= stage.scaled(GRACE)


def keep_slack_away(night: Night, task: TaskState, deadline: datetime) -> timedelta:
    """Let Slack be down for half of the grace period, and past the deadline that was announced."""
    slack = night.world.slack
    night.wait_until(deadline - night.stage.scaled(GRACE) / 2)
    began = datetime.now(UTC)
    slack.take_down()
    night.wait_past(deadline)

    assert night.is_spared(task), "nobody is stopped who cannot answer (S13)"
    # On a machine that misses scrapes an inhibition may hold it as well.
    assert night.stage.incidents(task)[0]["state"] in {"notified", "held"}
    slack.clear_faults()
    return datetime.now(UTC) - began


def keep_mapping_away(night: Night, task: TaskState, not_before: datetime) -> None:
    """Let Determined not say who holds which GPU, from before the stop is due."""
    night.wait_until(not_before - LAST_SECOND)
    assert night.is_spared(task), "the time without Slack is added to the grace period (S13)"
    night.world.cluster.fail("/api/v1/agents", 500)

    assert wait_for_reason(night.stage, task, "evidence_missing", "evidence_stale")
    night.wait_past(not_before)
    assert night.is_spared(task), "what nobody maps is not stopped (S5)"


def keep_determined_away(night: Night, task: TaskState) -> None:
    night.world.cluster.add_fault(AddFault(path="/api/v1/tasks", status=500))

    assert wait_for_reason(night.stage, task, "determined_unavailable")
    assert night.is_spared(task), "what cannot be read is not stopped (S5)"
    assert night.stage.incidents(task)[0]["state"] == "notified"


def keep_prometheus_away(night: Night, task: TaskState) -> None:
    """Let Prometheus die, and Alertmanager forget, while the stop is due; then bring it back."""
    world = night.world
    world.prometheus.kill()
    world.cluster.clear_faults()
    for peer in world.peers:
        peer.kill()
        world.start_program(peer)

    assert wait_for_reason(night.stage, task, "prometheus_unavailable")
    assert night.is_spared(task), "nothing is stopped without proof (S3, S5)"
    [incident] = night.stage.incidents(task)
    assert incident["state"] == "notified", "not seen any more is not seen to be over"
    world.start_program(world.prometheus)
