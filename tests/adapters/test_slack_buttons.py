"""Buttons: what a message can be answered with, and where there is nothing to answer."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.adapters.slack_links import Links
from app.adapters.slack_messages import Message, render
from app.domain.actions import Matter, MessageKind, Notice
from app.domain.breaker import BreakerState, PlannedStop, alarm
from app.domain.incident import Incident, IncidentState
from app.domain.policy import Mode
from tests.adapters.conftest import LINKS
from tests.adapters.slack_examples import (
    DEADLINE,
    assert_fits,
    incident,
    notice,
    over_limit,
    said,
)
from tests.adapters.test_slack_together import one
from tests.domain.examples import ALLOCATION, T0

S = IncidentState
K = MessageKind
ALL = ("2h", "8h", "24h", "morning")
HEARD = replace(LINKS, interactive=True)


def page(incident_id: str, username: str) -> str:
    return f"https://watchdog.example/i/{incident_id}-{username}"


def about(
    *incidents: Incident, kind: MessageKind = K.WARNING, keeps: tuple[str, ...] = ALL
) -> Notice:
    matters = [
        Matter(each, {t.allocation_id: DEADLINE for t in each.open_targets}, keeps=keeps)
        for each in incidents
    ]
    return Notice(kind, tuple(matters), T0)


def pressable(message: Message) -> list[dict[str, Any]]:
    return list(_pressable(message.blocks))


def _pressable(part: object) -> Iterator[dict[str, Any]]:
    if isinstance(part, list):
        for each in part:
            yield from _pressable(each)
    elif isinstance(part, dict) and "action_id" in part:
        yield part
    elif isinstance(part, dict):
        for each in part.values():
            yield from _pressable(each)


def asked(message: Message) -> dict[str, str]:
    """Return the buttons' values by what they ask for."""
    return {each["action_id"]: each.get("value", "") for each in pressable(message)}


def test_warning_can_be_answered_with_a_keep_or_a_stop() -> None:
    message = render(about(incident()), HEARD)

    assert asked(message) == {
        "keep.2h": "i1",
        "keep.8h": "i1",
        "keep.24h": "i1",
        "keep.morning": "i1",
        "stop": f"i1/{ALLOCATION}",
    }
    assert_fits(message)


def test_a_stop_is_confirmed_with_what_it_destroys() -> None:
    stop = pressable(render(about(incident()), HEARD))[-1]

    assert stop["style"] == "danger"
    assert "Variables in memory" in stop["confirm"]["text"]["text"]


def test_only_what_the_policy_still_allows_is_offered() -> None:
    assert list(asked(render(about(incident(), keeps=("2h",)), HEARD))) == ["keep.2h", "stop"]


def test_for_several_each_can_be_answered_for_and_all_of_them() -> None:
    first, second = one(1), one(2)

    message = render(about(first, second), HEARD)

    menus = [each for each in pressable(message) if each["type"] == "overflow"]
    assert [each["action_id"] for each in menus] == ["menu#0", "menu#1"]
    assert [option["value"] for option in menus[0]["options"]] == [
        "keep.2h i1",
        "keep.8h i1",
        "keep.24h i1",
        "keep.morning i1",
        "stop i1/1.1",
    ]
    assert asked(message)["keep.8h"] == "i1 i2"
    assert asked(message)["stop"] == "i1/1.1 i2/2.1"
    assert "Stop all 2 now?" in said(message)
    assert_fits(message)


def test_what_is_over_is_in_no_button() -> None:
    ended = one(2, S.RESOLVED)

    message = render(about(one(1), ended, kind=K.STATUS), HEARD)

    assert asked(message)["keep.2h"] == "i1"
    assert asked(message)["stop"] == "i1/1.1"


def test_what_a_user_holds_too_much_is_kept_as_a_whole_and_stopped_one_by_one() -> None:
    message = render(about(over_limit()), HEARD)

    assert asked(message)["keep.2h"] == "i1"
    assert asked(message)["stop#0"] == "i1/a.1"
    assert asked(message)["stop#1"] == "i1/b.1"
    assert_fits(message)


def test_what_does_not_fit_into_a_button_is_left_out() -> None:
    many = [replace(one(number), incident_id=f"{number:036}") for number in range(60)]

    message = render(about(*many), HEARD)

    assert "stop" not in asked(message)
    assert "keep.2h" not in asked(message)
    assert len([each for each in pressable(message) if each["type"] == "overflow"]) == 10
    assert_fits(message)


@pytest.mark.parametrize(
    "state", set(S) - {S.FIRING, S.NOTIFIED, S.HELD}, ids=lambda state: state.value
)
def test_a_message_that_is_finished_or_being_carried_out_has_no_buttons(
    state: IncidentState,
) -> None:
    assert asked(render(about(incident(state), kind=K.STATUS), HEARD)) == {}


def test_a_message_that_a_newer_one_replaces_has_no_buttons() -> None:
    superseded = replace(about(incident(), kind=K.STATUS), superseded=True)

    assert asked(render(superseded, HEARD)) == {}


def test_advice_asks_for_nothing() -> None:
    advice = replace(incident(), mode=Mode.WARN)

    assert asked(render(about(advice), HEARD)) == {}


@pytest.mark.parametrize("kind", list(K))
def test_where_nobody_hears_a_button_there_is_none(kind: MessageKind) -> None:
    state = BreakerState(tripped=True, stops=(PlannedStop("i1", "a.1", "notebook a"),))

    message = render(replace(about(incident(), kind=kind), breaker=state, text="x"), LINKS)

    assert asked(message) == {}


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        pytest.param(replace(HEARD, page=page), {"link.page"}, id="a button"),
        pytest.param(replace(LINKS, page=page), set(), id="a link"),
    ],
)
def test_the_owners_page_is_linked_to(links: Links, expected: set[str]) -> None:
    message = render(about(incident()), links)

    assert page("i1", "bob") in f"{message.blocks}"
    assert set(asked(message)) & {"link.page"} == expected


def test_admins_can_dismiss_an_incident_that_is_open() -> None:
    open_ = notice(K.ADMINS, text="It is due and not made.")
    over = notice(K.ADMINS, incident(S.RESOLVED), text="It is over.")

    assert asked(render(open_, HEARD)) == {"dismiss": "i1"}
    assert asked(render(over, HEARD)) == {}


def test_admins_can_reset_the_breaker_or_allow_what_it_names() -> None:
    stops = tuple(PlannedStop(f"i{n}", f"{n}.1", f"notebook “{'x' * 300}”") for n in range(20))
    state = BreakerState(tripped=True, at=T0, by="watchdog", reason="20 are due", stops=stops)
    told = replace(notice(K.BREAKER, text=alarm(state)), breaker=state)

    message = render(told, HEARD)

    assert asked(message) == {
        "reset": "i1",
        **{f"allow#{number}": f"i{number}/{number}.1" for number in range(5)},
    }
    assert all("confirm" in each for each in pressable(message))
    assert_fits(message)
    assert asked(render(replace(told, breaker=BreakerState()), HEARD)) == {}
