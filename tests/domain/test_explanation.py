"""Why a task is warned about, or is not: what the alerts see of it, and what would follow."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from app.domain.breaker import BreakerState
from app.domain.cluster import Allocation, Container, TaskType
from app.domain.conditions import conditions
from app.domain.events import StopBlocked
from app.domain.explanation import ALERTS, SINCE, Explanation, Look, LookState, explain
from app.domain.facts import BUSY_6H, LAST_ACTIVE, Facts
from app.domain.forecast import Stage
from app.domain.idleness import (
    ACTIVE,
    ACTIVE_IN,
    COVERAGE_IN,
    HELD_BEFORE,
    HOST_ACTIVE,
    HOST_ACTIVE_IN,
    HOST_COVERAGE_IN,
    IDLE_IN,
    PER_GPU,
    SIGNALS,
    SIGNALS_IN,
    WINDOW,
)
from app.domain.incident import Incident
from app.domain.policy import Mode, Policy, Rulebook, StopAction
from app.domain.prospect import SHIPPED, prospect
from app.domain.readings import AlertingRule, Sample
from app.domain.reasons import Reason
from app.domain.rows import NAME, Rows
from app.domain.tasks import Activity, RunningTask, TaskStanding
from app.domain.waking import WakingHours
from app.domain.world import World
from tests.domain.examples import (
    ALLOCATION,
    GRACE,
    POLICY,
    T0,
    after,
    allocation,
    held,
    notified,
    peer,
    silence,
    world,
)

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
Key = tuple[str, str]
IDLE_ROWS: dict[Key, float] = {
    (WINDOW, "30m"): 1,
    (PER_GPU, ""): 0,
    (ACTIVE, ""): 0,
    (HOST_ACTIVE, ""): 0,
    (SIGNALS, ""): 4,
    (IDLE_IN, "30m"): 1,
    (IDLE_IN, "4h"): 0,
    (HELD_BEFORE, "30m"): 1,
    (ACTIVE_IN, "30m"): 0,
    (HOST_ACTIVE_IN, "30m"): 0,
    (COVERAGE_IN, "30m"): 0.98,
    (HOST_COVERAGE_IN, "30m"): 1.0,
    (SIGNALS_IN, "30m"): 4,
}
"""A notebook whose only GPU has been idle for its whole window."""


def samples(rows: Mapping[Key, float]) -> list[Sample]:
    return [
        Sample({NAME: name, "allocation_id": ALLOCATION, "window": window}, value)
        for (name, window), value in rows.items()
    ]


def alert(name: str, state: str, since: datetime) -> list[Sample]:
    labels = {"alertname": name, "scope": "allocation", "policy": "reclaim"}
    return [
        Sample({NAME: ALERTS, "alertstate": state} | labels, 1),
        Sample({NAME: SINCE} | labels, since.timestamp()),
    ]


def facts(
    changes: Mapping[Key, float | None] | None = None,
    *more: Sample,
    age: timedelta = 5 * HOUR,
    of: Allocation | None = None,
    **words: object,
) -> Facts:
    rows = {**IDLE_ROWS, **(changes or {})}
    known = {key: value for key, value in rows.items() if value is not None}
    values = {"started_at": T0 - age, "now": T0} | words
    return Facts(of or allocation(), Rows([*samples(known), *more]), **values)  # type: ignore[arg-type] # Words.


def explained(
    known: Facts,
    incident: Incident | None = None,
    *,
    rules: tuple[AlertingRule, ...] = (SHIPPED,),
    **changes: object,
) -> Explanation:
    seen: World = world(**{"firing": None, "peers": (), **changes})  # type: ignore[arg-type] # Words.
    task = RunningTask((known.allocation,), {})
    standing = TaskStanding(
        task,
        Activity(),
        prospect(known.allocation, SHIPPED, seen),
        (incident,) if incident else (),
    )
    return explain(standing, known, rules, seen)


def idle_look(known: Facts) -> Look:
    [look] = explained(known).looks
    return look


def unmet(known: Facts) -> list[tuple[str, bool | None]]:
    return [(each.words, each.met) for each in idle_look(known).conditions if not each.met]


def test_all_is_met_when_a_whole_window_was_seen_and_nothing_worked() -> None:
    look = idle_look(facts())

    assert len(look.conditions) == 7
    assert all(each.met for each in look.conditions)
    assert (look.state, look.since) == (LookState.INACTIVE, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({(PER_GPU, ""): None}, "every GPU of it is seen", id="no mapping"),
        pytest.param({(HELD_BEFORE, "30m"): None}, "it held its GPUs before", id="too young"),
        pytest.param({(COVERAGE_IN, "30m"): 0.89}, "enough measurements", id="coverage"),
        pytest.param({(SIGNALS, ""): 3}, "every signal that the window had", id="a signal is gone"),
        pytest.param({(ACTIVE, ""): 1}, "no signal of any GPU", id="at work now"),
        pytest.param({(ACTIVE_IN, "30m"): 1}, "no signal of any GPU", id="at work a while ago"),
        pytest.param({(HOST_ACTIVE_IN, "30m"): 1}, "no work on CPU", id="CPU at work"),
        pytest.param({(HOST_COVERAGE_IN, "30m"): 0.5}, "its machine is seen", id="host unseen"),
    ],
)
def test_what_blocks_is_named_alone(changes: dict[Key, float | None], words: str) -> None:
    [(found, met)] = unmet(facts(changes))

    assert found.startswith(words)
    assert met is False


@pytest.mark.parametrize(
    "row", [(COVERAGE_IN, "30m"), (SIGNALS, ""), (ACTIVE_IN, "30m"), (HOST_COVERAGE_IN, "30m")]
)
def test_missing_row_is_unknown_and_neither_yes_nor_no(row: Key) -> None:
    assert [met for _, met in unmet(facts({row: None}))] == [None]


def test_numbers_come_with_their_limits_and_units() -> None:
    known = facts({(HELD_BEFORE, "30m"): None, (COVERAGE_IN, "30m"): 0.5}, age=12 * MINUTE)

    found = [each for each in idle_look(known).conditions if not each.met]

    assert [(each.value, each.limit, each.unit) for each in found] == [
        (12.0, 40.0, "minutes"),
        (50.0, 90.0, "percent"),
    ]


def test_four_hours_without_a_gpu_end_the_veto_of_the_cpu() -> None:
    known = facts({(HOST_ACTIVE, ""): 1, (HOST_ACTIVE_IN, "30m"): 1, (IDLE_IN, "4h"): 1})

    assert unmet(known) == []


def test_alert_that_disbelieves_the_signals_blocks_and_is_named() -> None:
    against = alert("GPUSignalsDisagree", "firing", T0)

    look, other = explained(facts(None, *against)).looks

    [blocks] = [each.words for each in look.conditions if not each.met]
    assert "GPUSignalsDisagree" in blocks
    assert (other.rule.name, other.state) == ("GPUSignalsDisagree", LookState.FIRING)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        pytest.param(allocation(slots=0), "it holds a GPU", id="no GPU"),
        pytest.param(allocation(username=None), "Determined tells whose it is", id="of nobody"),
        pytest.param(
            allocation(containers=(Container("c1", "agent-a", ("MIG-1",)),)),
            "it holds whole GPUs, and no instances of MIG",
            id="MIG",
        ),
    ],
)
def test_what_is_never_judged_has_that_one_reason(of: Allocation, words: str) -> None:
    found = explained(facts(of=of))

    [look] = found.looks
    assert [(each.words, each.met) for each in look.conditions] == [(words, False)]
    assert found.milestones[0].at is None


def test_nothing_is_denied_while_prometheus_is_away() -> None:
    silent = Facts(allocation(), Rows([]), T0 - HOUR, T0, is_readable=False)

    look = idle_look(silent)

    assert look.state is LookState.UNKNOWN
    assert [each.met for each in look.conditions] == [None]
    assert explained(silent).milestones[0].at is None


@pytest.mark.parametrize(
    ("state", "since", "fires_at"),
    [
        pytest.param("pending", T0 - 2 * MINUTE, T0 + 3 * MINUTE, id="pending"),
        pytest.param("firing", T0 - HOUR, None, id="firing"),
    ],
)
def test_state_of_an_alert_comes_with_its_times(
    state: str, since: datetime, fires_at: datetime | None
) -> None:
    look = idle_look(facts(None, *alert("GPUAllocationIdle", state, since)))

    assert (look.state, look.since, look.fires_at) == (LookState(state), since, fires_at)


def test_rules_about_machines_are_left_out_unless_they_fire_about_the_task() -> None:
    rules = (
        AlertingRule("ExporterDown", {"scope": "agent"}),
        AlertingRule("GPUSamplesMissing", {"scope": "agent"}),
        AlertingRule("UserOverSlotLimit", {"scope": "user"}),
        AlertingRule("OurOwn"),
        SHIPPED,
    )
    known = facts(None, *alert("GPUSamplesMissing", "pending", T0))

    looks = explained(known, rules=(*rules, AlertingRule("TooMany", {"scope": "allocation"}))).looks

    assert {each.rule.name for each in looks} >= {
        "UserOverSlotLimit",
        "TooMany",
        "GPUSamplesMissing",
    }
    assert {each.rule.name for each in looks} & {"ExporterDown", "OurOwn"} == set()


# --- When it would fire --------------------------------------------------------------------------


def alert_at(known: Facts) -> datetime | None:
    return explained(known).milestones[0].at


@pytest.mark.parametrize(
    ("changes", "age", "expected"),
    [
        pytest.param({}, 5 * HOUR, T0 + 5 * MINUTE, id="idle through the whole window"),
        pytest.param({(ACTIVE, ""): 1}, 5 * HOUR, T0 + 35 * MINUTE, id="works now"),
        pytest.param({(HELD_BEFORE, "30m"): None}, 12 * MINUTE, T0 + 33 * MINUTE, id="young"),
        pytest.param(
            {(ACTIVE_IN, "30m"): 1, (LAST_ACTIVE, ""): (T0 - 20 * MINUTE).timestamp()},
            5 * HOUR,
            T0 + 15 * MINUTE,
            id="worked 20 minutes ago",
        ),
        pytest.param(
            {(HOST_ACTIVE_IN, "30m"): 1, (LAST_ACTIVE, ""): (T0 - HOUR).timestamp()},
            5 * HOUR,
            T0 + 35 * MINUTE,
            id="prepares data",
        ),
        pytest.param(
            {(HOST_ACTIVE_IN, "30m"): 1, (LAST_ACTIVE, ""): (T0 - 235 * MINUTE).timestamp()},
            5 * HOUR,
            T0 + 10 * MINUTE,
            id="prepares data, for four hours soon",
        ),
        pytest.param(
            {(HOST_COVERAGE_IN, "30m"): None, (LAST_ACTIVE, ""): (T0 - HOUR).timestamp()},
            5 * HOUR,
            T0 + 185 * MINUTE,
            id="nobody sees its machine",
        ),
        pytest.param({(COVERAGE_IN, "30m"): 0.5}, 5 * HOUR, None, id="nobody can say"),
    ],
)
def test_alert_is_foreseen_no_earlier_than_it_can_fire(
    changes: dict[Key, float | None], age: timedelta, expected: datetime | None
) -> None:
    whole = {(IDLE_IN, "30m"): None, **changes}

    assert alert_at(facts(whole, age=age)) == expected


def test_pending_alert_is_foreseen_by_prometheus_own_account() -> None:
    known = facts(None, *alert("GPUAllocationIdle", "pending", T0 - MINUTE))

    assert alert_at(known) == T0 + 4 * MINUTE


# --- What would follow ---------------------------------------------------------------------------


def rulebook(mode: Mode = Mode.ENFORCE, policy: Policy = POLICY) -> Rulebook:
    return Rulebook(mode, {policy.name: policy})


def test_stop_follows_the_warning_by_a_whole_grace_period() -> None:
    alert_, warning, stop = explained(facts()).milestones

    assert [each.stage for each in (alert_, warning, stop)] == list(Stage)
    assert warning.at == alert_.at == T0 + 5 * MINUTE
    assert stop.at == T0 + 5 * MINUTE + GRACE
    assert stop.words.startswith("It is killed")


@pytest.mark.parametrize(
    ("mode", "policy", "warned_at", "words"),
    [
        pytest.param(
            Mode.OBSERVE, POLICY, None, "the watchdog's own mode is observe", id="observe"
        ),
        pytest.param(
            Mode.WARN, POLICY, T0 + 5 * MINUTE, "the watchdog's own mode is warn", id="warn"
        ),
        pytest.param(
            Mode.ENFORCE,
            replace(POLICY, action=StopAction.NONE),
            T0 + 5 * MINUTE,
            "the policy stops nothing of this type",
            id="advice",
        ),
        pytest.param(
            Mode.ENFORCE,
            replace(POLICY, name="another"),
            None,
            "the configuration has no policy of this name",
            id="unknown policy",
        ),
    ],
)
def test_nothing_is_stopped_below_enforce_and_it_says_why(
    mode: Mode, policy: Policy, warned_at: datetime | None, words: str
) -> None:
    _, warning, stop = explained(facts(), rulebook=rulebook(mode, policy)).milestones

    assert (warning.at, stop.at) == (warned_at, None)
    assert words in stop.words


def test_silence_moves_the_warning_to_its_end() -> None:
    quiet = (peer(alert=None, silences=(silence(),)),)

    _, warning, stop = explained(facts(), peers=quiet).milestones

    assert (warning.at, stop.at) == (T0 + 8 * HOUR, T0 + 8 * HOUR + GRACE)
    assert "A silence covers it: by carol." in warning.words


def test_hold_without_an_end_leaves_nothing_to_foresee() -> None:
    tripped = BreakerState(tripped=True, by="carol", reason="a broken exporter")

    _, warning, stop = explained(facts(), breaker=tripped).milestones

    assert (warning.at, stop.at) == (None, None)
    assert "The breaker is tripped: by carol." in warning.words


def test_nobody_is_told_at_night_of_a_stop_of_a_notebook() -> None:
    day = replace(POLICY, waking_hours=WakingHours(time(9), time(12, 3)))
    morning = datetime(2026, 11, 25, 9, tzinfo=UTC)

    _, warning, stop = explained(facts(), rulebook=rulebook(policy=day)).milestones

    assert (warning.at, stop.at) == (morning, morning + GRACE)


def test_running_grace_period_ends_when_the_warning_says() -> None:
    fired = alert("GPUAllocationIdle", "firing", T0)

    alert_, warning, stop = explained(facts(None, *fired), notified()).milestones

    assert (alert_.at, warning.at, stop.at) == (T0, T0, T0 + GRACE)


def test_held_incident_is_warned_about_anew_when_its_hold_ends() -> None:
    fired = alert("GPUAllocationIdle", "firing", T0)

    _, warning, stop = explained(facts(None, *fired), held()).milestones

    assert (warning.at, stop.at) == (T0 + 8 * HOUR, T0 + 8 * HOUR + GRACE)


def test_what_prevents_a_stop_that_is_due_is_told() -> None:
    blocked = after(notified(), StopBlocked(Reason.EVIDENCE_STALE))

    *_, stop = explained(facts(), blocked, heartbeat_at=None).milestones

    assert "Evidence stale" in stop.words
    assert "The heartbeat is missing" in stop.words


def test_policy_that_waits_for_others_says_so() -> None:
    patient = replace(POLICY, only_when_queued=True)

    *_, stop = explained(facts(), rulebook=rulebook(policy=patient)).milestones

    assert "Only while somebody else waits" in stop.words


# --- The other alerts ----------------------------------------------------------------------------


def row(name: str, value: float, **labels: str) -> Sample:
    return Sample({NAME: name, "allocation_id": ALLOCATION} | labels, value)


@pytest.mark.parametrize(
    ("alertname", "known", "met"),
    [
        pytest.param(
            "GPUAllocationInefficient",
            facts(
                None,
                Sample({"row": BUSY_6H, "allocation_id": ALLOCATION}, 0.07),
                row("threshold:watchdog_gpu_busy_low:ratio", 0.15),
            ),
            [True, False],
            id="little busy, but only for five hours",
        ),
        pytest.param(
            "InteractiveTaskLongLived", facts(age=169 * HOUR), [True, True, True], id="a week"
        ),
        pytest.param(
            "InteractiveTaskLongLived",
            facts(age=169 * HOUR, of=allocation(task_type=TaskType.TRIAL)),
            [False, True, True],
            id="a trial may run for a week",
        ),
        pytest.param(
            "UserOverSlotLimit",
            facts(
                None,
                row("username_resource_pool:watchdog_allocation_slots:sum", 6),
                row("username_resource_pool:watchdog_queued_slots_of_others:sum", 0),
            ),
            [None, False],
            id="no limit, and nobody waits",
        ),
        pytest.param(
            "GPUAllocationFragmented",
            facts(
                of=allocation(
                    slots=4, containers=tuple(Container(a, a, ("g",)) for a in ("a", "b"))
                ),
                agent_slots={"a": 8, "b": 2},
            ),
            [True],
            id="two machines where one has room enough",
        ),
        pytest.param(
            "SlotlessTaskOnGPUNode",
            facts(
                None,
                row("allocation_id_agent_id:container_cpu_cores:rate5m", 20, agent_id="agent-a"),
                row("agent_id:machine_cpu_cores:max", 64, agent_id="agent-a"),
                of=allocation(slots=0),
                agent_slots={"agent-a": 8},
            ),
            [True, True],
            id="more cores than come with a GPU",
        ),
        pytest.param("OurOwn", facts(), [], id="an alert of the site's own"),
    ],
)
def test_other_alerts_are_held_against_their_rows(
    alertname: str, known: Facts, met: list[bool | None]
) -> None:
    assert [each.met for each in conditions(alertname, known)] == met
