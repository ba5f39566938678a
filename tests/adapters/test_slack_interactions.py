"""From what Slack tells of a pressed button to a `Press`; and whether it was Slack who told it."""

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.slack_interactions import (
    Interaction,
    payload_of,
    read_interaction,
    verify,
)
from app.domain.press import Press, Verb
from app.errors import InvalidInteractionError, NotSignedError
from tests.adapters.slack_payloads import (
    ACTION_TS,
    ALLOCATION,
    INCIDENT,
    KEEP,
    PAYLOADS,
    RESPONSE_URL,
    SIGNING_SECRET,
    block_actions,
    button,
    form,
    menu,
    signature,
)
from tests.domain.examples import T0

SECRET = SIGNING_SECRET.encode()
NOW = str(int(T0.timestamp()))
BODY = form(block_actions(button()))
NO_INTERACTION = Interaction(unknown=("It is no button in a message.",))
NOT_OURS = Interaction(unknown=("It is no button of ours.",))


def pressed(action: object) -> Press:
    [press] = read_interaction(block_actions(action)).presses
    return press


def test_button_is_read_as_it_was_pressed() -> None:
    assert read_interaction(block_actions(button())) == Interaction((KEEP,))


@pytest.mark.parametrize(
    ("action_id", "verb", "argument"),
    [
        ("keep.24h", Verb.KEEP, "24h"),
        ("keep.morning", Verb.KEEP, "morning"),
        ("keep.2h#12", Verb.KEEP, "2h"),
        ("stop", Verb.STOP, ""),
        ("stop#0", Verb.STOP, ""),
        ("dismiss", Verb.DISMISS, ""),
        ("allow", Verb.ALLOW, ""),
        ("reset", Verb.RESET, ""),
    ],
)
def test_action_id_names_verb_and_argument(action_id: str, verb: Verb, argument: str) -> None:
    press = pressed(button(action_id))

    assert (press.verb, press.argument) == (verb, argument)


def test_number_of_an_action_id_tells_presses_of_one_moment_apart() -> None:
    assert pressed(button("stop#1")).press_id != pressed(button("stop#2")).press_id


def test_subjects_are_separated_by_spaces() -> None:
    value = f"{INCIDENT}/{ALLOCATION} other/task.2"

    assert pressed(button("stop", value)).subjects == (f"{INCIDENT}/{ALLOCATION}", "other/task.2")


def test_option_of_a_menu_names_verb_argument_and_subjects() -> None:
    press = pressed(menu(f"keep.8h {INCIDENT} other"))

    expected = replace(KEEP, argument="8h", subjects=(INCIDENT, "other"))
    assert press == replace(expected, press_id=f"U01ALICE:{ACTION_TS}:menu#3")


def test_breaker_is_reset_without_a_subject() -> None:
    assert pressed(button("reset", None)).subjects == ()


def test_several_actions_are_as_many_presses_and_one_that_is_not_ours_spoils_none() -> None:
    read = read_interaction(block_actions(button(), button("explode"), menu("stop a/b")))

    assert [press.verb for press in read.presses] == [Verb.KEEP, Verb.STOP]
    assert read.unknown == NOT_OURS.unknown


@pytest.mark.parametrize("action_id", ["link", "link.page", "link_runbook#2"])
def test_link_is_nothing_to_do(action_id: str) -> None:
    assert read_interaction(block_actions(button(action_id, None))) == Interaction()


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(button("kill"), id="verb of the future"),
        pytest.param(button("keep.2h.3h"), id="two arguments"),
        pytest.param(button("keep.<!channel>"), id="argument that is no word"),
        pytest.param(button("keep.٢h"), id="digits of another script"),
        pytest.param(button("keep.2h\n"), id="line break"),
        pytest.param(button(""), id="no action"),
        pytest.param(button(value=None), id="no subject"),
        pytest.param(button(value=f"{INCIDENT}  other"), id="empty subject"),
        pytest.param(button(value="\u202e0f4c"), id="subject that is written from right to left"),
        pytest.param(button(value="x" * 2001), id="longer than Slack allows"),
        pytest.param(button() | {"action_ts": "now"}, id="no time"),
        pytest.param(button() | {"action_id": 7}, id="number for a text"),
        pytest.param(menu("explode"), id="option of the future"),
        pytest.param(menu("keep.2h"), id="option without a subject"),
        pytest.param(menu("") | {"selected_option": None}, id="no option"),
        pytest.param("keep.2h", id="text for an action"),
        pytest.param(None, id="nothing for an action"),
    ],
)
def test_what_is_no_button_of_ours_is_no_press(action: object) -> None:
    assert read_interaction(block_actions(action)) == NOT_OURS


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(block_actions(button(), type="view_submission"), id="another interaction"),
        pytest.param(block_actions(button(), user={"id": "alice"}), id="no id of a person"),
        pytest.param(block_actions(button(), user=None), id="nobody"),
        pytest.param(block_actions(button(), container={"type": "view"}), id="not in a message"),
        pytest.param(block_actions(button(), actions={}), id="no list"),
        pytest.param({}, id="empty"),
        pytest.param([], id="a list"),
        pytest.param("block_actions", id="a word"),
        pytest.param(None, id="nothing"),
    ],
)
def test_what_is_no_button_in_a_message_is_no_press(payload: object) -> None:
    assert read_interaction(payload) == NO_INTERACTION


def test_form_is_read_as_slack_posts_it() -> None:
    assert read_interaction(payload_of(BODY)) == Interaction((KEEP,))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"payload=%ff", id="no text below the escapes"),
        pytest.param(b"payload", id="no value"),
        pytest.param(b"payload=%7B", id="broken JSON"),
        pytest.param(b"payload={}&payload={}", id="two payloads"),
        pytest.param(b"&".join([b"payload={}", *[b"a=b"] * 1000]), id="a thousand fields"),
        pytest.param(json.dumps(block_actions(button())).encode(), id="JSON without a form"),
        pytest.param(b"payload=" + b"[" * 100_000, id="nested without an end"),
        pytest.param(b"payload=" + b"[" * 9000 + b"]" * 9000, id="nested deeply"),
        pytest.param(urlencode({"payload": '"\\ud800"'}).encode(), id="half a character"),
    ],
)
def test_body_that_is_no_interaction_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInteractionError):
        payload_of(body)


def test_address_for_the_answer_is_not_shown() -> None:
    assert RESPONSE_URL not in repr(KEEP)


@settings(max_examples=100, deadline=None)
@given(PAYLOADS)
def test_whatever_is_told_is_read_without_an_error(payload: object) -> None:
    read = read_interaction(payload)

    for press in read.presses:
        assert press.press_id.isascii()
        assert " ".join(press.subjects).isascii()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"payload=" + tail))
def test_whatever_is_posted_is_read_or_refused(body: bytes) -> None:
    try:
        payload = payload_of(body)
    except InvalidInteractionError:
        return

    assert read_interaction(payload).presses == ()


def test_slacks_own_example_of_a_signature_is_accepted() -> None:
    """As the documentation of Slack has it, secret and all."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
        b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121"
        b".803a0bc887a14d10d2c447fce8b6703c"
    )
    given = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    at = T0 + timedelta(seconds=1531420618 - T0.timestamp())

    verify(b"8f742231b10e8888abcd99yyyzzz85a5", body, [given], ["1531420618"], now=at)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_signature_is_valid_within_five_minutes(seconds: int) -> None:
    verify(SECRET, BODY, [signature(BODY, NOW)], [NOW], now=T0 + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_signature_is_not_valid_for_longer(seconds: int) -> None:
    with pytest.raises(NotSignedError, match="300 s"):
        verify(SECRET, BODY, [signature(BODY, NOW)], [NOW], now=T0 + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("signatures", "times"),
    [
        pytest.param([], [NOW], id="no signature"),
        pytest.param([signature(BODY, NOW)], [], id="no time"),
        pytest.param([signature(BODY, NOW)] * 2, [NOW], id="two signatures"),
        pytest.param([signature(BODY, NOW)], [NOW, NOW], id="two times"),
        pytest.param([""], [NOW], id="empty signature"),
        pytest.param([signature(BODY, NOW)[3:]], [NOW], id="without its version"),
        pytest.param([signature(BODY, NOW).upper()], [NOW], id="capital letters"),
        pytest.param(["v1" + signature(BODY, NOW)[2:]], [NOW], id="another version"),
        pytest.param([signature(BODY + b" ", NOW)], [NOW], id="of another body"),
        pytest.param([signature(BODY, NOW, "other")], [NOW], id="by another secret"),
        pytest.param([signature(BODY, str(int(NOW) - 1))], [NOW], id="of another time"),
        pytest.param(["v0=é" + "0" * 63], [NOW], id="no ASCII"),
        pytest.param(["v0=→"], [NOW], id="not even Latin-1"),
        *(
            pytest.param([signature(BODY, time)], [time], id=f"time {name}")
            for name, time in {
                "that is no number": "now",
                "that is empty": "",
                "with a sign": f"+{NOW}",
                "with space": f" {NOW}",
                "with a fraction": f"{NOW}.0",
                "with underscores": "1_764",
                "in another script": "١٧٦٤١٥٨٤٠٠",
                "in Latin-1": "²",
                "without an end": "9" * 5000,
                "that is negative": "-1",
                "long ago": "0",
            }.items()
        ),
    ],
)
def test_what_slack_has_not_signed_is_refused(signatures: list[str], times: list[str]) -> None:
    with pytest.raises(NotSignedError) as refused:
        verify(SECRET, BODY, signatures, times, now=T0)

    assert signature(BODY, NOW) not in str(refused.value)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(max_size=70), max_size=2),
    st.lists(st.text("0123456789-+.e_ ²", max_size=14), max_size=2),
)
def test_whatever_the_headers_are_they_are_refused(signatures: list[str], times: list[str]) -> None:
    with pytest.raises(NotSignedError):
        verify(SECRET, BODY, signatures, times, now=T0)
