"""The receiver is killed by SIGKILL, again and again, and nobody is the worse for it."""

import random
import threading

import pytest

from tests.e2e.night.night import GRACE, Night, Take
from tests.e2e.night.watching import Absences, endings, reasons, stopped_after

pytestmark = pytest.mark.e2e
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
