"""The proof before a stop: each rule alone can say no."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.cluster import TaskType, User
from app.domain.evidence import Readings
from app.domain.incident import Hold, Incident, IncidentState, Keep, RecipientKind
from app.domain.matchers import Matcher
from app.domain.outbox import Recipient
from app.domain.policy import Announcement, Fallback, Mode, Rulebook, StopAction
from app.domain.proof import Verdict, judge
from app.domain.readings import PeerAlert, PeerAlertState, Sample
from app.domain.reasons import Reason
from app.domain.world import World
from tests.domain.examples import (
    GRACE,
    IDENTITY,
    LIMITS,
    POLICY,
    RECEIPT,
    T0,
    TASK,
    allocation,
    notified,
    peer,
    readings,
    rule_alert,
    sent,
    silence,
    snapshot,
    world,
)

S = IncidentState
DUE = T0 + GRACE
SECOND = timedelta(seconds=1)
UNSEEN = silence(ends=timedelta(minutes=20))
"""It ended after the warning, and no tick saw it."""
SILENCED = PeerAlert(PeerAlertState.SUPPRESSED, silenced_by=("s1",))
NAMELESS = PeerAlert(PeerAlertState.SUPPRESSED)
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


def told(announced: Announcement | None) -> Incident:
    [target] = notified().targets
    assert target.warning
    return notified().with_target(
        replace(target, warning=replace(target.warning, announced=announced))
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
        (readings(allocation=allocation(task_type=TaskType.SHELL)), Reason.TYPE_DIFFERS),
        (readings(allocation=allocation(task_type=TaskType.CHECKPOINT_GC)), Reason.NOT_STOPPABLE),
        (readings(allocation=allocation(descendants=("c",))), Reason.STOPS_OTHERS),
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
        (readings(recipient=None, recipient_error="timeout"), Reason.SLACK_UNAVAILABLE),
        (readings(recipient=Recipient("D2", RecipientKind.OWNER)), Reason.RECIPIENT_CHANGED),
        (readings(recipient=Recipient("C1", RecipientKind.DELEGATE)), Reason.RECIPIENT_CHANGED),
        (readings(recipient=Recipient("D1", RecipientKind.ADMINS)), Reason.RECIPIENT_CHANGED),
    ],
    ids=[
        "allocation gone",
        "allocation queued",
        "another owner",
        "owner not told",
        "type not told",
        "another type, with another grace period",
        "another type, without a call to stop it",
        "tasks that would be stopped with it",
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
        "Slack fails",
        "the owner was somebody else's by mistake",
        "somebody is told in the owner's place by now",
        "nobody but the admins would be told by now",
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
        ({"peers": (peer(), peer("am-2", NAMELESS))}, Reason.MUTED),
        ({"peers": (peer(), peer("am-2", silences=(silence(),)))}, Reason.SILENCED),
        ({"peers": (peer(), peer("am-2", silences=(UNSEEN,)))}, Reason.HOLD_ENDED),
        ({"firing": {IDENTITY.key: rule_alert(T0 + SECOND)}}, Reason.NEW_EPISODE),
        ({"heartbeat_at": None}, Reason.HEARTBEAT_MISSING),
        ({"heartbeat_at": DUE - LIMITS.heartbeat_age - SECOND}, Reason.HEARTBEAT_MISSING),
        ({"heartbeat_at": DUE + SECOND}, Reason.HEARTBEAT_MISSING),
        ({"mode": Mode.WARN}, Reason.MODE),
        ({"mode": Mode.OBSERVE}, Reason.MODE),
        ({"clock": GRACE - SECOND}, Reason.GRACE_RUNS),
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
        "suppressed for no reason that is named",
        "a silence over the target on one peer",
        "a silence that came and went after the warning",
        "an alert that began after the warning",
        "no heartbeat ever",
        "heartbeat too old",
        "heartbeat from the future",
        "mode warn",
        "mode observe",
        "the owner could not answer for the whole period",
    ],
)
def test_the_world_can_forbid_a_stop(changes: dict[str, object], reason: Reason) -> None:
    assert verdict(seen=world(DUE, **changes)).reason is reason


def test_s1_a_target_that_no_warning_has_named_is_not_stopped() -> None:
    incident = notified()
    unnamed = incident.with_target(replace(incident.targets[0], warning=None))

    assert verdict(unnamed).reason is Reason.NOT_WARNED


@pytest.mark.parametrize("state", [S.FIRING, S.HELD, S.ESCALATED])
def test_s1_a_warning_is_good_for_nothing_in_a_state_that_no_warning_leads_to(
    state: IncidentState,
) -> None:
    assert verdict(replace(notified(), state=state)).reason is Reason.NOT_WARNED


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        ({"bob": User("bob", active=False)}, Reason.OWNER_UNREACHABLE),
        ({"bob": User("bob", active=True)}, Reason.PROVEN),
        ({"carol": User("carol", active=False)}, Reason.PROVEN),
    ],
    ids=["the owner's is not active", "the owner's is active", "somebody else's is not active"],
)
def test_s1_an_account_that_is_deactivated_in_determined_forbids_a_stop(
    users: dict[str, User], reason: Reason
) -> None:
    seen = world(DUE, snapshot=replace(snapshot(allocation(), at=DUE), users=users))

    assert verdict(seen=seen).reason is reason


def test_a_type_that_determined_has_no_call_for_is_not_stopped() -> None:
    incident = notified()
    collection = replace(incident.targets[0], task_type=TaskType.CHECKPOINT_GC)
    read = readings(allocation=allocation(task_type=TaskType.CHECKPOINT_GC))

    assert verdict(incident.with_target(collection), read=read).reason is Reason.NOT_STOPPABLE


@pytest.mark.parametrize("age", [timedelta(), LIMITS.heartbeat_age], ids=["now", "oldest"])
def test_a_heartbeat_counts_from_when_it_arrives(age: timedelta) -> None:
    assert verdict(seen=world(DUE, heartbeat_at=DUE - age)).is_proven


def test_an_alert_that_began_when_the_owner_was_told_is_the_one_that_was_told_of() -> None:
    assert verdict(seen=world(DUE, firing={IDENTITY.key: rule_alert(T0)})).is_proven


def test_a_keep_forbids_a_stop_before_alertmanager_knows_of_it() -> None:
    keep = Keep(
        "k1", TASK, "reclaim", until=DUE + timedelta(hours=1), by="bob", reason="", created_at=T0
    )

    assert verdict(seen=world(DUE, keeps=(keep,))).reason is Reason.KEPT


def test_a_keep_that_is_over_since_the_warning_forbids_a_stop_that_rests_on_it() -> None:
    keep = Keep("k1", TASK, "reclaim", until=DUE - SECOND, by="bob", reason="", created_at=T0)

    assert verdict(seen=world(DUE, keeps=(keep,))).reason is Reason.HOLD_ENDED


def test_a_keep_of_another_task_forbids_nothing() -> None:
    keep = Keep("k1", "other", "reclaim", until=DUE + GRACE, by="bob", reason="", created_at=T0)

    assert verdict(seen=world(DUE, keeps=(keep,))).is_proven


def test_nothing_is_stopped_a_second_before_the_deadline_that_was_named() -> None:
    early = world(DUE - SECOND, clock=GRACE)

    assert verdict(seen=early).reason is Reason.GRACE_RUNS


def test_a_warning_to_somebody_else_does_not_count() -> None:
    incident = notified()
    target = incident.targets[0]
    assert target.warning is not None
    other = replace(target, warning=replace(target.warning, username="carol"))

    assert verdict(incident.with_target(other)).reason is Reason.OWNER_CHANGED


def test_a_lowered_mode_forbids_what_was_warned_about_before() -> None:
    assert verdict(replace(notified(), mode=Mode.WARN)).reason is Reason.MODE


@pytest.mark.parametrize(
    "announced",
    [Announcement(StopAction.NONE), Announcement(StopAction.PAUSE), None],
    ids=["nothing", "a pause, and nothing where none is possible", "nobody knows what"],
)
def test_s1_nothing_harsher_is_done_than_was_announced(announced: Announcement | None) -> None:
    incident = told(announced)

    assert verdict(incident).reason is Reason.ACTION_CHANGED


def test_something_milder_than_was_announced_may_be_done() -> None:
    milder = replace(POLICY, action=StopAction.PAUSE, fallback=Fallback.KILL)
    rulebook = Rulebook(Mode.ENFORCE, {milder.name: milder})

    assert verdict(seen=world(DUE, rulebook=rulebook)).is_proven


def test_the_verdict_carries_all_that_it_rests_on() -> None:
    evidence = verdict().evidence

    assert evidence["verify"] == {"query": "idle{}", "result": [{"labels": {}, "value": 0.0}]}
    assert evidence["evidence"] == {"query": "age{}", "result": [{"labels": {}, "value": 12.0}]}
    assert evidence["peers"] == {"am-1": "active"}
    assert evidence["allocation"]["username"] == "bob"
    assert evidence["warning_delivered_at"] == T0.isoformat()
    assert evidence["warning"] == {
        "username": "bob",
        "deadline": DUE.isoformat(),
        "addressed_to": "D1",
        "channel": RECEIPT.channel,
        "ts": RECEIPT.ts,
        "to": "owner",
    }


def test_s12_what_was_not_asked_does_not_look_like_what_was_found_empty() -> None:
    asked = verdict(read=readings(verify=())).evidence
    failed = verdict(read=readings(verify=None, evidence=None, query_error="time-out")).evidence

    assert asked["verify"] == {"query": "idle{}", "result": []}
    assert failed["verify"] == {"query": "idle{}", "result": None}
    assert failed["evidence"] == {"query": "age{}", "result": None}
    assert (asked["errors"], failed["errors"]) == ([], ["time-out"])


def test_s12_an_alert_that_is_gone_does_not_look_like_a_prometheus_that_does_not_answer() -> None:
    gone = verdict(seen=world(DUE, firing={})).evidence
    unknown = verdict(seen=world(DUE, firing=None)).evidence

    assert (gone["fires"], unknown["fires"]) == (False, None)


def test_s12_samples_keep_their_labels_as_far_as_anybody_would_read_them() -> None:
    short = Sample({"gpu": "GPU-1", "job": "dcgm"}, 3.0)
    long = Sample({f"label_{number:02}": "x" * 999 for number in range(99)}, 4.0)

    told = verdict(read=readings(verify=(short, long, *[short] * 23))).evidence["verify"]

    assert told["result"][0] == {"labels": {"gpu": "GPU-1", "job": "dcgm"}, "value": 3.0}
    assert (len(told["result"]), told["left_out"]) == (20, 5)
    assert len(told["result"][1]["labels"]) == 20
    assert {len(value) for value in told["result"][1]["labels"].values()} == {100}


def test_a_silence_of_a_neighbour_forbids_nothing() -> None:
    neighbour = silence(Matcher("task_id", "another-task"))

    assert verdict(seen=world(DUE, peers=(peer(silences=(neighbour,)),))).is_proven


def test_a_silence_that_was_over_before_the_warning_forbids_nothing() -> None:
    over = silence(ends=timedelta())

    assert verdict(seen=world(DUE, peers=(peer(silences=(over,)),))).is_proven


def test_a_silence_of_a_neighbour_that_came_and_went_forbids_nothing() -> None:
    neighbour = silence(Matcher("task_id", "another-task"), ends=timedelta(minutes=20))

    assert verdict(seen=world(DUE, peers=(peer(silences=(neighbour,)),))).is_proven


def test_an_owner_who_cannot_be_reached_is_left_alone_until_the_next_try() -> None:
    hold = Hold(Reason.OWNER_UNREACHABLE, until=DUE + timedelta(minutes=1))

    assert verdict(replace(notified(), holds=(hold,))).reason is Reason.OWNER_UNREACHABLE


def test_s9_a_call_that_was_taken_is_not_repeated_once_it_was_held() -> None:
    [target] = sent().targets
    assert target.intent
    held = sent().with_target(replace(target, intent=replace(target.intent, held=True)))

    found = verdict(held)

    assert (found.reason, found.detail) == (Reason.HOLD_ENDED, "it was held since the last call")
    assert verdict(sent()).is_proven
