"""The methods that read conversations."""

import base64

from demo.slack.arguments import Arguments, microseconds_of
from demo.slack.errors import SlackError
from demo.slack.model import Conversation, Json, Message
from demo.slack.shapes import message_object, parent_object
from demo.slack.state import SlackState

_DEFAULT_LIMIT = 100
_MAX_LIMIT = 999


def history(state: SlackState, arguments: Arguments) -> Json:
    """Return what stands in the conversation itself, newest first."""
    conversation = _readable(state, arguments)
    found = _within(conversation.standing()[::-1], arguments)
    chosen, rest = _page(found, arguments)
    with_metadata = arguments.flag("include_all_metadata")
    messages = [parent_object(conversation, one, with_metadata=with_metadata) for one in chosen]
    return {"messages": messages, "pin_count": 0} | rest


def replies(state: SlackState, arguments: Arguments) -> Json:
    """Return a message and its replies, oldest first."""
    conversation = _readable(state, arguments)
    parent = conversation.messages.get(arguments.text("ts"))
    if parent is None:
        raise SlackError("thread_not_found")
    with_metadata = arguments.flag("include_all_metadata")
    answers = _within(conversation.replies(parent.ts), arguments)
    chosen, rest = _page(answers, arguments)
    head = parent_object(conversation, parent, with_metadata=with_metadata)
    tail = [message_object(one, with_metadata=with_metadata) for one in chosen]
    return {"messages": [head, *tail]} | rest


def _readable(state: SlackState, arguments: Arguments) -> Conversation:
    conversation = state.conversations.get(arguments.text("channel"))
    if conversation is None:
        raise SlackError("channel_not_found")
    state.require("im:history" if conversation.is_direct else "channels:history")
    if not conversation.bot_is_member:
        raise SlackError("not_in_channel")
    return conversation


def _within(messages: list[Message], arguments: Arguments) -> list[Message]:
    """Keep what lies between `oldest` and `latest`; the ends themselves only if `inclusive`."""
    oldest = microseconds_of(arguments.text("oldest") or "0", error="invalid_ts_oldest")
    latest = microseconds_of(arguments.text("latest") or "9" * 12, error="invalid_ts_latest")
    if arguments.flag("inclusive"):
        oldest, latest = oldest - 1, latest + 1
    return [
        message
        for message in messages
        if oldest < microseconds_of(message.ts, error="internal_error") < latest
    ]


def _page(messages: list[Message], arguments: Arguments) -> tuple[list[Message], Json]:
    limit = min(arguments.number("limit", _DEFAULT_LIMIT), _MAX_LIMIT) or _DEFAULT_LIMIT
    start = _position(arguments.text("cursor"))
    end = start + limit
    if end >= len(messages):
        return messages[start:], {"has_more": False}
    cursor = base64.b64encode(f"next:{end}".encode()).decode()
    return messages[start:end], {
        "has_more": True,
        "response_metadata": {"next_cursor": cursor},
    }


def _position(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).removeprefix(b"next:"))
    except ValueError as exc:
        raise SlackError("invalid_cursor") from exc
