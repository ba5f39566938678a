"""The proof before a stop: each rule alone can say no."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.cluster import TaskType
from app.domain.incident import Hold, Incident, Keep
from app.domain.matchers import Matcher
from app.domain.observation import World
from app.domain.policy import Mode
from app.domain.proof import Readings, Verdict, consequence, judge
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
    notified,
    peer,
    readings,
    rule_alert,
    silence,
    stopping,
    world,
)

DUE = T0 + GRACE
SILENCED = PeerAlert(PeerAlertState.SUPPRESSED, silenced_by=("s1",))
INHIBITED = PeerAlert(PeerAlertState.SUPPRESSED, inhibited_by=("f1",))
MUTED = PeerAlert(PeerAlertState.ACTIVE, muted_by=("weekend",))
UNPROCESSED = PeerAlert(PeerAlertState.UNPROCESSED)


def verdict(
    incident: Incident | None = None,
    *,
    read: Readings | None = None,
    seen: World | None = None,
) -> Verdict:
    incident = incident or notified()
    return judge(
        incident,
        incident.targets[0],
        read or readings(),
        seen or world(DUE),
        policy=POLICY,
        limits=LIMITS,
    )


def test_a_stop_is_proven_when_every_rule_holds() -> None:
    assert verdict().is_proven


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (readings(allocation=None), Reason.ALLOCATION_ENDED),
        (readings(allocation=allocation(containers=())), Reason.ALLOCATION_ENDED),
        (readings(allocation=allocation("carol")), Reason.OWNER_CHANGED),
        (readings(allocation=allocation(None)), Reason.OWNER_UNKNOWN),
        (readings(allocation=allocation(task_type=None)), Reason.NOT_STOPPABLE),
        (readings(allocation=allocation(task_type=TaskType.CHECKPOINT_GC)), Reason.NOT_STOPPABLE),
        (readings(allocation=None, allocation_error="500"), Reason.DETERMINED_UNAVAILABLE),
        (readings(verify=None, query_error="timeout"), Reason.PROMETHEUS_UNAVAILABLE),
        (readings(verify=()), Reason.RECOVERED),
        (readings(verify=(), evidence=()), Reason.EVIDENCE_MISSING),
        (readings(evidence=()), Reason.EVIDENCE_MISSING),
        (readings(evidence=None), Reason.EVIDENCE_MISSING),
        (readings(evidence=(Sample({}, 30.1),)), Reason.EVIDENCE_STALE),
        (readings(evidence=(Sample({}, 5), Sample({}, 31))), Reason.EVIDENCE_STALE),
        (readings(evidence=(Sample({}, float("nan")),)), Reason.EVIDENCE_STALE),
        (readings(evidence=(Sample({}, -5),)), Reason.EVIDENCE_STALE),
    ],
    ids=[
        "allocation gone",
        "allocation queued",
        "another owner",
        "owner not told",
        "type not told",
        "checkpoint collection",
        "Determined fails",
        "query fails",
        "condition over",
        "condition not seen without samples",
        "a sample missing",
        "evidence not read",
        "a sample too old",
        "one of two samples too old",
        "evidence is no number",
        "evidence from the future",
    ],
)
def test_what_was_read_of_the_target_can_forbid_a_stop(read: Readings, reason: Reason) -> None:
    assert verdict(read=read).reason is reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"firing": None}, Reason.PROMETHEUS_UNAVAILABLE),
        ({"firing": {}}, Reason.NOT_FIRING),
        ({"firing": {IDENTITY.key: rule_alert(verify="")}}, Reason.EXPRESSIONS_MISSING),
        ({"firing": {IDENTITY.key: rule_alert(evidence="")}}, Reason.EXPRESSIONS_MISSING),
        ({"peers": ()}, Reason.ALERTMANAGER_UNAVAILABLE),
        ({"peers": (peer(), peer("am-2", error="503"))}, Reason.ALERTMANAGER_UNAVAILABLE),
        ({"peers": (peer(), peer("am-2", None))}, Reason.NOT_IN_ALERTMANAGER),
        ({"peers": (peer(alert=UNPROCESSED),)}, Reason.NOT_IN_ALERTMANAGER),
        ({"peers": (peer(), peer("am-2", SILENCED))}, Reason.SILENCED),
        ({"peers": (peer(), peer("am-2", INHIBITED))}, Reason.INHIBITED),
        ({"peers": (peer(alert=MUTED),)}, Reason.MUTED),
        ({"peers": (peer(), peer("am-2", silences=(silence(),)))}, Reason.SILENCED),
        ({"heartbeat_at": None}, Reason.HEARTBEAT_MISSING),
        ({"heartbeat_at": DUE - timedelta(minutes=5, seconds=1)}, Reason.HEARTBEAT_MISSING),
        ({"mode": Mode.WARN}, Reason.MODE),
        ({"mode": Mode.OBSERVE}, Reason.MODE),
        ({"clock": GRACE - timedelta(seconds=1)}, Reason.GRACE_RUNS),
    ],
    ids=[
        "Prometheus fails",
        "not firing",
        "no verify",
        "no evidence",
        "no Alertmanager",
        "one peer fails",
        "unknown to one peer",
        "not yet through the silences",
        "silenced on one peer",
        "inhibited on one peer",
        "muted",
        "a silence over the target on one peer",
        "no heartbeat ever",
        "heartbeat too old",
        "mode warn",
        "mode observe",
        "the owner could not answer for the whole period",
    ],
)
def test_the_world_can_forbid_a_stop(changes: dict[str, object], reason: Reason) -> None:
    assert verdict(seen=world(DUE, **changes)).reason is reason


def test_a_keep_forbids_a_stop_before_alertmanager_knows_of_it() -> None:
    keep = Keep(
        "k1", TASK, "reclaim", until=DUE + timedelta(hours=1), by="bob", reason="", created_at=T0
    )

    assert verdict(seen=world(DUE, keeps=(keep,))).reason is Reason.KEPT


def test_a_keep_of_another_task_forbids_nothing() -> None:
    keep = Keep("k1", "other", "reclaim", until=DUE + GRACE, by="bob", reason="", created_at=T0)

    assert verdict(seen=world(DUE, keeps=(keep,))).is_proven


def test_nothing_is_stopped_a_second_before_the_deadline_that_was_named() -> None:
    early = world(DUE - timedelta(seconds=1), clock=GRACE)

    assert verdict(seen=early).reason is Reason.GRACE_RUNS


def test_a_warning_to_somebody_else_does_not_count() -> None:
    incident = notified()
    target = incident.targets[0]
    assert target.warning is not None
    other = replace(target, warning=replace(target.warning, username="carol"))

    assert verdict(incident.with_target(other)).reason is Reason.OWNER_CHANGED


def test_a_lowered_mode_forbids_what_was_warned_about_before() -> None:
    assert verdict(replace(notified(), mode=Mode.WARN)).reason is Reason.MODE


def test_the_verdict_carries_all_that_it_rests_on() -> None:
    evidence = verdict().evidence

    assert evidence["verify"] == {"query": "idle{}", "result": [0.0]}
    assert evidence["evidence"] == {"query": "age{}", "result": [12.0]}
    assert evidence["peers"] == {"am-1": "active"}
    assert evidence["allocation"]["username"] == "bob"
    assert evidence["warning_delivered_at"] == T0.isoformat()


def test_a_silence_of_a_neighbour_forbids_nothing() -> None:
    neighbour = silence(Matcher("task_id", "another-task"))

    assert verdict(seen=world(DUE, peers=(peer(silences=(neighbour,)),))).is_proven


def test_a_silence_that_is_over_forbids_nothing() -> None:
    over = silence(ends=timedelta(hours=1))

    assert verdict(seen=world(DUE, peers=(peer(silences=(over,)),))).is_proven


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        (Reason.PROVEN, e.StopProven),
        (Reason.ALLOCATION_ENDED, e.AllocationEnded),
        (Reason.OWNER_CHANGED, e.AllocationEnded),
        (Reason.RECOVERED, e.RecoveryObserved),
        (Reason.SILENCED, e.StopBlocked),
        (Reason.EVIDENCE_STALE, e.StopBlocked),
        (Reason.PROMETHEUS_UNAVAILABLE, e.StopBlocked),
    ],
    ids=str,
)
def test_what_a_verdict_means_where_nothing_was_sent(reason: Reason, event: type) -> None:
    assert type(consequence(notified().targets[0], Verdict(reason), "n2")) is event


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        (Reason.PROVEN, e.StopProven),
        (Reason.SILENCED, e.StopWithdrawn),
        (Reason.RECOVERED, e.StopWithdrawn),
        (Reason.KEPT, e.StopWithdrawn),
        (Reason.MODE, e.StopWithdrawn),
        (Reason.DETERMINED_UNAVAILABLE, e.StopBlocked),
        (Reason.EVIDENCE_MISSING, e.StopBlocked),
    ],
    ids=str,
)
def test_an_intent_of_unknown_fate_is_proven_again_or_withdrawn(
    reason: Reason, event: type
) -> None:
    assert type(consequence(stopping().targets[0], Verdict(reason), "n2")) is event


def test_a_second_proof_is_for_the_same_intent() -> None:
    proven = consequence(stopping().targets[0], Verdict(Reason.PROVEN), "n2")

    assert proven == e.StopProven(ALLOCATION, "n1", {})


def test_an_owner_who_cannot_be_reached_is_left_alone_until_the_next_try() -> None:
    hold = Hold(Reason.OWNER_UNREACHABLE, until=DUE + timedelta(minutes=1))

    assert verdict(replace(notified(), holds=(hold,))).reason is Reason.OWNER_UNREACHABLE
