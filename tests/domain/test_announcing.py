"""What was announced, what would be done by now, and what follows where they differ (S1, S10)."""

from dataclasses import replace

import pytest

from app.domain import events as e
from app.domain.actions import MessageKind
from app.domain.announcing import eases, harsher, is_announced, is_told_elsewhere
from app.domain.cluster import TaskType
from app.domain.consequences import consequence
from app.domain.incident import Incident, IncidentState, RecipientKind
from app.domain.lifecycle import advance
from app.domain.observation import observe
from app.domain.outbox import Recipient
from app.domain.policy import Announcement, Fallback, Mode, Rulebook, StopAction
from app.domain.proof import Verdict
from app.domain.reasons import Reason
from tests.domain.examples import (
    ENDED,
    IDENTITY,
    POLICY,
    RECEIPT,
    T0,
    after,
    calling,
    firing,
    held,
    messages,
    notified,
    sent,
    stopping,
    world,
)

NOTHING = Announcement(StopAction.NONE)
KILL = Announcement(StopAction.KILL)
PAUSE = Announcement(StopAction.PAUSE)
PAUSE_OR_KILL = Announcement(StopAction.PAUSE, Fallback.KILL)
IS_KILLED = POLICY.announcement
HERE = Recipient(RECEIPT.channel, RecipientKind.OWNER)
ELSEWHERE = replace(HERE, channel="D-of-somebody-else")


@pytest.mark.parametrize(
    ("told", "now", "task_type", "is_harsher"),
    [
        (KILL, KILL, "trial", False),
        (PAUSE, PAUSE, "trial", False),
        (PAUSE, KILL, "trial", True),
        (PAUSE, PAUSE_OR_KILL, "trial", True),
        (PAUSE_OR_KILL, KILL, "trial", True),
        (KILL, PAUSE_OR_KILL, "trial", False),
        (PAUSE_OR_KILL, PAUSE, "trial", False),
        (NOTHING, PAUSE, "trial", True),
        (PAUSE, KILL, "generic", True),
        (PAUSE, PAUSE_OR_KILL, "generic", False),
        (PAUSE, PAUSE_OR_KILL, "notebook", True),
        (PAUSE_OR_KILL, KILL, "notebook", False),
        (PAUSE, NOTHING, "notebook", False),
    ],
)
def test_s1_what_is_harsher_than_what_was_announced(
    told: Announcement, now: Announcement, task_type: str, *, is_harsher: bool
) -> None:
    assert now.exceeds(told, task_type) is is_harsher


def test_what_two_messages_announced_is_the_milder_of_both() -> None:
    assert KILL.milder_of(PAUSE_OR_KILL) == PAUSE
    assert PAUSE.milder_of(NOTHING) == NOTHING
    assert PAUSE_OR_KILL.milder_of(PAUSE_OR_KILL) == PAUSE_OR_KILL


def told(announced: Announcement | None, incident: Incident) -> Incident:
    for target in incident.targets:
        assert target.warning
        warning = replace(target.warning, announced=announced)
        incident = incident.with_target(replace(target, warning=warning))
    return incident


def rulebook(announcement: Announcement) -> Rulebook:
    policy = replace(POLICY, action=announcement.action, fallback=announcement.fallback)
    return Rulebook(Mode.ENFORCE, {policy.name: policy})


def seen(incident: Incident, now: Announcement = IS_KILLED) -> list[e.Event]:
    found = observe(incident, world(rulebook=rulebook(now)), Mode.ENFORCE)
    return [event for event in found if not isinstance(event, (e.AlertSeen, e.TargetSeen))]


@pytest.mark.parametrize("announced", [PAUSE, NOTHING, None], ids=["pause", "nothing", "unknown"])
def test_s1_what_is_harsher_than_announced_ends_the_round(announced: Announcement | None) -> None:
    incident = told(announced, notified())

    [event] = seen(incident)

    assert event == e.EpisodeBegan({"action": StopAction.KILL}, Reason.ACTION_CHANGED)
    transition = advance(incident, event, POLICY, at=T0)
    assert transition.incident.state is IncidentState.FIRING
    assert messages(transition) == [MessageKind.STATUS, MessageKind.WARNING]
    assert not is_announced(incident, rulebook(IS_KILLED))


def test_what_was_announced_changes_nothing() -> None:
    assert seen(notified()) == []
    assert is_announced(notified(), rulebook(IS_KILLED))


def test_in_mode_warn_nothing_was_announced_that_could_be_exceeded() -> None:
    incident = replace(told(NOTHING, notified()), mode=Mode.WARN)

    found = observe(incident, world(mode=Mode.WARN), Mode.WARN)

    assert [event for event in found if isinstance(event, (e.EpisodeBegan, e.ActionEased))] == []


def test_s10_what_is_milder_is_what_is_announced_from_then_on_and_the_message_says_so() -> None:
    incident = told(KILL, notified())

    [event] = seen(incident, NOTHING)
    transition = advance(incident, event, POLICY, at=T0)

    assert event == e.ActionEased(NOTHING)
    assert not is_announced(incident, rulebook(NOTHING))
    assert transition.incident.state is IncidentState.NOTIFIED
    assert messages(transition) == [MessageKind.STATUS]
    [target] = transition.incident.targets
    assert target.warning
    assert target.warning.announced == NOTHING
    assert seen(transition.incident, NOTHING) == []
    assert isinstance(seen(transition.incident, KILL)[0], e.EpisodeBegan)


def test_what_is_eased_already_is_no_news() -> None:
    incident = told(PAUSE, notified())

    assert advance(incident, e.ActionEased(KILL), POLICY, at=T0).entries == ()
    assert advance(held(), e.ActionEased(PAUSE), POLICY, at=T0).entries == ()


def of_a_trial(announced: Announcement) -> Incident:
    incident = told(announced, notified())
    incident = replace(incident, identity=replace(IDENTITY, task_type=TaskType.TRIAL))
    return incident.with_target(replace(incident.targets[0], task_type=TaskType.TRIAL))


def test_s1_what_is_harsher_or_milder_hangs_on_the_type_of_the_task() -> None:
    """A notebook would be killed either way."""
    trial, notebook = of_a_trial(PAUSE_OR_KILL), told(PAUSE_OR_KILL, notified())
    kills, pauses = rulebook(KILL), rulebook(PAUSE_OR_KILL)

    assert harsher(trial, trial.targets[0], kills) == KILL
    assert harsher(notebook, notebook.targets[0], kills) is None
    assert list(eases(of_a_trial(KILL), pauses)) == [e.ActionEased(PAUSE_OR_KILL)]
    assert list(eases(told(KILL, notified()), pauses)) == []


def test_s12_what_is_eased_says_to_what() -> None:
    [entry] = advance(told(KILL, notified()), e.ActionEased(PAUSE), POLICY, at=T0).entries

    assert (entry.reason, entry.detail) == (Reason.ACTION_CHANGED, StopAction.PAUSE)


@pytest.mark.parametrize(
    ("incident", "recipient", "is_elsewhere"),
    [
        (notified(), HERE, False),
        (notified(), ELSEWHERE, True),
        (notified(), replace(HERE, kind=RecipientKind.ADMINS), True),
        (firing(), ELSEWHERE, False),
        (after(notified(), ENDED), ELSEWHERE, False),
    ],
    ids=["told here", "told elsewhere", "nobody is told by now", "not told yet", "over"],
)
def test_s1_who_would_be_told_elsewhere_than_they_were(
    incident: Incident, recipient: Recipient, *, is_elsewhere: bool
) -> None:
    assert is_told_elsewhere(incident, recipient) is is_elsewhere


@pytest.mark.parametrize("reason", [Reason.ACTION_CHANGED, Reason.RECIPIENT_CHANGED])
def test_s9_a_due_stop_that_was_announced_otherwise_begins_another_round(reason: Reason) -> None:
    incident = notified()

    event = consequence(incident, incident.targets[0], Verdict(reason), "n1")

    assert event == e.EpisodeBegan({}, reason)


@pytest.mark.parametrize("reason", [Reason.ACTION_CHANGED, Reason.RECIPIENT_CHANGED])
@pytest.mark.parametrize("incident", [stopping(), calling(), sent()], ids=lambda each: each.state)
def test_s6_an_open_intent_that_was_announced_otherwise_is_withdrawn(
    incident: Incident, reason: Reason
) -> None:
    event = consequence(incident, incident.targets[0], Verdict(reason), "n1")

    assert isinstance(event, e.StopWithdrawn)
    withdrawn = after(incident, event)
    assert withdrawn.state is IncidentState.HELD
    assert withdrawn.targets[0].warning is None
