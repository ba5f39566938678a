"""What a verdict means: for a stop that is due, and for an intent that is open already (S6)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.cluster import TaskType
from app.domain.consequences import consequence
from app.domain.incident import Block, Hold, Incident, Keep
from app.domain.policy import Mode
from app.domain.proof import Verdict, judge
from app.domain.readings import PeerAlert, PeerAlertState, Sample
from app.domain.reasons import Reason
from tests.domain.examples import (
    ALLOCATION,
    GRACE,
    IDENTITY,
    LIMITS,
    POLICY,
    T0,
    TASK,
    allocation,
    calling,
    notified,
    peer,
    readings,
    rule_alert,
    silence,
    stopping,
    world,
)

DUE = T0 + GRACE
UNSEEN = silence(ends=timedelta(minutes=20))
KEEP = Keep("k1", TASK, "reclaim", until=DUE + GRACE, by="bob", reason="", created_at=T0)
BEGAN = {IDENTITY.key: rule_alert(T0 + timedelta(minutes=5))}
NAMELESS = peer("am-2", PeerAlert(PeerAlertState.SUPPRESSED))
STALE = (Sample({}, 31.0),)

Words = dict[str, object]
DETERMINED_FAILS: Words = {"allocation": None, "allocation_error": "500"}
QUERY_FAILS: Words = {"verify": None, "evidence": None, "query_error": "timeout"}
PEER_FAILS = peer("am-2", error="503")


def verdict(incident: Incident, read: Words, seen: Words) -> Verdict:
    return judge(
        incident,
        incident.targets[0],
        readings(**read),
        world(DUE, **seen),
        policy=POLICY,
        limits=LIMITS,
    )


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        (Reason.PROVEN, e.StopProven),
        (Reason.ALLOCATION_ENDED, e.AllocationEnded),
        (Reason.OWNER_CHANGED, e.AllocationEnded),
        (Reason.RECOVERED, e.RecoveryObserved),
        (Reason.NEW_EPISODE, e.EpisodeBegan),
        (Reason.HOLD_ENDED, e.EpisodeBegan),
        (Reason.SILENCED, e.StopBlocked),
        (Reason.TYPE_DIFFERS, e.StopBlocked),
        (Reason.EVIDENCE_STALE, e.StopBlocked),
        (Reason.PROMETHEUS_UNAVAILABLE, e.StopBlocked),
    ],
    ids=str,
)
def test_what_a_verdict_means_where_nothing_was_sent(reason: Reason, event: type) -> None:
    assert type(consequence(notified(), notified().targets[0], Verdict(reason), "n2")) is event


SEEN = {"seen": 1}


@pytest.mark.parametrize(
    ("incident", "reason", "event"),
    [
        (notified(), Reason.PROVEN, e.StopProven(ALLOCATION, "n2", SEEN)),
        (
            notified(),
            Reason.OWNER_CHANGED,
            e.AllocationEnded(ALLOCATION, Reason.OWNER_CHANGED, SEEN),
        ),
        (notified(), Reason.NOT_FIRING, e.StopBlocked(Reason.NOT_FIRING, "so", SEEN)),
        (notified(), Reason.SILENCED, e.StopBlocked(Reason.SILENCED, "so", SEEN)),
        (notified(), Reason.RECOVERED, e.RecoveryObserved(SEEN)),
        (notified(), Reason.EXEMPT, e.HoldsObserved((Hold(Reason.EXEMPT, by="so"),))),
        (
            stopping(),
            Reason.SILENCED,
            e.StopWithdrawn(ALLOCATION, Reason.SILENCED, "so", SEEN),
        ),
    ],
    ids=["proven", "over", "unknown", "no", "recovered", "exempt", "no, and on record"],
)
def test_s12_what_it_means_says_why_and_what_was_seen(
    incident: Incident, reason: Reason, event: e.Event
) -> None:
    assert consequence(incident, incident.targets[0], Verdict(reason, "so", SEEN), "n2") == event


@pytest.mark.parametrize("reason", [Reason.NEW_EPISODE, Reason.HOLD_ENDED], ids=str)
def test_s12_what_ended_a_round_says_so(reason: Reason) -> None:
    event = consequence(
        notified(), notified().targets[0], Verdict(reason, evidence={"seen": 1}), "n2"
    )

    assert event == e.EpisodeBegan({"seen": 1}, reason)


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        (Reason.PROVEN, e.StopProven),
        (Reason.SILENCED, e.StopWithdrawn),
        (Reason.RECOVERED, e.StopWithdrawn),
        (Reason.NEW_EPISODE, e.StopWithdrawn),
        (Reason.HOLD_ENDED, e.StopWithdrawn),
        (Reason.TYPE_DIFFERS, e.StopWithdrawn),
        (Reason.MUTED, e.StopWithdrawn),
        (Reason.KEPT, e.StopWithdrawn),
        (Reason.MODE, e.StopWithdrawn),
        (Reason.DETERMINED_UNAVAILABLE, e.StopBlocked),
        (Reason.EVIDENCE_MISSING, e.StopBlocked),
    ],
    ids=str,
)
def test_s6_an_intent_of_unknown_fate_is_proven_again_or_withdrawn(
    reason: Reason, event: type
) -> None:
    assert type(consequence(stopping(), stopping().targets[0], Verdict(reason), "n2")) is event


def test_s6_a_second_proof_is_for_the_same_intent() -> None:
    proven = consequence(stopping(), stopping().targets[0], Verdict(Reason.PROVEN), "n2")

    assert proven == e.StopProven(ALLOCATION, "n1", {})


@pytest.mark.parametrize(
    "read",
    [
        {"allocation": allocation(None)},
        {"allocation": allocation(task_type=TaskType.SHELL)},
        {"allocation": allocation(task_type=None)},
        DETERMINED_FAILS,
    ],
    ids=["no owner", "another type", "no type", "Determined fails"],
)
def test_s9_a_recovery_is_seen_whatever_else_speaks_against_a_stop(read: Words) -> None:
    """The other reason may be gone at the next look, and the recovery with it."""
    found = verdict(notified(), {**read, "verify": ()}, {})
    begun = verdict(calling(), {**read, "verify": ()}, {})

    assert isinstance(
        consequence(notified(), notified().targets[0], found, "n2"), e.RecoveryObserved
    )
    assert isinstance(consequence(calling(), calling().targets[0], begun, "n2"), e.StopWithdrawn)


def test_s9_a_recovery_is_seen_beside_a_new_episode() -> None:
    found = verdict(notified(), {"verify": ()}, {"firing": BEGAN})

    assert found.reason is Reason.RECOVERED


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        ({"allocation": None}, Reason.ALLOCATION_ENDED),
        ({"allocation": allocation("carol")}, Reason.OWNER_CHANGED),
    ],
    ids=["gone", "of another owner"],
)
def test_what_has_ended_or_changed_hands_has_not_recovered(read: Words, reason: Reason) -> None:
    assert verdict(notified(), {**read, "verify": ()}, {}).reason is reason


UNKNOWN_BESIDE_CERTAIN = pytest.mark.parametrize(
    ("read", "seen", "unknown", "certain"),
    [
        (DETERMINED_FAILS, {"firing": BEGAN}, Reason.DETERMINED_UNAVAILABLE, Reason.NEW_EPISODE),
        (
            DETERMINED_FAILS,
            {"peers": (peer(silences=(UNSEEN,)),)},
            Reason.DETERMINED_UNAVAILABLE,
            Reason.HOLD_ENDED,
        ),
        (QUERY_FAILS, {"peers": (peer(), NAMELESS)}, Reason.PROMETHEUS_UNAVAILABLE, Reason.MUTED),
        ({}, {"firing": None, "keeps": (KEEP,)}, Reason.PROMETHEUS_UNAVAILABLE, Reason.KEPT),
        (
            {},
            {"firing": {}, "peers": (PEER_FAILS, peer(silences=(UNSEEN,)))},
            Reason.NOT_FIRING,
            Reason.HOLD_ENDED,
        ),
        (
            {},
            {"peers": (PEER_FAILS,), "mode": Mode.WARN},
            Reason.ALERTMANAGER_UNAVAILABLE,
            Reason.MODE,
        ),
        ({"evidence": STALE}, {"keeps": (KEEP,)}, Reason.EVIDENCE_STALE, Reason.KEPT),
        (
            {"allocation": allocation(None, task_type=TaskType.SHELL)},
            {},
            Reason.OWNER_UNKNOWN,
            Reason.TYPE_DIFFERS,
        ),
        ({}, {"heartbeat_at": None, "mode": Mode.WARN}, Reason.HEARTBEAT_MISSING, Reason.MODE),
    ],
    ids=[
        "an alert that began anew while Determined fails",
        "a silence that went while Determined fails",
        "suppressed while a query fails",
        "a keep while Prometheus fails",
        "a silence that went while the alert does not fire",
        "a lower mode while a peer fails",
        "a keep while samples are old",
        "another type while the owner is not told",
        "a lower mode without a heartbeat",
    ],
)


@UNKNOWN_BESIDE_CERTAIN
@pytest.mark.parametrize("incident", [stopping(), calling()], ids=["on record", "being made"])
def test_s6_an_open_intent_does_not_wait_behind_what_is_unknown_for_better_times(
    incident: Incident, read: Words, seen: Words, unknown: Reason, certain: Reason
) -> None:
    not_begun = verdict(notified(), read, seen)
    begun = verdict(incident, read, seen)

    assert (not_begun.reason, begun.reason) == (unknown, certain)
    assert type(consequence(notified(), notified().targets[0], not_begun, "n2")) is e.StopBlocked
    assert type(consequence(incident, incident.targets[0], begun, "n2")) is e.StopWithdrawn


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        ({"verify": (), "evidence": STALE}, Reason.EVIDENCE_STALE),
        ({"verify": (), "evidence": ()}, Reason.EVIDENCE_MISSING),
        (DETERMINED_FAILS, Reason.DETERMINED_UNAVAILABLE),
        (QUERY_FAILS, Reason.PROMETHEUS_UNAVAILABLE),
    ],
    ids=["old samples", "no samples", "Determined fails", "a query fails"],
)
def test_s5_what_is_not_known_takes_no_intent_back(read: Words, reason: Reason) -> None:
    found = verdict(calling(), read, {})

    assert found.reason is reason
    assert type(consequence(calling(), calling().targets[0], found, "n2")) is e.StopBlocked


@pytest.mark.parametrize("incident", [stopping(), calling()], ids=["on record", "being made"])
@pytest.mark.parametrize(
    ("block", "event"),
    [
        (None, e.StopBlocked),
        (Block(Reason.NOT_FIRING, since=T0), e.StopBlocked),
        (Block(Reason.NOT_FIRING, since=T0, admins_told=True), e.StopWithdrawn),
        (Block(Reason.EVIDENCE_MISSING, since=T0, admins_told=True), e.StopWithdrawn),
        (Block(Reason.EVIDENCE_MISSING, since=T0, admins_told=True, due=False), e.StopBlocked),
    ],
    ids=["not yet", "lately", "for long", "for another reason before", "of its recovery"],
)
def test_s8_an_intent_that_cannot_be_proven_is_given_up_once_the_admins_know(
    incident: Incident, block: Block | None, event: type
) -> None:
    """Nobody else may stop the allocation meanwhile (S6)."""
    stuck = replace(incident, block=block)
    unknown = verdict(stuck, {}, {"firing": {}})

    assert unknown.reason is Reason.NOT_FIRING
    assert type(consequence(stuck, stuck.targets[0], unknown, "n2")) is event


def test_s8_a_stop_that_nothing_is_on_record_of_waits_though_the_admins_know() -> None:
    stuck = replace(notified(), block=Block(Reason.NOT_FIRING, since=T0, admins_told=True))
    unknown = verdict(stuck, {}, {"firing": {}})

    assert type(consequence(stuck, stuck.targets[0], unknown, "n2")) is e.StopBlocked


def test_s6_an_open_intent_is_proven_again_when_every_rule_holds() -> None:
    assert verdict(calling(), {}, {}).is_proven


def test_s2_a_warning_to_somebody_else_ends_an_open_intent_though_determined_fails() -> None:
    incident = calling()
    target = incident.targets[0]
    assert target.warning is not None
    other = replace(target, warning=replace(target.warning, username="carol"))

    found = verdict(incident.with_target(other), DETERMINED_FAILS, {})

    assert found.reason is Reason.OWNER_CHANGED
