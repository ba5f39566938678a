"""What would have happened: counted from what was found in mode `observe`."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.domain.alert import Scope
from app.domain.digest import Happening, Story
from app.domain.history import WATCHDOG
from app.domain.incident import Block, Incident, IncidentState
from app.domain.observed import DayTally, ObservedDigest
from app.domain.policy import Mode, Policy, Rulebook, StopAction
from app.domain.reasons import Reason
from app.domain.waking import WakingHours
from tests.domain.examples import IDENTITY, T0, opened

S = IncidentState
R = Reason
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
POLICY = Policy("reclaim", action=StopAction.KILL, grace_default=2 * HOUR)


def rulebook(policy: Policy = POLICY, mode: Mode = Mode.OBSERVE) -> Rulebook:
    return Rulebook(mode, {policy.name: policy})


def observing(number: int = 1, slots: int = 2) -> Incident:
    """An incident in mode `observe`, about an allocation of its own."""
    incident = opened(Mode.OBSERVE)
    identity = replace(IDENTITY, allocation_id=f"t{number}.1", task_id=f"t{number}")
    [target] = incident.targets
    target = replace(target, allocation_id=f"t{number}.1", task_id=f"t{number}", slots=slots)
    return replace(incident, identity=identity, targets=(target,))


def happening(reason: Reason, hours: float, after: S = S.FIRING) -> Happening:
    """`hours` from the begin of the day that is told of."""
    return Happening(T0 + hours * HOUR, reason, S.FIRING, after, WATCHDOG)


def begun(hours: float) -> Happening:
    return happening(R.ALERT_ACTIVE, hours)


def held(hours: float) -> Happening:
    return happening(R.HOLD_BEGAN, hours, S.HELD)


def let_go(hours: float) -> Happening:
    return happening(R.HOLD_ENDED, hours)


def recovered(hours: float) -> Happening:
    return happening(R.RECOVERED, hours, S.RESOLVED)


def changed(hours: float) -> Happening:
    return happening(R.MODE_CHANGED, hours)


def tally(
    *happenings: Happening, policy: Policy = POLICY, incident: Incident | None = None
) -> DayTally:
    found = DayTally(T0, T0 + DAY)
    found.add(Story(incident or observing(), happenings), rulebook(policy))
    return found


def told(found: DayTally) -> tuple[int, list[datetime], float]:
    """Return the warnings, the stops of the day, and the GPU-hours."""
    return found.warned.total(), [each.at for each in found.new_stops], found.gpu_hours


@pytest.mark.parametrize(
    ("happenings", "warnings", "stops", "gpu_hours"),
    [
        pytest.param([begun(1)], 1, [3], 42, id="it goes on: two GPUs from 3 to 24"),
        pytest.param([begun(1), recovered(2)], 1, [], 0, id="over within the grace period"),
        pytest.param([begun(1), recovered(3)], 1, [], 0, id="over at the deadline"),
        pytest.param([begun(1), recovered(8)], 1, [3], 10, id="over later"),
        pytest.param([begun(1), held(2)], 1, [], 0, id="held within the grace period"),
        pytest.param([begun(1), held(2), let_go(10)], 2, [12], 24, id="a new round after it"),
        pytest.param([begun(1), held(4), let_go(10)], 1, [3], 2, id="it would be gone by then"),
        pytest.param([held(1)], 0, [], 0, id="held from the begin"),
        pytest.param([begun(23)], 1, [], 0, id="its deadline is tomorrow"),
        pytest.param([begun(-5)], 0, [], 48, id="stopped yesterday, held all day"),
        pytest.param([begun(-5), recovered(-1)], 0, [], 0, id="all of it was yesterday"),
        pytest.param([begun(-1)], 0, [1], 46, id="warned yesterday, stopped today"),
        pytest.param([begun(25)], 0, [], 0, id="after the day"),
        pytest.param([], 0, [], 0, id="Alertmanager has not told of it"),
    ],
)
def test_a_round_would_have_been_a_warning_and_a_stop_at_its_deadline(
    happenings: list[Happening], warnings: int, stops: list[float], gpu_hours: float
) -> None:
    found = tally(*happenings)

    assert told(found) == (warnings, [T0 + each * HOUR for each in stops], gpu_hours)


def test_days_that_follow_each_other_add_up() -> None:
    happenings = [begun(20), recovered(30)]
    both, first, second = (
        DayTally(T0 + begin * DAY, T0 + end * DAY) for begin, end in ((0, 2), (0, 1), (1, 2))
    )

    for each in (both, first, second):
        each.add(Story(observing(), tuple(happenings)), rulebook())

    assert both.gpu_hours == first.gpu_hours + second.gpu_hours == 16
    assert len(both.new_stops) == len(first.new_stops) + len(second.new_stops) == 1


@pytest.mark.parametrize(
    ("policy", "warnings", "reviewed", "stops"),
    [
        (POLICY, 1, 0, 1),
        (replace(POLICY, mode=Mode.WARN), 1, 0, 0),
        (replace(POLICY, action=StopAction.NONE), 1, 0, 0),
        (replace(POLICY, mode=Mode.OBSERVE), 0, 1, 0),
        (replace(POLICY, name="other"), 0, 1, 0),
    ],
    ids=["enforce", "warn", "advise", "observe", "unknown policy"],
)
def test_a_policy_does_no_more_than_it_would(
    policy: Policy, warnings: int, reviewed: int, stops: int
) -> None:
    found = tally(begun(1), policy=policy)

    assert (found.warned.total(), found.reviewed.total()) == (warnings, reviewed)
    assert len(found.new_stops) == stops


def test_what_is_not_in_mode_observe_is_told_by_its_own_messages() -> None:
    found = tally(begun(1), incident=replace(observing(), mode=Mode.WARN))

    assert told(found) == (0, [], 0)


def test_what_another_mode_did_is_not_told_again() -> None:
    notified = happening(R.WARNING_DELIVERED, 2, S.NOTIFIED)

    found = tally(begun(1), notified, changed(5))

    assert told(found) == (1, [T0 + 7 * HOUR], 34)


def test_several_incidents_about_an_allocation_are_one_stop_at_the_earliest() -> None:
    found = DayTally(T0, T0 + DAY)
    for hours in (5, 1, 8):
        found.add(Story(observing(), (begun(hours),)), rulebook())

    assert [each.at for each in found.new_stops] == [T0 + 3 * HOUR]


def test_tasks_of_a_user_over_the_limit_have_the_latest_deadline_of_all() -> None:
    incident = observing()
    [target] = incident.targets
    shell = replace(target, allocation_id="t2.1", task_type="shell")
    gone = replace(target, allocation_id="t3.1", left=R.NO_NEED)
    identity = replace(incident.identity, scope=Scope.USER)
    incident = replace(incident, identity=identity, targets=(target, shell, gone))
    night = Policy(
        "reclaim",
        action=StopAction.KILL,
        grace_default=2 * HOUR,
        waking_hours=WakingHours(time(18), time(23)),
    )

    found = tally(begun(1), policy=night, incident=incident)

    assert [each.at for each in found.new_stops] == [T0 + 8 * HOUR] * 2


def test_waking_hours_of_the_owner_are_waited_for() -> None:
    policy = replace(POLICY, waking_hours=WakingHours(time(9), time(21)))
    book = replace(rulebook(policy), zones={"bob": ZoneInfo("Asia/Tokyo")})
    found = DayTally(T0, T0 + DAY)

    # 22:00 in Tokyo.
    found.add(Story(observing(), (begun(1),)), book)

    assert [each.at for each in found.new_stops] == [T0 + 14 * HOUR]


@pytest.mark.parametrize("waits", [False, True])
def test_that_nobody_may_have_waited_for_them_is_noted(*, waits: bool) -> None:
    found = tally(begun(1), policy=replace(POLICY, only_when_queued=waits))

    assert found.only_when_queued is waits


@pytest.mark.parametrize(("state", "unseen"), [(S.FIRING, 1), (S.RESOLVED, 0)])
def test_what_nobody_can_see_to_be_over_is_counted(state: S, unseen: int) -> None:
    block = Block(R.EVIDENCE_MISSING, T0, due=False)

    found = tally(begun(1), incident=replace(observing(), block=block, state=state))

    assert found.unseen == unseen


@pytest.mark.parametrize(
    ("mode", "found", "is_told"),
    [
        (Mode.OBSERVE, tally(), True),
        (Mode.WARN, tally(), False),
        (Mode.ENFORCE, tally(begun(1), recovered(2)), True),
        (Mode.ENFORCE, tally(begun(1), policy=replace(POLICY, mode=Mode.OBSERVE)), True),
    ],
    ids=["quiet, observe", "quiet, warn", "a warning", "something to look at"],
)
def test_a_quiet_day_is_told_where_nothing_else_is(
    mode: Mode, found: DayTally, *, is_told: bool
) -> None:
    assert ObservedDigest(found, mode).is_worth_telling is is_told
