"""What the watchdog says, by example."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from app.adapters.slack_messages import render
from app.adapters.slack_text import date, escape
from app.adapters.slack_words import consequence
from app.domain.actions import Matter, MessageKind, Notice
from app.domain.breaker import (
    BreakerLimits,
    BreakerState,
    PlannedStop,
    Quota,
    alarm,
    excess,
)
from app.domain.cluster import TaskType
from app.domain.incident import Hold, Incident, IncidentState
from app.domain.reasons import Reason
from app.domain.release import Gpu, Release
from tests.adapters.conftest import LINKS
from tests.adapters.slack_examples import (
    DEADLINE,
    DEADLINE_WORDS,
    TEXTS,
    assert_fits,
    incident,
    notice,
    said,
)
from tests.domain.examples import ALLOCATION, T0, TASK, opened

FORBIDDEN = re.compile(r"waste|zombie|kill|abuse|violat|threat|guilty|hog", re.IGNORECASE)


def every_notice() -> Iterator[Notice]:
    for kind in MessageKind:
        for state in IncidentState:
            for enforced in (True, False):
                yield notice(kind, incident(state), enforced=enforced, text="Something is up.")


def test_warning_says_what_was_found_when_it_ends_and_how_to_say_no() -> None:
    text = said(render(notice(), LINKS))

    assert "your notebook `JupyterLab (brave-otter)` (2 GPUs)" in text
    assert TEXTS["summary"] in text
    assert "None of them went above 1 % in 30 minutes &amp; more." in text
    assert f"Noticed {date(T0)}" in text
    assert f"Unless something changes, it will be stopped {DEADLINE_WORDS}." in text
    assert "Variables in memory" in text
    assert "Files in mounted folders stay" in text
    assert "det notebook start" in text
    assert "Use the GPUs again" in text


def test_warning_links_to_a_silence_that_is_filled_in() -> None:
    text = said(render(notice(), LINKS))

    wanted = f"%7Bpolicy%3D%22reclaim%22%2C%20task_id%3D%22{TASK}%22%7D"
    assert f"<http://alertmanager:9093/#/silences/new?filter={wanted}|silence it" in text


def test_warning_links_to_dashboard_runbook_and_determined() -> None:
    text = said(render(notice(), LINKS))

    assert "<https://grafana.example/d/gpu?var-allocation_id=x|Dashboard>" in text
    assert "<https://docs.example/runbooks/GPUAllocationIdle|What this means>" in text
    assert "<http://determined:8080/det/tasks|Determined>" in text


def test_trial_is_linked_to_its_experiment() -> None:
    trial = incident(task_id="41.abc", task_type="trial")

    assert "/det/experiments/41|Determined>" in said(render(notice(about=trial), LINKS))


@pytest.mark.parametrize(
    "kind", [MessageKind.WARNING, MessageKind.REMINDER, MessageKind.LAST_CALL, MessageKind.STATUS]
)
def test_without_a_deadline_nothing_is_threatened(kind: MessageKind) -> None:
    text = said(render(notice(kind, enforced=False), LINKS))

    assert "Nothing will be stopped" in text
    assert "will be stopped <" not in text
    assert "What a stop means" not in text


@pytest.mark.parametrize("kind", [MessageKind.REMINDER, MessageKind.LAST_CALL])
def test_reminder_names_task_deadline_and_way_out(kind: MessageKind) -> None:
    text = said(render(notice(kind), LINKS))

    assert "`JupyterLab (brave-otter)`" in text
    assert DEADLINE_WORDS in text
    assert "silence it in Alertmanager" in text


def test_warning_about_several_tasks_lists_each_with_its_deadline() -> None:
    several = incident()
    other = replace(several.targets[0], allocation_id="b.1", task_id="b", name="second", slots=1)
    several = replace(several, targets=(*several.targets, other))
    deadlines = {ALLOCATION: DEADLINE, "b.1": DEADLINE + timedelta(hours=1)}
    both = Notice(MessageKind.WARNING, (Matter(several, deadlines),), T0)

    message = render(both, LINKS)

    text = said(message)
    assert "your 2 tasks" in text
    assert f"`JupyterLab (brave-otter)` (notebook, 2 GPUs), until {DEADLINE_WORDS}" in text
    assert "`second` (notebook, 1 GPU), until" in text
    assert f"the first of them will be stopped {DEADLINE_WORDS}" in text
    assert "username%3D%22bob%22" in text, "one silence for all of them"
    assert_fits(message)


def test_many_tasks_are_counted_rather_than_listed() -> None:
    many = incident(name="&" * 4_000)
    targets = tuple(replace(many.targets[0], allocation_id=f"{n}.1") for n in range(300))

    message = render(notice(about=replace(many, targets=targets)), LINKS)

    assert "… and 2" in said(message)
    assert "more" in said(message)
    assert_fits(message)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (IncidentState.NOTIFIED, "it will be stopped <!date"),
        (IncidentState.FIRING, "No deadline runs at the moment"),
        (IncidentState.HELD, "On hold; nothing is stopped. Silenced in Alertmanager by carol"),
        (IncidentState.STOPPING, "it is being stopped now"),
        (IncidentState.ESCALATED, "could not be stopped. The admins were told"),
        (IncidentState.RESOLVED, "In use again: all is well. Nothing was stopped."),
        (IncidentState.ENDED, "it ended, or is no longer watched. Nothing was stopped."),
        (IncidentState.STOPPED, "Stopped <!date"),
        (IncidentState.DISMISSED, "a false alarm"),
    ],
)
def test_live_message_says_how_things_stand(state: IncidentState, words: str) -> None:
    message = render(notice(MessageKind.STATUS, incident(state)), LINKS)

    assert words in said(message)
    assert words.removesuffix(" <!date") in message.text, (
        "screen readers and previews have the text alone"
    )


def test_live_message_of_what_goes_on_under_other_labels_says_so() -> None:
    ended = replace(incident(IncidentState.ENDED), relabelled=True)

    text = said(render(notice(MessageKind.STATUS, ended), LINKS))

    assert "this goes on in another message" in text
    assert "Nothing was stopped" not in text


@pytest.mark.parametrize("state", set(IncidentState) - {IncidentState.NOTIFIED})
def test_live_message_names_no_deadline_that_does_not_run(state: IncidentState) -> None:
    text = said(render(notice(MessageKind.STATUS, incident(state)), LINKS))

    assert DEADLINE_WORDS not in text


@pytest.mark.parametrize(
    ("hold", "words"),
    [
        (
            Hold(Reason.SILENCED, by="carol", until=DEADLINE, detail="demo day"),
            f"Silenced in Alertmanager by carol until {DEADLINE_WORDS} (“demo day”).",
        ),
        (Hold(Reason.SILENCED), "Silenced in Alertmanager."),
        (Hold(Reason.KEPT, by="bob", until=DEADLINE), f"Kept by bob until {DEADLINE_WORDS}."),
        (Hold(Reason.RELABELLED), "this goes on in another message"),
        (Hold(Reason.INHIBITED, detail="f1"), "measurements cannot be relied on now"),
        (Hold(Reason.MUTED, by="weekend"), "Outside of the hours in which alerts are sent"),
        (Hold(Reason.OWNER_UNREACHABLE), "The owner could not be reached."),
        (
            Hold(Reason.EXEMPT, by="the <thesis>", until=DEADLINE),
            f"Exempt until {DEADLINE_WORDS} (“the &lt;thesis&gt;”).",
        ),
        (
            Hold(Reason.OUTSIDE_HOURS, until=DEADLINE),
            f"Outside of your waking hours it waits until {DEADLINE_WORDS};",
        ),
        (Hold(Reason.BREAKER, by="carol", detail="oh"), "No task of anybody is stopped now"),
        (
            Hold(Reason.NOT_FIRING),
            "for a while it could not be seen whether it still is. It waits.",
        ),
    ],
)
def test_live_message_says_who_holds_until_when(hold: Hold, words: str) -> None:
    held = replace(incident(IncidentState.HELD), holds=(hold,))

    assert words in said(render(notice(MessageKind.STATUS, held), LINKS))


def test_closing_of_a_stop_says_how_to_start_again() -> None:
    stopped = incident(IncidentState.STOPPED, outcome=IncidentState.STOPPED)

    text = said(render(notice(MessageKind.CLOSING, stopped), LINKS))

    assert "\nStopped <!date" in text
    assert "det notebook start" in text


def test_closing_after_a_partial_stop_does_not_deny_it() -> None:
    partly = incident(IncidentState.RESOLVED, outcome=IncidentState.STOPPED)

    assert "Nothing was stopped" not in said(render(notice(MessageKind.CLOSING, partly), LINKS))


def test_admins_read_what_they_are_to_know_and_find_the_incident() -> None:
    text = "bob cannot be reached <on> Slack & nothing of theirs is stopped."

    message = render(notice(MessageKind.ADMINS, text=text), LINKS)

    assert message.text == escape(text)
    assert "<http://watchdog:8090/api/v1/incidents/i1|incident>" in said(message)


def test_alarm_of_the_breaker_keeps_its_lines_and_its_ways_out_however_long_the_names() -> None:
    stops = tuple(
        PlannedStop(str(UUID(int=n)), f"t{n}.1", f"notebook “{'&' * 200}”") for n in range(40)
    )
    state = BreakerState(tripped=True, at=T0, by="watchdog", reason="40 are due", stops=stops)

    message = render(notice(MessageKind.ADMINS, text=alarm(state)), LINKS)

    assert_fits(message)
    lines = message.text.split("\n")
    assert lines[1] == "Why: 40 are due."
    assert any("mode: warn" in line for line in lines)
    assert any("gpu-watchdog kill" in line for line in lines)
    assert any(line.startswith(f"• {UUID(int=0)} · notebook “&amp;") for line in lines)


def test_alarm_of_the_breaker_has_all_that_it_lists_where_names_are_as_long_as_they_get() -> None:
    named = f"generic {UUID(int=1)} “{'n' * 40}” of {'u' * 40}"
    stops = tuple(PlannedStop(str(UUID(int=n)), f"{UUID(int=n)}.1", named) for n in range(40))
    why = excess(40, Quota(BreakerLimits(), running=100))
    state = BreakerState(tripped=True, at=T0, by="watchdog", reason=why, stops=stops)

    message = render(notice(MessageKind.ADMINS, text=alarm(state)), LINKS)

    assert_fits(message)
    lines = message.text.split("\n")
    assert [line for line in lines if line.startswith("• ")] == [
        f"• {UUID(int=n)} · {named}" for n in range(9)
    ]
    assert lines[-1] == "… and 31 more"


@pytest.mark.parametrize("task_type", set(TaskType) - {TaskType.CHECKPOINT_GC})
def test_every_type_says_what_is_lost_and_how_to_begin_again(task_type: TaskType) -> None:
    text = said(render(notice(about=incident(task_type=task_type)), LINKS))

    assert consequence(task_type).loses in text
    assert consequence(task_type).restart in text
    assert "det " in consequence(task_type).restart


def test_no_type_shares_its_way_back_with_another() -> None:
    ways = [consequence(each).restart for each in TaskType]

    assert len(set(ways)) == len(ways)


def test_every_message_in_every_state_fits_slack() -> None:
    for each in every_notice():
        assert_fits(render(each, LINKS))


def test_tone_is_that_of_a_helpful_colleague() -> None:
    for each in every_notice():
        found = FORBIDDEN.search(said(render(each, LINKS)))
        assert found is None, f"{each.kind} in {each.incidents[0].state} says {found}"


def test_message_without_targets_speaks_of_the_pool() -> None:
    nobody = replace(opened(), targets=())

    message = render(notice(about=nobody, enforced=False), LINKS)

    assert "what you run in pool `default`" in message.text
    assert_fits(message)


IN_USE = "something else still uses a GPU of it, which the admins look at."


def stopped(state: IncidentState, release: Release | None, *lingering: str) -> Incident:
    """A notebook of two GPUs whose allocation is gone."""
    gpus = (Gpu("GPU-1", "agent-a"), Gpu("GPU-2", "agent-a"))
    return incident(
        state,
        outcome=IncidentState.STOPPED,
        gpus=gpus,
        gone_at=T0,
        release=release,
        lingering=lingering,
    )


@pytest.mark.parametrize("kind", [MessageKind.STATUS, MessageKind.CLOSING])
@pytest.mark.parametrize(
    ("release", "lingering", "words"),
    [
        (None, (), "; 2 GPUs can be given to others again."),
        (Release.FREED, (), "; 2 GPUs can be given to others again."),
        (
            Release.IN_USE,
            ("GPU-2",),
            f"; 1 GPU can be given to others again; {IN_USE}",
        ),
        (
            Release.IN_USE,
            ("GPU-1", "GPU-2"),
            f"; {IN_USE}",
        ),
        (
            Release.UNSEEN,
            ("GPU-1", "GPU-2"),
            "; whether its GPUs are free could not be seen.",
        ),
    ],
)
def test_a_stop_claims_no_more_gpus_to_be_free_than_were_seen(
    kind: MessageKind, release: Release | None, lingering: tuple[str, ...], words: str
) -> None:
    about = stopped(IncidentState.STOPPED, release, *lingering)

    message = render(notice(kind, about), LINKS)

    assert f"Stopped {date(T0)}{words}" in said(message)
    assert_fits(message)


def test_what_has_ended_is_not_being_stopped_any_more() -> None:
    about = stopped(IncidentState.STOPPING, Release.AWAITED)

    text = said(render(notice(MessageKind.STATUS, about), LINKS))

    assert f"Stopped {date(T0)}. Whether its GPUs are free is looked at now." in text
    assert "being stopped" not in text
    assert "can be given" not in text
