"""A pause is called a pause, with what survives it; and a stop a stop."""

from dataclasses import replace

import pytest

from app.adapters.slack_messages import render
from app.adapters.slack_words import consequence, pause
from app.domain.actions import MessageKind, Notice
from app.domain.incident import Incident, IncidentState, Intent, IntentState
from app.domain.policy import Fallback, StopAction
from tests.adapters.conftest import LINKS
from tests.adapters.slack_examples import (
    DEADLINE_WORDS,
    assert_fits,
    incident,
    notice,
    said,
)
from tests.domain.examples import T0

PAUSED = Intent("n1", IntentState.DONE, T0, {}, action=StopAction.PAUSE)


def paused(about: Incident, kind: MessageKind = MessageKind.WARNING, **more: object) -> Notice:
    whole = notice(kind, about)
    [matter] = whole.matters
    changed = replace(matter, action=StopAction.PAUSE, **more)  # type: ignore[arg-type] # The words of the test.
    return replace(whole, matters=(changed,))


def test_a_generic_task_is_announced_to_be_paused() -> None:
    message = render(paused(incident(task_type="generic")), LINKS)

    assert f"it will be paused {DEADLINE_WORDS}." in said(message)
    assert pause("generic").loses in said(message)
    assert "det task unpause" in said(message)
    assert "will be stopped" not in said(message)
    assert_fits(message)


@pytest.mark.parametrize(
    ("fallback", "words", "is_ended"),
    [(Fallback.KILL, "it alone will be stopped", True), (Fallback.NONE, "it waits", False)],
)
def test_a_trial_is_announced_to_be_paused_with_its_experiment_or_else(
    fallback: Fallback, words: str, *, is_ended: bool
) -> None:
    text = said(render(paused(incident(task_type="trial"), fallback=fallback), LINKS))

    assert f"its experiment will be paused {DEADLINE_WORDS}. If other trials" in text
    assert words in text
    assert pause("trial").loses in text
    assert (consequence("trial").loses in text) == is_ended


@pytest.mark.parametrize("state", [IncidentState.STOPPING, IncidentState.STOPPED])
@pytest.mark.parametrize("action", [StopAction.PAUSE, StopAction.KILL])
def test_what_was_done_is_called_what_it_was(state: IncidentState, action: StopAction) -> None:
    outcome = IncidentState.STOPPED if state is IncidentState.STOPPED else None
    intent = replace(PAUSED, action=action)
    about = incident(state, task_type="trial", outcome=outcome, intent=intent)

    text = said(render(paused(about, MessageKind.STATUS), LINKS)).lower()

    assert ("paused" in text) == (action is StopAction.PAUSE)
    assert ("stopped" in text) == (action is StopAction.KILL)


def test_closing_of_a_pause_says_how_to_go_on() -> None:
    about = incident(
        IncidentState.STOPPED, task_type="trial", outcome=IncidentState.STOPPED, intent=PAUSED
    )

    text = said(render(paused(about, MessageKind.CLOSING), LINKS))

    assert "\nPaused <!date" in text
    assert "det experiment activate" in text
    assert "det experiment continue" not in text
