"""The receiver is killed by SIGKILL, again and again, and nobody is the worse for it."""

import random
import threading
from datetime import UTC, datetime

import pytest

from tests.e2e.night.night import GRACE, LAST_SECOND, Night, Take
from tests.e2e.night.watching import Absences, endings, reasons, stopped_after, warnings

pytestmark = pytest.mark.e2e
DATABASE = "sqlite"
CRASHES = 4
SHORTEST, LONGEST = 0.9, 1.3
"""Seconds that the receiver has between two crashes: enough that Prometheus forgets no task, since
what it was told holds for ten minutes, and a start takes five of them.
"""


@pytest.mark.parametrize("seed", [20261125])
def test_s8_crashes_repeat_no_stop_and_shorten_no_grace_period(
    night: Night, take: Take, seed: int
) -> None:
    stage, task = night.stage, take("bob")
    absences = Absences(stage)
    moments = random.Random(seed)  # noqa: S311 -- no secret
    night.let_fire(task)
    for _ in range(CRASHES):
        threading.Event().wait(moments.uniform(SHORTEST, LONGEST))
        absences.crash()
    stage.incident(task, "stopped")

    [stop] = stage.stops(task)
    after = stopped_after(stage, task)
    missed = absences.between(stop.at - after, stop.at)
    assert after - missed >= stage.scaled(GRACE), "the owner could answer through the whole grace"
    assert not stage.is_running(task)
    stage.wait_for(lambda: endings(stage, task), "bob hears how it ended")
    assert len(endings(stage, task)) == 1, "bob hears once how it ended"


def test_s6_a_receiver_that_dies_while_it_calls_stops_once(night: Night, take: Take) -> None:
    stage, world, task = night.stage, night.world, take("alice")
    world.cluster.hang(f"{task.task_id}/kill", times=1)
    night.warn(task)
    stage.wait_for(lambda: stage.stops(task), "the call is made")
    world.receiver.kill()
    world.start_program(world.receiver)
    stage.incident(task, "stopped")

    first, *again = stage.stops(task)
    assert first.status is None, "the first was never answered"
    assert len(again) == 1, "it is proven again, and called once more"
    assert "stop_unconfirmed" not in reasons(stage, task), "nobody was left to hear the answer"


def test_s7_a_breaker_that_is_tripped_outlives_a_crash_and_s9_its_reset_begins_anew(
    night: Night, take: Take
) -> None:
    stage, world, task = night.stage, night.world, take("bob")
    deadline = night.warn(task)
    with night.breaker_reset():
        night.wait_until(deadline - LAST_SECOND)
        world.act("/api/v1/breaker", {"action": "trip", "reason": "something looks odd"})
        Absences(stage).crash()
        night.wait_past(deadline)

        assert night.is_spared(task)
        assert "breaker" in {hold["reason"] for hold in stage.incident(task, "held")["holds"]}

        reset_at = datetime.now(UTC)
        world.act("/api/v1/breaker", {"action": "reset", "reason": "it was nothing"})
        stage.wait_for(lambda: warnings(stage, task)[-1].posted_at > reset_at, "it is told anew")
        assert night.deadline(task) >= reset_at + stage.scaled(GRACE)
