"""S12: what forbids a stop is told in words that say where to look."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.breaker import BreakerState
from app.domain.cluster import User
from app.domain.evidence import Readings
from app.domain.exemption import Exemption
from app.domain.incident import Incident
from app.domain.matchers import Matcher
from app.domain.policy import Announcement, Mode, Rulebook, StopAction
from app.domain.proof import freshness, judge, objections, same_allocation
from app.domain.readings import PeerAlert, PeerAlertState, Sample
from app.domain.reasons import Reason
from app.domain.world import World
from tests.domain.examples import (
    GRACE,
    IDENTITY,
    LIMITS,
    POLICY,
    T0,
    allocation,
    calling,
    firing,
    notified,
    peer,
    readings,
    rule_alert,
    silence,
    snapshot,
    world,
)
from tests.domain.test_selection import asked_for, bob_holds, runs, waits
from tests.domain.test_succession import goes_on
from tests.domain.test_targets import A, B
from tests.domain.test_targets import notified as over_the_limit

DUE = T0 + GRACE
AGE = timedelta(seconds=30)
BY_ANOTHER = PeerAlert(PeerAlertState.SUPPRESSED, silenced_by=("s9",))
"""The peer does not tell who made that silence."""
THESIS = Exemption((Matcher("policy", POLICY.name),), "a thesis", DUE + GRACE)
OF_ANOTHER = Exemption((Matcher("policy", "advise"),), "a thesis", DUE + GRACE)
TRIPPED = BreakerState(tripped=True, at=T0, by="carol", reason="look first")
RESET = BreakerState(tripped=False, at=DUE, by="carol")


def against(
    incident: Incident | None = None, read: Readings | None = None, seen: World | None = None
) -> list[tuple[Reason, str]]:
    """Return all that forbids a stop of the first target, in order."""
    incident = incident or notified()
    target, read = incident.targets[0], read or readings()
    rules = objections(incident, target, read, seen or world(DUE), policy=POLICY, limits=LIMITS)
    return [*same_allocation(target, read), *rules]


def announced(what: Announcement | None) -> Incident:
    [target] = notified().targets
    assert target.warning
    return notified().with_target(replace(target, warning=replace(target.warning, announced=what)))


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (readings(allocation=None, allocation_error="500"), "500"),
        (readings(allocation=None), ""),
        (readings(allocation=allocation(None)), "Determined does not tell whose task it is"),
        (readings(allocation=allocation("carol")), "now owned by carol"),
        (
            readings(allocation=allocation(task_type=None)),
            "Determined has no call to stop a None",
        ),
        (readings(allocation=allocation(descendants=("c", "d"))), "c, d descend from it"),
        (readings(verify=None, query_error="timeout"), "timeout"),
        (readings(verify=()), "verify returns nothing, with fresh samples"),
        (readings(evidence=()), "a sample that the judgement needs is not there"),
        (
            readings(evidence=(Sample({}, 5), Sample({}, 31.25))),
            "the samples are 5.0, 31.2 s old",
        ),
        (readings(recipient=None, recipient_error="timeout"), "timeout"),
    ],
)
def test_what_was_read_of_the_target(read: Readings, words: str) -> None:
    assert against(read=read)[0][1] == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"firing": {}}, "Prometheus does not report the alert"),
        ({"firing": {IDENTITY.key: rule_alert(DUE)}}, "the alert began 2026-11-24T14:00:00+00:00"),
        (
            {"firing": {IDENTITY.key: rule_alert(verify="")}},
            "the alert has no verify or no evidence annotation",
        ),
        ({"peers": ()}, "no Alertmanager is configured"),
        ({"peers": (peer("am-2", error="503"),)}, "am-2: 503"),
        ({"peers": (peer("am-2", None),)}, "not active on am-2"),
        ({"peers": (peer(silences=(silence(),)),)}, "by carol"),
        ({"peers": (peer(alert=BY_ANOTHER),)}, "s9"),
        (
            {"peers": (peer(silences=(silence(ends=timedelta(minutes=20)),)),)},
            "silence s1 ended after the warning",
        ),
        ({"heartbeat_at": None}, "it never arrived"),
        ({"heartbeat_at": T0}, "last seen 2026-11-24T12:00:00+00:00"),
        ({"mode": Mode.WARN}, "the mode is warn"),
        ({"breaker": TRIPPED}, "tripped by carol: look first"),
        ({"breaker": RESET}, "carol reset the breaker after the warning"),
        ({"snapshot": None}, "how much runs is not known"),
        ({"clock": GRACE - AGE}, "30 s are left"),
    ],
)
def test_what_the_world_says(changes: Mapping[str, object], words: str) -> None:
    assert against(seen=world(DUE, **changes))[0][1] == words


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Announcement(StopAction.PAUSE), "pause was announced"),
        (Announcement(StopAction.NONE), "none was announced"),
        (None, "nothing was announced"),
    ],
)
def test_s1_what_was_announced_instead(told: Announcement | None, words: str) -> None:
    assert against(announced(told)) == [(Reason.ACTION_CHANGED, words)]


def test_s1_an_account_that_is_not_active() -> None:
    users = {"bob": User("bob", active=False)}
    seen = world(DUE, snapshot=replace(snapshot(allocation(), at=DUE), users=users))

    assert (Reason.OWNER_UNREACHABLE, "the account is deactivated in Determined") in against(
        seen=seen
    )


@pytest.mark.parametrize(
    ("exempt", "found"),
    [(THESIS, [(Reason.EXEMPT, "a thesis")]), (OF_ANOTHER, [])],
    ids=["from this policy", "from another"],
)
def test_s11_an_exemption_from_a_policy_is_from_that_one(
    exempt: Exemption, found: list[tuple[Reason, str]]
) -> None:
    rulebook = Rulebook(Mode.ENFORCE, {POLICY.name: POLICY}, exempt=(exempt,))

    said = against(seen=world(DUE, rulebook=rulebook))

    assert [each for each in said if each[0] is Reason.EXEMPT][:1] == found


def test_the_breaker_hides_no_hold_and_comes_last() -> None:
    reasons = [reason for reason, _ in against(calling(), seen=goes_on(breaker=TRIPPED))]

    assert Reason.RELABELLED in reasons
    assert reasons.index(Reason.BREAKER) == len(reasons) - 1


def test_a_peer_that_cannot_be_read_hides_no_other() -> None:
    found = against(seen=world(DUE, peers=(peer("am-1", error="503"), peer("am-2", None))))

    assert (Reason.NOT_IN_ALERTMANAGER, "not active on am-2") in found


def test_s1_of_what_was_never_told_nothing_else_is_said() -> None:
    told = [each for each in against(firing()) if each[0] is Reason.NOT_WARNED]

    assert told[0] == (Reason.NOT_WARNED, "")


def test_nothing_is_said_where_every_rule_holds() -> None:
    incident = notified()
    [target] = incident.targets

    found = judge(incident, target, readings(), world(DUE), policy=POLICY, limits=LIMITS)

    assert (found.reason, found.detail) == (Reason.PROVEN, "")


@pytest.mark.parametrize(
    ("age", "is_fresh"), [(0, True), (0.5, True), (30, True), (30.5, False), (-0.5, False)]
)
def test_s3_a_sample_is_fresh_up_to_the_age_that_is_allowed(age: float, *, is_fresh: bool) -> None:
    assert (list(freshness([Sample({}, age)], AGE)) == []) is is_fresh


@pytest.mark.parametrize(
    ("slots", "words"), [(2, None), (1, "others of the targets suffice")], ids=["both", "one"]
)
def test_of_a_user_no_more_is_stopped_than_makes_room(slots: int, words: str | None) -> None:
    incident = asked_for(over_the_limit(), held=2, free=2)
    seen = bob_holds(A, B, job=waits(slots))

    assert dict(against(incident, readings(allocation=runs(A)), seen)).get(Reason.NO_NEED) == words
