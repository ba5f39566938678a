"""The receiver is killed by SIGKILL, again and again, and nobody is the worse for it."""

import random
import threading
import time
from collections.abc import Callable

import pytest

from demo.stage import Stage
from tests.e2e.watching import GRACE, Absences, stopped_after

pytestmark = pytest.mark.e2e
CRASHES = 10
STORY = 50.0  # seconds: a little longer than an undisturbed story


@pytest.mark.parametrize("seed", [20261125])
def test_ten_crashes_repeat_no_stop_and_shorten_no_grace_period(
    stage_with: Callable[..., Stage], seed: int
) -> None:
    stage = stage_with()
    absences = Absences(stage)
    task = stage.world.cluster.start_idle_notebook("bob")
    moments = sorted(random.Random(seed).uniform(0, STORY) for _ in range(CRASHES))  # noqa: S311 -- no secret
    began = time.monotonic()
    for moment in moments:
        # A crash takes some seconds itself, so some of the moments are past already.
        time_left = began + moment - time.monotonic()
        threading.Event().wait(max(time_left, 0))
        absences.crash()
    stage.incident(task, "stopped")

    [stop] = stage.stops(task)
    after = stopped_after(stage, task)
    missed = absences.between(stop.at - after, stop.at)
    assert after - missed >= stage.scaled(GRACE), "the owner could answer through the whole grace"
    assert not stage.is_running(task)
    stage.wait_for(
        lambda: [one for one in stage.replies("bob") if one.text.startswith("Stopped")],
        "bob hears how it ended",
    )
    endings = [one for one in stage.replies("bob") if one.text.startswith("Stopped")]
    assert len(endings) == 1, "bob hears once how it ended"
