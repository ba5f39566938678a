"""What a look at the world means for an incident."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.incident import Block, Hold, Incident, Keep
from app.domain.lifecycle import advance
from app.domain.matchers import Matcher
from app.domain.observation import observe
from app.domain.policy import Mode
from app.domain.readings import PeerAlert, PeerAlertState
from app.domain.reasons import Reason
from tests.domain.examples import (
    ALLOCATION,
    IDENTITY,
    POLICY,
    T0,
    TASK,
    after,
    allocation,
    held,
    notified,
    opened,
    peer,
    rule_alert,
    silence,
    snapshot,
    world,
)

NOW = T0 + timedelta(minutes=20)
SUPPRESSED = PeerAlert(PeerAlertState.SUPPRESSED, silenced_by=("s1",))
INHIBITED = PeerAlert(PeerAlertState.SUPPRESSED, inhibited_by=("f1",))
MUTED = PeerAlert(PeerAlertState.ACTIVE, muted_by=("nights", "weekend"))
NAMELESS = PeerAlert(PeerAlertState.SUPPRESSED)
HOLD = e.HoldsObserved((Hold(Reason.SILENCED, "carol", T0 + timedelta(hours=8), "demo day"),))


def seen(incident: object = None, mode: object = Mode.ENFORCE, **changes: object) -> list[e.Event]:
    given = incident if isinstance(incident, Incident) else notified()
    found = observe(given, world(NOW, **changes), Mode(str(mode)))
    quiet = (e.AlertSeen, e.TargetSeen)
    return [event for event in found if not isinstance(event, quiet)]


def test_a_firing_alert_that_nothing_holds_changes_nothing() -> None:
    assert seen() == []


def test_an_alert_that_is_active_lets_the_owner_be_told() -> None:
    assert seen(opened()) == [e.AlertActive()]


@pytest.mark.parametrize(
    "peers",
    [
        (),
        (peer(alert=None),),
        (peer(alert=PeerAlert(PeerAlertState.UNPROCESSED)),),
        (peer(error="503"),),
    ],
    ids=["no peer", "unknown to the peer", "unprocessed", "unreadable"],
)
def test_nobody_is_told_before_alertmanager_has_the_alert_active(peers: object) -> None:
    assert seen(opened(), peers=peers) == []


def test_an_alert_that_a_peer_silences_is_held_and_says_by_whom() -> None:
    assert seen(peers=(peer(), peer("am-2", SUPPRESSED, (silence(),)))) == [HOLD]


def test_a_silence_that_matches_labels_of_the_whole_cluster_holds() -> None:
    alert = PeerAlert(PeerAlertState.ACTIVE, labels={"cluster": "lab"})
    pattern = Matcher("username", "b.b", is_regex=True, pattern=re.compile("b.b"))
    by_cluster = silence(Matcher("cluster", "lab"), pattern)

    assert seen(peers=(peer(alert=alert, silences=(by_cluster,)),)) == [HOLD]


def test_s5_a_silence_whose_pattern_cannot_be_read_holds() -> None:
    unreadable = silence(Matcher("username", "(?<x>", is_regex=True))

    assert seen(peers=(peer(silences=(unreadable,)),)) == [HOLD]


@pytest.mark.parametrize(
    ("alert", "reasons"),
    [
        (NAMELESS, [Reason.MUTED]),
        (MUTED, [Reason.MUTED]),
        (INHIBITED, [Reason.INHIBITED]),
        (SUPPRESSED, [Reason.SILENCED]),
        (replace(SUPPRESSED, inhibited_by=("f1",)), [Reason.SILENCED, Reason.INHIBITED]),
        (replace(SUPPRESSED, muted_by=("weekend",)), [Reason.SILENCED, Reason.MUTED]),
    ],
    ids=[
        "for no reason that is named",
        "by a time interval",
        "by another alert",
        "by a silence",
        "by a silence and another alert",
        "by a silence and a time interval",
    ],
)
def test_s4_whatever_suppresses_an_alert_is_a_hold(alert: PeerAlert, reasons: list[Reason]) -> None:
    [event] = seen(peers=(peer(), peer("am-2", alert)))

    assert isinstance(event, e.HoldsObserved)
    assert [hold.reason for hold in event.holds] == reasons


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (INHIBITED, replace(INHIBITED, inhibited_by=("f2",))),
        (INHIBITED, replace(INHIBITED, inhibited_by=("f2", "f1"))),
        (MUTED, replace(MUTED, muted_by=("weekend", "nights"))),
    ],
    ids=["another inhibiting alert", "a second inhibiting alert", "another order of intervals"],
)
def test_s12_what_changes_from_one_reading_to_the_next_is_no_news_of_a_hold(
    now: PeerAlert, then: PeerAlert
) -> None:
    incident = after(notified(), *seen(peers=(peer(alert=now),)))
    [again] = seen(incident, peers=(peer(alert=then),))

    transition = advance(incident, again, POLICY, at=NOW)

    assert transition.entries == ()


def test_a_keep_holds() -> None:
    keep = Keep(
        "k1", TASK, "reclaim", until=NOW + timedelta(hours=1), by="bob", reason="run", created_at=T0
    )

    assert seen(keeps=(keep,)) == [
        e.HoldsObserved((Hold(Reason.KEPT, "bob", NOW + timedelta(hours=1), "run"),))
    ]


def test_a_hold_ends_when_every_peer_says_so() -> None:
    assert seen(held()) == [e.HoldsObserved(())]


@pytest.mark.parametrize(
    "changes",
    [
        {"peers": (peer(), peer("am-2", error="503"))},
        {"peers": (peer(alert=None),)},
        {"firing": None},
        {"firing": {}},
    ],
    ids=["a peer fails", "unknown to the peer", "Prometheus fails", "not firing"],
)
def test_a_hold_does_not_end_by_what_is_not_known(changes: dict[str, object]) -> None:
    assert seen(held(), **changes) == []


def test_an_allocation_that_determined_no_longer_lists_has_ended() -> None:
    assert [type(event) for event in seen(snapshot=snapshot(at=NOW))] == [e.AllocationEnded]


def test_a_snapshot_older_than_the_incident_says_nothing_of_its_end() -> None:
    assert seen(snapshot=snapshot(at=T0 - timedelta(seconds=1))) == []


def test_without_a_snapshot_nothing_has_ended() -> None:
    assert seen(snapshot=None) == []


def test_another_owner_ends_the_incident() -> None:
    events = seen(snapshot=snapshot(allocation("carol"), at=NOW))

    assert [(type(x), getattr(x, "reason", None)) for x in events] == [
        (e.AllocationEnded, Reason.OWNER_CHANGED)
    ]


def test_an_owner_whom_determined_does_not_tell_changes_nothing() -> None:
    assert seen(snapshot=snapshot(allocation(None), at=NOW)) == []


def test_a_changed_mode_is_noticed_after_a_hold() -> None:
    silenced = (peer(alert=SUPPRESSED, silences=(silence(),)),)

    events = seen(mode=Mode.WARN, peers=silenced)

    assert [type(x) for x in events] == [e.HoldsObserved, e.ModeChanged]


def test_the_expressions_are_those_that_prometheus_reports() -> None:
    first = next(iter(observe(notified(), world(NOW), Mode.ENFORCE)))

    assert first == e.TargetSeen(ALLOCATION, "JupyterLab (brave-otter)", 1)


@pytest.mark.parametrize(
    ("texts", "is_blocked", "is_told"),
    [
        pytest.param({}, False, False, id="as ever"),
        pytest.param({"verify": "another{}"}, False, True, id="another condition"),
        pytest.param({"evidence": "another{}"}, False, True, id="other evidence"),
        pytest.param({}, True, True, id="it speaks against a block"),
    ],
)
def test_the_alert_is_told_of_where_it_says_anything_new(
    texts: dict[str, str], *, is_blocked: bool, is_told: bool
) -> None:
    known = after(notified(), *observe(notified(), world(NOW), Mode.ENFORCE), at=NOW)
    block = Block(Reason.EVIDENCE_STALE, NOW, due=False) if is_blocked else None
    alert = replace(rule_alert(), annotations=dict(rule_alert().annotations) | texts)
    firing = {IDENTITY.key: alert}

    found = observe(replace(known, block=block), world(NOW, firing=firing), Mode.ENFORCE)

    assert any(isinstance(each, e.AlertSeen) for each in found) is is_told
