"""Several tasks in one message: each is named, and nothing breaks Slack's limits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.slack_messages import render
from app.adapters.slack_text import date
from app.domain.actions import FOR_ADMINS, Matter, MessageKind, Notice
from app.domain.incident import Hold, Incident, IncidentState
from app.domain.policy import Fallback, StopAction
from app.domain.reasons import Reason
from tests.adapters.conftest import LINKS
from tests.adapters.slack_examples import (
    DEADLINE,
    TEXTS,
    assert_can_be_rewritten,
    assert_fits,
    incident,
    said,
)
from tests.adapters.test_slack_text import HOSTILE, assert_harmless
from tests.domain.examples import T0

S = IncidentState
K = MessageKind
LATER = T0 + timedelta(hours=1)


def one(number: int, state: IncidentState = S.NOTIFIED, **target: object) -> Incident:
    """Return an incident about one of several tasks."""
    known = {"name": f"task-{number}", "allocation_id": f"{number}.1", "task_id": str(number)}
    base = incident(state, **(known | target))
    return replace(base, incident_id=f"i{number}")


def trial(number: int) -> Incident:
    return one(number, task_id=f"41.{number}", allocation_id=f"41.{number}.1", task_type="trial")


def about(incidents: Sequence[Incident], kind: MessageKind = K.WARNING, **matter: object) -> Notice:
    matters = [
        Matter(each, {t.allocation_id: DEADLINE for t in each.open_targets}, **matter)  # type: ignore[arg-type] # The words of the test.
        for each in incidents
    ]
    return Notice(kind, tuple(matters), LATER)


def test_s1_a_warning_about_sixteen_trials_names_each_with_its_deadline() -> None:
    message = render(about([trial(number) for number in range(16)]), LINKS)

    assert message.text.startswith("Hello! A word about your 16 trials of experiment 41.")
    text = said(message)
    assert all(f"`task-{number}`" in text for number in range(16))
    assert text.count(f"until {date(DEADLINE)}") == 11, "ten lines, and one for all the others"
    assert "det/experiments/41|Determined" in text
    assert_fits(message)


def test_s1_forty_tasks_are_named_however_long_their_names() -> None:
    many = [one(number, name=f"{number:02}{'&' * 4_000}") for number in range(40)]

    message = render(about(many), LINKS)

    assert all(f"`{number:02}&amp;" in said(message) for number in range(40))
    assert_fits(message)


def test_a_task_of_several_is_listed_with_what_was_measured_of_it() -> None:
    [first, second] = one(1), one(2)
    numbers = TEXTS | {"description": "The busiest was at 0 %."}

    text = said(render(about([first, replace(second, annotations=numbers)]), LINKS))

    assert "`task-1` (notebook, 2 GPUs), until" in text
    assert "went above 1 % in 30 minutes" in text
    assert "The busiest was at 0 %." in text
    assert text.count(TEXTS["summary"]) == 1


def test_live_message_tells_the_fate_of_each_task() -> None:
    hold = Hold(Reason.KEPT, by="carol", until=DEADLINE)
    fates = [
        one(1),
        replace(one(2, S.HELD), holds=(hold,)),
        one(3, S.RESOLVED),
        one(4, S.STOPPED, outcome=S.STOPPED),
        one(5, S.STOPPING),
    ]

    message = render(about(fates, K.STATUS), LINKS)

    text = said(message)
    assert f"`task-1` (notebook, 2 GPUs), until {date(DEADLINE)}" in text
    assert f"`task-2` (notebook, 2 GPUs), on hold\nKept by carol until {date(DEADLINE)}." in text
    assert "`task-3` (notebook, 2 GPUs), in use again" in text
    assert "`task-4` (notebook, 2 GPUs), stopped" in text
    assert "`task-5` (notebook, 2 GPUs), being stopped now" in text
    assert "1 with a deadline, 1 on hold, 1 being stopped now, 1 stopped, 1 settled." in text
    assert f"it will be stopped {date(DEADLINE)}" in text
    assert "det notebook start" in text, "how to begin again what was stopped"
    assert_fits(message)


def test_s10_a_live_message_whose_tasks_have_no_deadline_announces_nothing() -> None:
    hold = Hold(Reason.KEPT, by="carol", until=DEADLINE)
    held = [replace(one(number, S.HELD), holds=(hold,)) for number in range(3)]

    text = said(render(about(held, K.STATUS), LINKS))

    assert "3 on hold." in text
    assert "will be" not in text
    assert "What a stop means" not in text


def test_a_task_that_came_back_is_listed_once_as_it_is_now() -> None:
    before = replace(one(1, S.RESOLVED), incident_id="i0", opened_at=T0 - timedelta(hours=2))

    text = said(render(about([one(1), before, one(2)], K.STATUS), LINKS))

    assert text.count("• `task-1`") == 1
    assert "in use again" not in text


def test_end_of_several_says_what_became_of_them() -> None:
    ended = [one(1, S.STOPPED, outcome=S.STOPPED), one(2, S.STOPPED, outcome=S.STOPPED)]

    message = render(about(ended, K.CLOSING), LINKS)

    assert message.text == "This is over for your 2 tasks. 2 stopped."
    assert "det notebook start" in said(message)


def test_a_reminder_says_what_is_held_so_far() -> None:
    text = said(render(about([one(1), one(2)], K.REMINDER), LINKS))

    assert "A reminder about your 2 tasks: they still look unused." in text
    assert f"4.0 GPU-hours without use so far ({date(LATER)})." in text


@pytest.mark.parametrize(
    ("fallback", "words"),
    [(Fallback.KILL, "it alone will be stopped"), (Fallback.NONE, "it waits for them")],
)
def test_trials_are_announced_to_be_paused_with_their_experiment(
    fallback: Fallback, words: str
) -> None:
    notice = about([trial(1), trial(2)], action=StopAction.PAUSE, fallback=fallback)

    text = said(render(notice, LINKS))

    assert f"the first of them will be paused {date(DEADLINE)}." in text
    assert "A trial is paused with its whole experiment." in text
    assert words in text


def test_what_is_paused_and_what_is_stopped_are_told_of_together() -> None:
    both = about([trial(1), one(2)])
    first, second = both.matters
    both = replace(both, matters=(replace(first, action=StopAction.PAUSE), second))

    assert "the first of them will be paused or stopped" in said(render(both, LINKS))


def test_a_message_that_a_newer_one_replaces_names_no_deadline() -> None:
    notice = replace(about([one(1), one(2)], K.STATUS), superseded=True)

    message = render(notice, LINKS)

    assert said(message).count("A newer message further down") == 2
    assert date(DEADLINE) not in said(message)


@settings(max_examples=12, deadline=None)
@given(
    count=st.integers(2, 300),
    texts=st.lists(st.sampled_from(list(HOSTILE)), min_size=1, max_size=4),
    states=st.lists(st.sampled_from(list(S)), min_size=1, max_size=len(S)),
    kind=st.sampled_from([each for each in K if each not in FOR_ADMINS]),
    minutes=st.integers(0, 1),
)
def test_any_number_of_tasks_of_any_name_fits_into_a_message_and_harms_nobody(
    count: int, texts: list[str], states: list[IncidentState], kind: MessageKind, minutes: int
) -> None:
    long = {each: (HOSTILE[each] or "`") * 4_000 for each in texts}
    matters = []
    for number in range(count):
        name, state = long[texts[number % len(texts)]][:4_000], states[number % len(states)]
        holds = (Hold(Reason.SILENCED, by=name, until=DEADLINE, detail=name),) * 3
        each = one(number, state, name=name, outcome=S.STOPPED if state is S.STOPPED else None)
        each = replace(each, annotations=dict.fromkeys(TEXTS, name))
        each = replace(each, holds=holds if state is S.HELD else ())
        deadline = DEADLINE + timedelta(minutes=minutes * number)
        ends = {each.targets[0].allocation_id: deadline}
        matters.append(Matter(each, ends, keeps=("2h", "8h", "24h", "morning")))

    message = render(Notice(kind, tuple(matters), LATER), replace(LINKS, interactive=True))

    assert_fits(message)
    assert_can_be_rewritten(message)
    assert_harmless(said(message))
