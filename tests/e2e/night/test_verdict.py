"""What is true of the whole night, when it is over."""

from datetime import datetime
from http import HTTPStatus
from itertools import pairwise
from typing import Any

import pytest

from app.domain.reasons import Reason
from tests.e2e.night.night import GRACE, Night
from tests.grafana.asking import Choice, answers, numbers
from tests.grafana.reading import asked

pytestmark = pytest.mark.e2e
Json = dict[str, Any]


@pytest.fixture(scope="module")
def histories(night: Night, killed: set[str]) -> list[tuple[Json, list[Json]]]:
    """Every incident of the night, with its history."""
    found = night.world.incidents(limit="1000")
    assert len(found) >= len(killed) > 0
    return [(each, night.world.history(each["incident_id"])) for each in found]


@pytest.fixture(scope="module")
def killed(night: Night) -> set[str]:
    """Every task that Determined took a call for, up to now: the night goes on."""
    tasks = night.world.cluster.state().tasks
    found = [
        task
        for task in tasks
        # A call for what has just ended by itself is refused, and has stopped nothing.
        if any(call.status == HTTPStatus.OK for call in night.stage.stops(task))
    ]
    for task in found:
        night.stage.incident(task, "stopped")
    return {task.task_id for task in found}


@pytest.fixture(scope="module")
def stopped(killed: set[str], histories: list[tuple[Json, list[Json]]]) -> dict[str, list[Json]]:
    """The histories that ended in a stop, by task."""
    found = {
        incident["targets"][0]["task_id"]: history
        for incident, history in histories
        if incident["state"] == "stopped" and incident["targets"][0]["task_id"] in killed
    }
    assert set(found) == killed, "the watchdog knows of everything that it did"
    return found


def entries(history: list[Json], reason: Reason) -> list[Json]:
    return [entry for entry in history if entry["reason"] == reason]


def test_s1_every_stop_had_its_warning_and_its_whole_grace_period(
    night: Night, stopped: dict[str, list[Json]]
) -> None:
    said = {message.ts: message for message in night.world.slack.messages()}
    for task_id, history in stopped.items():
        task = night.world.cluster.task(task_id)
        warning = entries(history, Reason.WARNING_DELIVERED)[-1]["evidence"]
        message = said[warning["ts"]]
        [*_, call] = night.stage.stops(task)

        assert message.channel == f"@{task.username}"
        assert task.name in message.shown
        assert call.at - message.posted_at >= night.stage.scaled(GRACE)


def test_s12_every_step_of_every_incident_has_its_reason_and_its_actor(
    histories: list[tuple[Json, list[Json]]],
) -> None:
    for incident, history in histories:
        states = [(entry["before"], entry["after"]) for entry in history]

        assert all(Reason(entry["reason"]) and entry["actor"] for entry in history)
        assert states[0][0] is None
        assert all(one[1] == other[0] for one, other in pairwise(states)), "none is left out"
        assert states[-1][1] == incident["state"]


def test_s12_every_stop_shows_the_whole_evidence_that_it_rests_on(
    stopped: dict[str, list[Json]],
) -> None:
    for task_id, history in stopped.items():
        told = entries(history, Reason.WARNING_DELIVERED)[-1]
        proof = entries(history, Reason.PROVEN)[-1]["evidence"]
        allocation_id = proof["allocation"]["allocation_id"]

        assert told["evidence"].keys() == {"channel", "ts", "to"}
        assert proof["allocation"]["task_id"] == task_id
        assert proof["allocation"]["containers"]
        for question in ("verify", "evidence"):
            assert allocation_id in proof[question]["query"]
            assert proof[question]["result"]
        assert set(proof["peers"].values()) == {"active"}
        for moment in ("alert_active_at", "heartbeat_at", "warning_delivered_at"):
            assert datetime.fromisoformat(proof[moment]) < datetime.fromisoformat(
                proof["judged_at"]
            )


@pytest.mark.usefixtures("killed")
def test_the_dashboard_of_the_watchdog_shows_what_it_did(night: Night) -> None:
    queries = {str(each): each for each in asked("gpu-watchdog-watchdog")}

    def highest(place: str) -> float:
        found = answers(queries[place], night.world, Choice(hours=24))
        return max((number for each in found for number in numbers(each)), default=0)

    for figure in ("Warnings", "Holds", "Stops", "GPUs freed"):
        assert highest(f"{figure} A") >= 1, figure
    assert highest("Idle GPU-hours ended A") > 0
