"""What is due, and when."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.incident import Incident
from app.domain.policy import Mode
from app.domain.schedule import deadlines, due_targets
from tests.domain.examples import (
    ALLOCATION,
    GRACE,
    POLICY,
    T0,
    escalated,
    firing,
    held,
    notified,
    stopping,
)

SECOND = timedelta(seconds=1)


def due(incident: Incident, clock: timedelta, wall: timedelta | None = None) -> list[str]:
    now = T0 + (clock if wall is None else wall)
    return [t.allocation_id for t in due_targets(incident, POLICY, clock=clock, now=now)]


def test_a_target_is_due_when_its_whole_grace_period_is_over() -> None:
    assert due(notified(), GRACE) == [ALLOCATION]
    assert due(notified(), GRACE - SECOND) == []


def test_the_answer_clock_alone_makes_nothing_due() -> None:
    assert due(notified(), GRACE, wall=GRACE - SECOND) == []


def test_the_wall_alone_makes_nothing_due() -> None:
    assert due(notified(), GRACE - SECOND, wall=GRACE * 2) == []


@pytest.mark.parametrize("state", [firing, held, stopping, escalated], ids=lambda f: f.__name__)
def test_nothing_is_due_without_a_warning_or_with_an_intent(state: Callable[[], Incident]) -> None:
    assert due(state(), GRACE * 2) == []


def test_nothing_is_due_in_mode_warn() -> None:
    warned = replace(notified(), mode=Mode.WARN)

    assert due(warned, GRACE * 2) == []
    assert deadlines(warned, POLICY, clock=timedelta(), now=T0) == {}


def test_the_deadline_moves_with_the_time_that_did_not_count() -> None:
    down = timedelta(minutes=30)

    moved = deadlines(notified(), POLICY, clock=timedelta(), now=T0 + down)

    assert moved == {ALLOCATION: T0 + GRACE + down}
