"""What would apply to a task if it idled, and why."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.breaker import BreakerState
from app.domain.cluster import TaskType
from app.domain.exemption import Exemption
from app.domain.incident import Hold, Keep
from app.domain.matchers import Matcher
from app.domain.policy import Mode, Policy, Rulebook, StopAction
from app.domain.prospect import SHIPPED, Ceiling, NeverJudged, Prospect, prospect
from app.domain.reasons import Reason
from app.domain.world import World
from tests.domain.examples import GRACE, POLICY, T0, TASK, allocation, peer, silence, world

HOUR = timedelta(hours=1)
ENFORCE, WARN, OBSERVE = Mode.ENFORCE, Mode.WARN, Mode.OBSERVE


def rulebook(mode: Mode = ENFORCE, policy: Policy = POLICY, **more: object) -> Rulebook:
    return Rulebook(mode, {policy.name: policy}, **more)  # type: ignore[arg-type] # Words.


def of(found: World, **changes: object) -> Prospect:
    about = allocation(**changes)  # type: ignore[arg-type] # Words of the test.
    return prospect(about, SHIPPED, found)


def test_policy_that_the_alert_names_applies_with_its_grace() -> None:
    found = of(world())

    assert found == Prospect("reclaim", StopAction.KILL, ENFORCE, (), GRACE, ())


@pytest.mark.parametrize(
    ("mode", "policy", "effective", "lowered_by"),
    [
        pytest.param(ENFORCE, POLICY, ENFORCE, [], id="nothing lowers it"),
        pytest.param(OBSERVE, POLICY, OBSERVE, [Ceiling.WATCHDOG], id="the watchdog"),
        pytest.param(ENFORCE, replace(POLICY, mode=WARN), WARN, [Ceiling.POLICY], id="the policy"),
        pytest.param(
            WARN, replace(POLICY, mode=WARN), WARN, [Ceiling.WATCHDOG, Ceiling.POLICY], id="both"
        ),
        pytest.param(
            ENFORCE,
            replace(POLICY, action=StopAction.NONE),
            WARN,
            [Ceiling.ACTION],
            id="it only advises",
        ),
        pytest.param(
            ENFORCE,
            replace(POLICY, action=StopAction.PAUSE),
            WARN,
            [Ceiling.ACTION],
            id="a notebook cannot be paused",
        ),
        pytest.param(
            OBSERVE,
            replace(POLICY, action=StopAction.NONE),
            OBSERVE,
            [Ceiling.WATCHDOG],
            id="the lowest counts",
        ),
        pytest.param(
            ENFORCE,
            replace(POLICY, name="another"),
            OBSERVE,
            [Ceiling.UNCONFIGURED],
            id="the configuration does not know it",
        ),
    ],
)
def test_mode_says_what_lowers_it(
    mode: Mode, policy: Policy, effective: Mode, lowered_by: list[Ceiling]
) -> None:
    found = of(world(rulebook=rulebook(mode, policy)))

    assert (found.mode, list(found.lowered_by)) == (effective, lowered_by)


def test_what_protects_the_task_is_named_with_its_end() -> None:
    exempt = Exemption((Matcher("username", "bob"),), "the reviewer's demo", T0 + 5 * HOUR)
    keep = Keep("k1", TASK, "reclaim", T0 + HOUR, "alice", "debugging", T0)
    elsewhere = replace(keep, policy="slots")
    busy = world(
        rulebook=rulebook(exempt=(exempt,)),
        peers=(peer(alert=None, silences=(silence(),)),),
        keeps=(keep, elsewhere),
        breaker=BreakerState(tripped=True, by="carol", reason="a broken exporter"),
    )

    found = of(busy)

    assert found.holds == (
        Hold(Reason.KEPT, "alice", T0 + HOUR, "debugging"),
        Hold(Reason.SILENCED, "carol", T0 + 8 * HOUR, "demo day"),
        Hold(Reason.BREAKER, "carol", None, "a broken exporter"),
        Hold(Reason.EXEMPT, "the reviewer's demo", T0 + 5 * HOUR),
    )


def test_silence_over_the_severity_of_the_rule_counts() -> None:
    quiet = (peer(alert=None, silences=(silence(Matcher("severity", "warning")),)),)

    found = of(world(peers=quiet))

    assert [each.reason for each in found.holds] == [Reason.SILENCED]


@pytest.mark.parametrize(
    ("changes", "never"),
    [
        pytest.param({}, None, id="a notebook"),
        pytest.param({"slots": 0}, NeverJudged.NO_GPU, id="without GPUs"),
        pytest.param({"task_type": None}, NeverJudged.TYPE_UNKNOWN, id="of no known type"),
        pytest.param({"username": None}, NeverJudged.OWNER_UNKNOWN, id="of nobody"),
        pytest.param(
            {"task_type": TaskType.CHECKPOINT_GC, "slots": 0},
            NeverJudged.NOT_STOPPABLE,
            id="checkpoint clean-up",
        ),
    ],
)
def test_what_no_alert_can_be_about_says_why(
    changes: dict[str, object], never: NeverJudged | None
) -> None:
    assert of(world(), **changes).never is never
