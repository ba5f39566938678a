"""Systems that refuse, for some tasks and not for others, in one world."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from demo.cluster.wire import AddFault, TaskState
from demo.stage import Stage
from tests.e2e.watching import (
    GRACE,
    Absences,
    reasons,
    shown_to_admins,
    stopped_after,
    wait_for_reason,
)

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Day:
    """Four owners with an idle notebook each, warned at about the same time."""

    stage: Stage
    alice: TaskState
    bob: TaskState
    carol: TaskState
    dan: TaskState


@pytest.fixture
def day(stage_with: Callable[..., Stage]) -> Day:
    stage = stage_with(stop_retry="2m")
    stage.world.slack.deactivate("alice")
    notebooks = {
        name: stage.world.cluster.start_idle_notebook(name)
        for name in ("alice", "bob", "carol", "dan")
    }
    for name in ("bob", "carol", "dan"):
        stage.incident(notebooks[name], "notified")
    return Day(stage, **notebooks)


def repeat_webhook(stage: Stage) -> int:
    """Post what Alertmanager has now once more, as it does after a crash; return the status."""
    world = stage.world
    alerts = world.http.get(f"{world.alertmanager_url}/api/v2/alerts").json()
    body = {
        "version": "4",
        "groupKey": "{}",
        "status": "firing",
        "receiver": "gpu-watchdog",
        "alerts": [
            {
                "status": "firing",
                "labels": alert["labels"],
                "annotations": alert["annotations"],
                "startsAt": alert["startsAt"],
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": alert["fingerprint"],
            }
            for alert in alerts
        ],
    }
    headers = {"Authorization": f"Bearer {world.tokens['alertmanager']}"}
    answer = world.http.post(f"{world.receiver_url}/api/v1/alerts", json=body, headers=headers)
    return answer.status_code


def test_each_refusal_is_answered_by_asking_again_or_by_leaving_it(day: Day) -> None:
    stage = day.stage
    cluster = stage.world.cluster
    # bob's kill is answered with 500 although it may be done later; carol's with 404; and every
    # session ends before the deadline, so that all calls are answered with 401 once.
    cluster.add_fault(AddFault(path=f"{day.bob.task_id}/kill", status=500, times=1))
    cluster.add_fault(AddFault(path=f"{day.carol.task_id}/kill", status=404, times=1))
    assert cluster.revoke_sessions("watchdog") > 0
    assert {repeat_webhook(stage) for _ in range(3)} == {204}
    absences = Absences(stage)
    absences.crash()

    for task in (day.bob, day.carol, day.dan):
        incident = stage.incident(task, "stopped")
        assert reasons(stage, incident).count("stop_verified") == 1
    assert "stop_rejected" in reasons(stage, stage.incidents(day.bob)[0])
    assert [call.status for call in stage.stops(day.bob)] == [500, 200]
    assert [call.status for call in stage.stops(day.carol)] == [404, 200]
    after = stopped_after(stage, day.dan)
    [stop] = stage.stops(day.dan)
    missed = absences.between(stop.at - after, stop.at)
    assert after - missed >= stage.scaled(GRACE), "the time without the receiver does not count"
    assert len(stage.posts("dan")) == 1, "dan has one first warning, whatever was repeated"
    assert wait_for_reason(stage, day.alice, "owner_unreachable")
    assert stage.stops(day.alice) == [], "who cannot be told is left alone (S1)"
    assert [text for text in shown_to_admins(stage) if "alice" in text]
