"""The methods that write: `chat.postMessage`, `chat.postEphemeral` and `chat.update`."""

from demo.slack.arguments import Arguments
from demo.slack.block_kit import check_blocks, check_metadata
from demo.slack.errors import SlackError
from demo.slack.model import Conversation, Json, Message, Revision
from demo.slack.shapes import message_object
from demo.slack.state import SlackState

MAX_POSTED_TEXT = 40_000
"""Characters. What is longer is cut without a word."""
MAX_UPDATED_TEXT = 4_000
"""Bytes. What is longer is refused, although the same text could be posted."""


def post_message(state: SlackState, arguments: Arguments) -> Json:
    conversation = _writable(state, arguments.required("channel", error="channel_not_found"))
    said = revision(state, arguments)
    thread_ts = parent_ts(conversation, arguments.text("thread_ts"))
    message = state.post(
        conversation,
        said,
        thread_ts=thread_ts,
        client_msg_id=arguments.text("client_msg_id") or None,
        # Outside a thread there is nothing to broadcast, and Slack does not mind.
        broadcast=thread_ts is not None and arguments.flag("reply_broadcast"),
    )
    return _echo(message)


def post_ephemeral(state: SlackState, arguments: Arguments) -> Json:
    """Tell one person alone. Nothing can read, update or answer it later."""
    conversation = _writable(state, arguments.required("channel", error="channel_not_found"))
    user = state.users.get(arguments.text("user"))
    if user is None or user.deleted or conversation.user_id not in {None, user.user_id}:
        raise SlackError("user_not_in_channel")
    message = state.post(
        conversation,
        revision(state, arguments),
        thread_ts=parent_ts(conversation, arguments.text("thread_ts")),
        visible_to=user.user_id,
    )
    return {"message_ts": message.ts}


def update(state: SlackState, arguments: Arguments) -> Json:
    """Replace the text. Blocks and metadata that are not given stay; empty ones take them away."""
    channel_id = arguments.required("channel", error="channel_not_found")
    conversation = state.conversations.get(channel_id)
    if conversation is None:
        raise SlackError("channel_not_found")
    message = conversation.messages.get(arguments.text("ts"))
    if message is None:
        raise SlackError("message_not_found")
    if message.user_id != state.bot.user_id:
        raise SlackError("cant_update_message")
    if len(arguments.text("text").encode()) > MAX_UPDATED_TEXT:
        raise SlackError("msg_too_long")
    message.revisions.append(revision(state, arguments, before=message.current))
    return _echo(message) | {"text": message.current.text}


def revision(
    state: SlackState, arguments: Arguments, *, before: Revision | None = None
) -> Revision:
    """
    Raises:
        SlackError: it says nothing, or something that Slack does not take.
    """
    text = arguments.text("text")[:MAX_POSTED_TEXT]
    found = arguments.structure("blocks", error="invalid_blocks_format")
    blocks = before.blocks if found is None and before else check_blocks(found)
    if not text and not found:
        raise SlackError("no_text")
    found = arguments.structure("metadata", error="invalid_metadata_format")
    metadata = before.metadata if found is None and before else check_metadata(found)
    return Revision(state.now(), text, blocks, metadata)


def _writable(state: SlackState, channel: str) -> Conversation:
    """Return the conversation; a user's id stands for the direct messages with that user.

    To somebody who was deactivated Slack delivers without an error.
    """
    if channel in state.users:
        return state.open_direct(state.users[channel])
    conversation = state.conversations.get(channel) or _channel_named(state, channel)
    if conversation is None:
        raise SlackError("channel_not_found")
    if not conversation.bot_is_member and "chat:write.public" not in state.scopes:
        raise SlackError("not_in_channel")
    return conversation


def _channel_named(state: SlackState, name: str) -> Conversation | None:
    wanted = name.removeprefix("#")
    found = (one for one in state.conversations.values() if one.name == wanted)
    return next(found, None)


def parent_ts(conversation: Conversation, thread_ts: str) -> str | None:
    """
    Raises:
        SlackError: there is nothing that could be replied to.
    """
    if not thread_ts:
        return None
    parent = conversation.messages.get(thread_ts)
    if parent is None or parent.thread_ts is not None:
        raise SlackError("cannot_reply_to_message")
    return thread_ts


def _echo(message: Message) -> Json:
    return {
        "channel": message.channel_id,
        "ts": message.ts,
        "message": message_object(message),
    }
