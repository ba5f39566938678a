"""What Block Kit and message metadata allow."""

from typing import Any

import pytest

from demo.slack.block_kit import check_blocks, check_metadata
from demo.slack.errors import SlackError


def text(length: int, kind: str = "mrkdwn") -> dict[str, Any]:
    return {"type": kind, "text": "x" * length}


def section(length: int) -> dict[str, Any]:
    return {"type": "section", "text": text(length)}


def fields(count: int, length: int = 1) -> dict[str, Any]:
    return {"type": "section", "fields": [text(length)] * count}


def header(length: int, kind: str = "plain_text") -> dict[str, Any]:
    return {"type": "header", "text": text(length, kind)}


def button(**changes: object) -> dict[str, Any]:
    return {"type": "button", "text": text(5, "plain_text")} | changes


def actions(*buttons: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {"type": "actions", "elements": list(buttons)} | changes


def option(length: int = 5, **changes: object) -> dict[str, Any]:
    return {"text": text(length, "plain_text"), "value": "a"} | changes


def overflow(*options: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {"type": "overflow", "options": list(options)} | changes


def words(**lengths: int) -> dict[str, Any]:
    """Return a confirmation dialog."""
    sizes = {"title": 5, "text": 5, "confirm": 5, "deny": 5} | lengths
    return {part: text(length, "plain_text") for part, length in sizes.items()}


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(section(3000), id="section text"),
        pytest.param(fields(10), id="number of fields"),
        pytest.param(fields(1, 2000), id="field"),
        pytest.param(header(150), id="header"),
        pytest.param(actions(*[button()] * 25), id="number of elements"),
        pytest.param(actions(button(text=text(75, "plain_text"))), id="button text"),
        pytest.param(actions(button(value="x" * 2000)), id="button value"),
        pytest.param(actions(button(url="https://" + "x" * 2992)), id="button url"),
        pytest.param(actions(button(action_id="x" * 255)), id="action id"),
        pytest.param(actions(button(confirm=words(title=100))), id="title of a confirmation"),
        pytest.param(
            actions(button(confirm=words(text=300, confirm=30, deny=30) | {"style": "danger"})),
            id="texts of a confirmation",
        ),
        pytest.param(actions(button(style="danger")), id="style"),
        pytest.param(actions(overflow(*[option()] * 5, action_id="m")), id="number of options"),
        pytest.param(
            actions(overflow(option(75, value="x" * 150, url="https://" + "x" * 2992))),
            id="option",
        ),
        pytest.param(section(9) | {"accessory": overflow(option())}, id="menu beside a section"),
        pytest.param({"type": "divider", "block_id": "x" * 255}, id="block id"),
        pytest.param({"type": "context", "elements": [text(9)] * 10}, id="number in a context"),
    ],
)
def test_block_at_its_limit_is_taken(block: dict[str, Any]) -> None:
    [taken] = check_blocks([block])

    assert taken.items() >= block.items()


@pytest.mark.parametrize(
    ("block", "pointer"),
    [
        pytest.param(section(3001), "/blocks/0/text/text", id="section text"),
        pytest.param(section(0), "/blocks/0/text/text", id="empty text"),
        pytest.param(fields(11), "/blocks/0/fields", id="number of fields"),
        pytest.param(fields(1, 2001), "/blocks/0/fields/0", id="field"),
        pytest.param({"type": "section"}, "/blocks/0", id="section that says nothing"),
        pytest.param(header(151), "/blocks/0/text", id="header"),
        pytest.param(header(5, "mrkdwn"), "/blocks/0/text/type", id="header with mrkdwn"),
        pytest.param(actions(*[button()] * 26), "/blocks/0/elements", id="number of elements"),
        pytest.param(actions(), "/blocks/0/elements", id="no elements"),
        pytest.param(
            actions(button(text=text(76, "plain_text"))),
            "/blocks/0/elements/0/text",
            id="button text",
        ),
        pytest.param(
            actions(button(value="x" * 2001)), "/blocks/0/elements/0/value", id="button value"
        ),
        pytest.param(
            actions(button(url="https://" + "x" * 2993)), "/blocks/0/elements/0/url", id="url"
        ),
        pytest.param(
            actions(button(action_id="x" * 256)), "/blocks/0/elements/0/action_id", id="action id"
        ),
        pytest.param(
            actions(button(action_id="a"), button(action_id="a")),
            "/blocks/0/elements",
            id="action id twice",
        ),
        pytest.param(
            actions(button(confirm=words(title=101))),
            "/blocks/0/elements/0/confirm/title",
            id="title of a confirmation",
        ),
        pytest.param(
            actions(button(confirm=words(text=301))),
            "/blocks/0/elements/0/confirm/text",
            id="text of a confirmation",
        ),
        pytest.param(
            actions(overflow(option(), confirm=words(deny=31))),
            "/blocks/0/elements/0/confirm/deny",
            id="word that denies",
        ),
        pytest.param(
            actions(button(style="default")), "/blocks/0/elements/0/style", id="unknown style"
        ),
        pytest.param(
            actions(overflow(*[option()] * 6)), "/blocks/0/elements/0/options", id="many options"
        ),
        pytest.param(actions(overflow()), "/blocks/0/elements/0/options", id="no options"),
        pytest.param(
            actions(overflow(option(76))), "/blocks/0/elements/0/options/0/text", id="option's text"
        ),
        pytest.param(
            section(9) | {"accessory": overflow(option(value="x" * 151))},
            "/blocks/0/accessory/options/0/value",
            id="option's value",
        ),
        pytest.param(
            actions(button(action_id="a"), overflow(option(), action_id="a")),
            "/blocks/0/elements",
            id="action id of a button and a menu",
        ),
        pytest.param(
            actions(button(disabled=True)), "/blocks/0/elements/0/disabled", id="unknown property"
        ),
        pytest.param(
            {"type": "divider", "block_id": "x" * 256}, "/blocks/0/block_id", id="block id"
        ),
        pytest.param({"type": "shout"}, "/blocks/0", id="unknown block"),
    ],
)
def test_block_over_its_limit_is_pointed_at(block: dict[str, Any], pointer: str) -> None:
    with pytest.raises(SlackError) as raised:
        check_blocks([block])

    body = raised.value.body()
    assert (body["ok"], body["error"]) == (False, "invalid_blocks")
    [message] = body["response_metadata"]["messages"]
    assert message.endswith(f"[json-pointer:{pointer}]")


def test_message_has_at_most_50_blocks() -> None:
    assert len(check_blocks([{"type": "divider"}] * 50)) == 50

    with pytest.raises(SlackError, match="invalid_blocks"):
        check_blocks([{"type": "divider"}] * 51)


def test_block_ids_are_unique_in_a_message() -> None:
    with pytest.raises(SlackError, match="invalid_blocks"):
        check_blocks([{"type": "divider", "block_id": "a"}] * 2)


def test_all_texts_together_have_a_limit_too() -> None:
    assert check_blocks([section(2640)] * 5)

    with pytest.raises(SlackError, match="msg_blocks_too_long"):
        check_blocks([section(2641)] * 5)


@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"event_type": "a"}, "invalid_metadata_format"),
        ({"event_type": "a", "event_payload": [1]}, "invalid_metadata_format"),
        ({"event_type": "a", "event_payload": {"x": "y" * 8000}}, "metadata_too_large"),
    ],
    ids=["no payload", "payload of another type", "large"],
)
def test_metadata_of_another_shape_is_refused(metadata: dict[str, Any], error: str) -> None:
    with pytest.raises(SlackError, match=error):
        check_metadata(metadata)
