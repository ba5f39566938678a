"""What ended after the warning while nobody looked ends its round all the same (S9)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind
from app.domain.incident import Incident, IncidentState, Keep
from app.domain.lifecycle import advance
from app.domain.matchers import Matcher, Silence
from app.domain.observation import observe
from app.domain.policy import Mode
from app.domain.readings import PeerAlert, PeerAlertState, RuleAlert
from app.domain.reasons import Reason
from tests.domain.examples import (
    ALLOCATION,
    IDENTITY,
    POLICY,
    RECEIPT,
    T0,
    TASK,
    after,
    firing,
    given_warning,
    messages,
    notified,
    peer,
    rule_alert,
    silence,
    world,
)

NOW = T0 + timedelta(minutes=20)
UNSEEN = silence(ends=timedelta(minutes=5))
"""It ended after the warning, and no tick saw it."""
IN_LAB = PeerAlert(PeerAlertState.ACTIVE, labels={"cluster": "lab"})
OVER_THE_LAB = silence(Matcher("cluster", "lab"), ends=timedelta(minutes=5))


def seen(incident: Incident, **changes: object) -> list[e.Event]:
    found = observe(incident, world(NOW, **changes), Mode.ENFORCE)
    return [event for event in found if not isinstance(event, (e.AlertSeen, e.TargetSeen))]


def test_s9_an_alert_that_began_after_the_warning_is_a_new_episode() -> None:
    began = rule_alert(active_at=T0 + timedelta(minutes=5))

    assert seen(notified(), firing={IDENTITY.key: began}) == [
        e.EpisodeBegan({"active_at": "2026-11-24T12:05:00+00:00"}, Reason.NEW_EPISODE)
    ]


@pytest.mark.parametrize("firing", [{}, None], ids=["no alert", "Prometheus fails"])
def test_nobody_is_warned_anew_of_an_alert_that_does_not_fire(
    firing: dict[str, RuleAlert] | None,
) -> None:
    """Somebody may be at work. The silence is not forgotten: Alertmanager keeps it for days."""
    assert seen(notified(), peers=(peer(silences=(UNSEEN,)),), firing=firing) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"peers": (peer(silences=(UNSEEN,)),)},
        {"peers": (peer(), peer("am-2", silences=(UNSEEN,)))},
        {"peers": (peer("am-2", error="503"), peer(silences=(UNSEEN,)))},
        {"peers": (peer(alert=IN_LAB, silences=(OVER_THE_LAB,)),)},
        {
            "peers": (peer(silences=(UNSEEN,)),),
            "firing": {IDENTITY.key: rule_alert(active_at=T0 + timedelta(minutes=5))},
        },
    ],
    ids=[
        "on the only peer",
        "on one of two",
        "on the one that answers",
        "over the whole cluster",
        "and the alert began anew",
    ],
)
def test_s9_a_silence_that_came_and_went_after_the_warning_ends_the_round(
    changes: dict[str, object],
) -> None:
    assert seen(notified(), **changes) == [e.EpisodeBegan({"silence": "s1"}, Reason.HOLD_ENDED)]


@pytest.mark.parametrize(
    ("incident", "silenced"),
    [
        (notified(), silence(ends=timedelta())),
        (notified(), silence(Matcher("task_id", "another"), ends=timedelta(minutes=5))),
        (firing(), UNSEEN),
    ],
    ids=["over before the warning", "over another task", "before anybody was told"],
)
def test_s9_a_silence_that_took_no_time_from_the_owner_ends_no_round(
    incident: Incident, silenced: Silence
) -> None:
    assert seen(incident, peers=(peer(silences=(silenced,)),)) == []


@pytest.mark.parametrize(
    ("task_id", "policy", "minutes", "ends"),
    [
        (TASK, IDENTITY.policy, 5, True),
        (TASK, IDENTITY.policy, 20, True),
        (TASK, IDENTITY.policy, 0, False),
        (TASK, "another", 5, False),
        ("another", IDENTITY.policy, 5, False),
    ],
    ids=["in between", "over just now", "over before the warning", "of a policy", "of a task"],
)
def test_s9_a_keep_that_no_tick_saw_ends_the_round(
    task_id: str, policy: str, minutes: int, *, ends: bool
) -> None:
    until = T0 + timedelta(minutes=minutes)
    keep = Keep("k1", task_id, policy, until=until, by="bob", reason="", created_at=T0)

    found = seen(notified(), keeps=(keep,))

    assert found == ([e.EpisodeBegan({"keep": "k1"}, Reason.HOLD_ENDED)] if ends else [])


def test_s9_a_hold_that_is_on_comes_before_one_that_is_over() -> None:
    [event] = seen(notified(), peers=(peer(silences=(UNSEEN, silence())),))

    assert isinstance(event, e.HoldsObserved)
    assert [hold.until for hold in event.holds] == [silence().ends_at]


def test_a_silence_that_ended_a_round_does_not_end_the_next() -> None:
    began = after(notified(), *seen(notified(), peers=(peer(silences=(UNSEEN,)),)))
    warning = e.WarningDelivered(2, RECEIPT, {ALLOCATION: given_warning(NOW)})

    told = after(began, warning)

    assert seen(told, peers=(peer(silences=(UNSEEN,)),)) == []


def test_s9_an_unseen_silence_is_followed_by_a_new_warning() -> None:
    [began] = seen(notified(), peers=(peer(silences=(UNSEEN,)),))

    transition = advance(notified(), began, POLICY, at=NOW)

    assert messages(transition) == [MessageKind.STATUS, MessageKind.WARNING]


def test_s9_an_allocation_that_has_ended_began_nothing() -> None:
    target = replace(notified().targets[0], outcome=IncidentState.ENDED)

    assert seen(notified().with_target(target), peers=(peer(silences=(UNSEEN,)),)) == []
