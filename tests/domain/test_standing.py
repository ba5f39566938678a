"""What the configuration itself forbids."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.domain import events as e
from app.domain.cluster import Allocation, Snapshot
from app.domain.consequences import consequence
from app.domain.exemption import Exemption
from app.domain.incident import Hold, Incident, IncidentState
from app.domain.matchers import Matcher
from app.domain.observation import observe
from app.domain.policy import Mode, Policy, Rulebook, StopAction
from app.domain.proof import judge
from app.domain.reasons import Reason
from app.domain.schedule import promised
from app.domain.standing import standing_holds
from app.domain.waking import WakingHours
from tests.domain.examples import (
    GRACE,
    LIMITS,
    POLICY,
    T0,
    after,
    allocation,
    calling,
    notified,
    opened,
    readings,
    snapshot,
    world,
)

DAY = WakingHours(time(9), time(21))
BY_DAY = replace(POLICY, waking_hours=DAY)
NIGHT = datetime(2026, 11, 24, 23, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
ASLEEP = Hold(Reason.OUTSIDE_HOURS, until=MORNING)
THESIS = Exemption((Matcher("username", "bob"),), "thesis", T0 + timedelta(days=30))
EXEMPT = Hold(Reason.EXEMPT, by="thesis", until=T0 + timedelta(days=30))
LABELLED = Matcher("experiment_label", "keep")
BOBS = snapshot(allocation())


def rulebook(policy: Policy = BY_DAY, mode: Mode = Mode.ENFORCE) -> Rulebook:
    return Rulebook(mode, {policy.name: policy})


def of_type(task_type: str, outcome: IncidentState | None = None) -> Incident:
    incident = notified()
    [target] = incident.targets
    return replace(incident, targets=(replace(target, task_type=task_type, outcome=outcome),))


@pytest.mark.parametrize(
    ("task_type", "holds"),
    [
        ("notebook", [ASLEEP]),
        ("shell", [ASLEEP]),
        ("command", []),
        ("tensorboard", []),
        ("trial", []),
        ("generic", []),
    ],
)
def test_s13_at_night_a_task_with_unsaved_state_is_held_until_the_morning(
    task_type: str, holds: list[Hold]
) -> None:
    assert list(standing_holds(of_type(task_type), rulebook(), snapshot(), NIGHT)) == holds


def test_s13_one_task_with_unsaved_state_holds_its_neighbours_too() -> None:
    [notebook] = of_type("notebook").targets
    [trial] = of_type("trial").targets
    both = replace(notified(), targets=(replace(trial, allocation_id="b.1"), notebook))

    assert list(standing_holds(both, rulebook(), snapshot(), NIGHT)) == [ASLEEP]


def test_a_task_that_has_ended_holds_nothing() -> None:
    over = of_type("notebook", IncidentState.ENDED)

    assert list(standing_holds(over, rulebook(), snapshot(), NIGHT)) == []


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(rulebook(mode=Mode.WARN), id="the mode does not"),
        pytest.param(rulebook(replace(BY_DAY, mode=Mode.WARN)), id="the policy's mode does not"),
        pytest.param(rulebook(replace(BY_DAY, action=StopAction.NONE)), id="the policy only tells"),
        pytest.param(Rulebook(Mode.ENFORCE, {}), id="no such policy"),
        pytest.param(rulebook(POLICY), id="the hours are off"),
    ],
)
def test_at_night_nothing_is_held_where_nothing_would_be_stopped_or_hours_are_off(
    rules: Rulebook,
) -> None:
    assert list(standing_holds(notified(), rules, snapshot(), NIGHT)) == []


def test_s13_hours_are_those_of_the_owner() -> None:
    at_home = replace(rulebook(), zone=ZoneInfo("Europe/Zurich"))
    away = replace(at_home, zones={"bob": ZoneInfo("America/New_York")})

    held = [list(standing_holds(notified(), rules, snapshot(), NIGHT)) for rules in (at_home, away)]

    assert held == [[Hold(Reason.OUTSIDE_HOURS, until=MORNING - timedelta(hours=1))], []]


def test_s13_the_evening_breaks_a_round() -> None:
    now = world(NIGHT, rulebook=rulebook())

    events = list(observe(replace(notified()), now, Mode.ENFORCE))

    assert e.HoldsObserved((ASLEEP,)) in events


def test_s13_nobody_is_told_at_night() -> None:
    now = world(NIGHT, rulebook=rulebook())

    events = list(observe(opened(), now, Mode.ENFORCE))

    assert e.AlertActive() not in events


def test_s13_a_stop_that_is_due_at_night_is_not_proven() -> None:
    incident = notified()
    [target] = incident.targets

    verdict = judge(
        incident,
        target,
        readings(),
        world(NIGHT, rulebook=rulebook()),
        policy=BY_DAY,
        limits=LIMITS,
    )

    assert verdict.reason is Reason.OUTSIDE_HOURS


def test_s13_at_night_an_intent_of_unknown_fate_is_withdrawn() -> None:
    incident = calling()
    [target] = incident.targets
    silent = world(NIGHT, rulebook=rulebook(), firing=None)

    verdict = judge(incident, target, readings(), silent, policy=BY_DAY, limits=LIMITS)

    event = consequence(incident, target, verdict, "n2")
    assert isinstance(event, e.StopWithdrawn)
    assert event.reason is Reason.OUTSIDE_HOURS


@pytest.mark.parametrize(
    ("task_type", "now", "deadline"),
    [
        ("notebook", T0, T0 + GRACE),
        ("notebook", T0.replace(hour=19), MORNING + GRACE),
        ("notebook", NIGHT, MORNING + GRACE),
        ("trial", NIGHT, NIGHT + POLICY.grace_default),
    ],
)
def test_s10_a_warning_names_no_deadline_that_the_evening_would_break(
    task_type: str, now: datetime, deadline: datetime
) -> None:
    [target] = of_type(task_type).targets

    assert promised(target, BY_DAY, now=now, zone=UTC) == deadline


LETS_BOB_BE = replace(rulebook(POLICY), exempt=(THESIS,))


def test_s11_an_exempt_task_is_held_and_says_why_and_until_when() -> None:
    assert list(standing_holds(notified(), LETS_BOB_BE, BOBS, T0)) == [EXEMPT]


@pytest.mark.parametrize("mode", Mode)
def test_s11_an_exempt_task_is_held_in_every_mode(mode: Mode) -> None:
    rules = replace(LETS_BOB_BE, mode=mode)

    assert list(standing_holds(notified(), rules, BOBS, T0)) == [EXEMPT]


def test_s11_what_is_exempt_is_what_determined_says_of_the_task_and_not_the_alert() -> None:
    carols = snapshot(allocation("carol"))

    assert list(standing_holds(notified(), LETS_BOB_BE, carols, T0)) == []


def test_s11_an_exempt_task_that_has_ended_holds_nothing() -> None:
    over = of_type("notebook", IncidentState.ENDED)

    assert list(standing_holds(over, LETS_BOB_BE, BOBS, T0)) == []


@pytest.mark.parametrize("found", [None, snapshot()], ids=["unknown", "not listed"])
def test_s5_what_was_exempt_stays_so_while_determined_does_not_tell(found: Snapshot | None) -> None:
    held = after(notified(), e.HoldsObserved((EXEMPT,)))
    now_nobody = rulebook(POLICY)

    assert list(standing_holds(held, now_nobody, found, T0)) == [EXEMPT]
    assert list(standing_holds(notified(), LETS_BOB_BE, found, T0)) == []


def test_s11_the_proof_asks_the_reading_of_the_moment() -> None:
    """The label came after the last snapshot."""
    rules = replace(LETS_BOB_BE, exempt=(replace(THESIS, matchers=(LABELLED,)),))
    before = allocation(labels=())
    labelled = allocation(labels=("keep",))
    incident = notified()
    [target] = incident.targets
    due = world(T0 + 2 * GRACE, rulebook=rules, snapshot=snapshot(before))

    verdict = judge(
        incident, target, readings(allocation=labelled), due, policy=POLICY, limits=LIMITS
    )

    assert verdict.reason is Reason.EXEMPT
    event = consequence(incident, target, verdict, "n1")
    assert event == e.HoldsObserved((Hold(Reason.EXEMPT, by="thesis"),))


@pytest.mark.parametrize(
    ("field", "unknown"),
    [
        ("experiment_label", allocation(labels=None, workspace="vision")),
        ("workspace", allocation(labels=(), workspace=None)),
    ],
    ids=["labels", "workspace"],
)
def test_s5_the_proof_takes_what_cannot_be_read_for_exempt(field: str, unknown: Allocation) -> None:
    exempt = (replace(THESIS, matchers=(Matcher(field, "x"),)),)
    rules = replace(LETS_BOB_BE, exempt=exempt)
    known = allocation(labels=(), workspace="vision")
    incident = notified()
    [target] = incident.targets
    due = world(T0 + 2 * GRACE, rulebook=rules, snapshot=snapshot(known))

    verdicts = [
        judge(incident, target, readings(allocation=read), due, policy=POLICY, limits=LIMITS)
        for read in (known, unknown)
    ]

    assert [verdict.reason for verdict in verdicts] == [Reason.PROVEN, Reason.EXEMPT]


def test_s11_an_intent_of_unknown_fate_to_stop_what_is_exempt_is_withdrawn() -> None:
    incident = calling()
    [target] = incident.targets
    due = world(T0 + 2 * GRACE, rulebook=LETS_BOB_BE, firing=None)

    verdict = judge(incident, target, readings(), due, policy=POLICY, limits=LIMITS)

    event = consequence(incident, target, verdict, "n2")
    assert isinstance(event, e.StopWithdrawn)
    assert event.reason is Reason.EXEMPT


@pytest.mark.parametrize(
    ("matchers", "asks"),
    [
        ([], False),
        ([Matcher("username", "bob")], False),
        ([Matcher("username", "bob"), Matcher("workspace", "infra")], True),
    ],
)
def test_workspaces_are_asked_for_where_something_hangs_on_them(
    matchers: list[Matcher], *, asks: bool
) -> None:
    exempt = (THESIS, replace(THESIS, matchers=tuple(matchers)))

    assert replace(LETS_BOB_BE, exempt=exempt).asks_for_workspaces is asks
