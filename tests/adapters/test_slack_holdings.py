"""What a user hears who holds more than the limit while others wait."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.adapters.slack_messages import render
from app.adapters.slack_text import date
from app.domain.actions import Matter, MessageKind, Notice
from app.domain.incident import Hold, Incident, IncidentState, Target
from app.domain.reasons import Reason
from tests.adapters.conftest import LINKS
from tests.adapters.slack_examples import (
    DEADLINE,
    DEADLINE_WORDS,
    assert_can_be_rewritten,
    assert_fits,
    over_limit,
    said,
)
from tests.domain.examples import DEMAND, T0

S = IncidentState
K = MessageKind


def about(incident: Incident, kind: MessageKind = K.WARNING, *, enforced: bool = True) -> Notice:
    ids = [each.allocation_id for each in incident.open_targets] if enforced else []
    return Notice(kind, (Matter(incident, dict.fromkeys(ids, DEADLINE)),), T0)


def words(incident: Incident, kind: MessageKind = K.WARNING, *, enforced: bool = True) -> str:
    return said(render(about(incident, kind, enforced=enforced), LINKS))


def test_warning_names_what_is_held_the_limit_who_waits_and_the_alternative() -> None:
    waiting = replace(DEMAND, waiting_since=T0)

    text = words(replace(over_limit(), demand=waiting))

    assert "A word about your GPUs in pool `default`." in text
    assert "You hold 6 GPUs there. While others wait the limit is 4;" in text
    assert f"they wait for 8 GPUs, the longest since {date(T0)}." in text
    assert f"Free 2 GPUs by {DEADLINE_WORDS}, or these 2 tasks are stopped." in text
    assert "others of yours that you need less" in text


def test_warning_lists_each_task_with_its_type_slots_idleness_and_age() -> None:
    text = words(over_limit())

    assert f"• `first` (notebook, 1 GPU, idle, since {date(T0)})" in text
    assert f"• `second` (trial, 2 GPUs, since {date(T0)})" in text
    assert text.index("`first`") < text.index("`second`")
    assert "What a stop means for a notebook" in text
    assert "What a stop means for a trial" in text


def test_a_single_task_is_listed_as_well() -> None:
    [first, _] = over_limit().targets

    text = words(over_limit(S.NOTIFIED, first))

    assert "• `first`" in text
    assert f"Free 1 GPU by {DEADLINE_WORDS}, or this task is stopped." in text


def test_the_link_silences_all_that_the_user_holds_in_the_pool() -> None:
    wanted = (
        "%7Bpolicy%3D%22slots%22%2C%20username%3D%22bob%22%2C%20resource_pool%3D%22default%22%7D"
    )

    assert f"silences/new?filter={wanted}|silence it" in words(over_limit())


@pytest.mark.parametrize("kind", [K.WARNING, K.REMINDER, K.LAST_CALL, K.STATUS])
def test_s10_without_a_deadline_nothing_is_threatened(kind: MessageKind) -> None:
    text = words(over_limit(), kind, enforced=False)

    assert "Nothing will be stopped" in text
    assert "stopped." not in text.replace("Nothing will be stopped", "")
    assert "Free " not in text


def test_reminder_says_that_others_wait() -> None:
    text = words(over_limit(), K.REMINDER)

    assert "others still wait" in text
    assert f"Free 2 GPUs by {DEADLINE_WORDS}" in text


def test_the_end_names_what_was_stopped_and_what_was_not() -> None:
    first, second = over_limit().targets
    third = replace(second, allocation_id="c.1", name="third", outcome=S.ENDED)
    stopped = replace(first, outcome=S.STOPPED)
    spared = replace(second, outcome=S.RESOLVED, left=Reason.NO_NEED)

    text = words(over_limit(S.STOPPED, stopped, spared, third), K.CLOSING, enforced=False)

    assert "`first` (notebook, 1 GPU, idle, since" in text
    assert "), stopped" in text
    assert "), left alone: it is not needed" in text
    assert "), no longer running" in text


@pytest.mark.parametrize("reason", [Reason.NO_NEED, Reason.NO_USE, Reason.ROOM_UNKNOWN])
def test_a_hold_says_why_nothing_is_stopped(reason: Reason) -> None:
    held = replace(over_limit(S.HELD), holds=(Hold(reason, detail="internal words"),))

    text = words(held, K.STATUS, enforced=False)

    assert "On hold; nothing is stopped." in text
    assert reason.replace("_", " ").capitalize() + "." not in text, "words, and not a reason"


def test_a_recovery_is_that_of_the_limit() -> None:
    text = words(over_limit(S.RESOLVED), K.CLOSING, enforced=False)

    assert "You are within the limit again" in text
    assert "Nothing was stopped." in text
    assert "In use again" not in text


def every_notice() -> Iterator[Notice]:
    long = [
        Target(f"{n}.1", str(n), "notebook", "bob", "<!channel>" + "&" * 4_000, 8, since=T0)
        for n in range(40)
    ]
    for kind in MessageKind:
        for state in IncidentState:
            for targets in ((), tuple(long)):
                yield about(over_limit(state, *targets), kind)
                yield about(over_limit(state, *targets), kind, enforced=False)


def test_every_message_fits_and_lets_nobody_be_called() -> None:
    for each in every_notice():
        message = render(each, LINKS)
        if message.text:
            assert_fits(message)
            assert_can_be_rewritten(message)
        assert "<!channel>" not in said(message)
