"""Systems that refuse, for some tasks and not for others, at about the same time."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from demo.cluster.wire import AddFault, TaskState
from demo.stage import Stage
from tests.e2e.night.night import GRACE, Night
from tests.e2e.night.watching import (
    Absences,
    reasons,
    shown_to_admins,
    stopped_after,
    wait_for_reason,
    warnings,
)

pytestmark = pytest.mark.e2e
DATABASE = "postgresql"


@dataclass(frozen=True)
class Refused:
    """What became of four owners' notebooks, of which they were warned at about the same time."""

    absences: Absences
    alice: TaskState
    """Whose kill is answered with 404 once."""
    bob: TaskState
    """Whose kill is answered with 500 once."""
    carol: TaskState
    """Whose owner is deactivated in Slack."""
    dan: TaskState


@pytest.fixture(scope="module")
def refused(night: Night) -> Iterator[Refused]:
    stage, world = night.stage, night.world
    # To whom no test before has written: whom the watchdog has found, it remembers for a while.
    world.slack.deactivate("carol")
    with night.taking() as take:
        alice, bob, carol, dan = (take(name) for name in ("alice", "bob", "carol", "dan"))
        night.let_fire(carol)
        night.warn(alice, bob, dan)
        world.cluster.add_fault(AddFault(path=f"{bob.task_id}/kill", status=500, times=1))
        world.cluster.add_fault(AddFault(path=f"{alice.task_id}/kill", status=404, times=1))
        # Every session ends before the deadline, so that all calls are answered with 401 once.
        assert world.cluster.revoke_sessions("watchdog") > 0
        assert {repeat_webhook(stage) for _ in range(3)} == {204}
        absences = Absences(stage)
        absences.crash()
        for task in (alice, bob, dan):
            stage.incident(task, "stopped")
        yield Refused(absences, alice, bob, carol, dan)
    world.slack.reactivate("carol")


def repeat_webhook(stage: Stage) -> int:
    """Post what Alertmanager has now once more, as it does after a crash; return the status."""
    world = stage.world
    query = {"silenced": "false", "filter": 'policy="reclaim"'}
    alerts = world.http.get(f"{world.alertmanager_url}/api/v2/alerts", params=query).json()
    assert alerts
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
    answer = world.act("/api/v1/alerts", body, role="alertmanager")
    return answer.status_code


def test_s6_a_refused_call_is_repeated_until_one_is_taken(night: Night, refused: Refused) -> None:
    stage = night.stage

    for task in (refused.alice, refused.bob, refused.dan):
        assert reasons(stage, task).count("stop_verified") == 1
    assert "stop_rejected" in reasons(stage, refused.bob)
    assert [call.status for call in stage.stops(refused.bob)] == [500, 200]
    assert [call.status for call in stage.stops(refused.alice)] == [404, 200]


def test_s8_webhooks_that_come_again_warn_nobody_twice(night: Night, refused: Refused) -> None:
    # A machine that is slow at the wrong moment holds it for a while, and warns anew afterwards.
    [incident] = night.stage.incidents(refused.dan)
    assert len(warnings(night.stage, refused.dan)) == incident["round"]


def test_s13_the_time_without_the_receiver_does_not_count(night: Night, refused: Refused) -> None:
    after = stopped_after(night.stage, refused.dan)

    [stop] = night.stage.stops(refused.dan)
    missed = refused.absences.between(stop.at - after, stop.at)
    assert after - missed >= night.stage.scaled(GRACE)


def test_s1_who_cannot_be_told_is_left_alone(night: Night, refused: Refused) -> None:
    assert wait_for_reason(night.stage, refused.carol, "owner_unreachable")

    assert night.is_spared(refused.carol)
    assert [text for text in shown_to_admins(night.stage) if "carol" in text]
