"""The workspace as people see it: pure functions from the state to HTML."""

import html
from datetime import date
from zoneinfo import ZoneInfo

from demo.slack.attachment_html import render_attachments
from demo.slack.block_html import render_blocks
from demo.slack.model import Conversation, Message
from demo.slack.mrkdwn import Reader, mrkdwn, plain
from demo.slack.state import SlackState

_UTC = ZoneInfo("UTC")
_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Lab (simulated Slack)</title>
<link rel="stylesheet" href="/static/page.css">
<script src="/static/refresh.js" defer></script>
<noscript><meta http-equiv="refresh" content="2"></noscript>
</head>
<body id="page">
<nav><header><strong>Lab</strong><small>simulated Slack</small></header>{sidebar}</nav>
<main>{main}</main>
</body>
</html>
"""


def render_page(state: SlackState, conversation: Conversation | None) -> str:
    if conversation is None:
        main = '<header></header><div class="nothing">Nobody has said anything yet.</div>'
        return _FRAME.format(title="Lab", sidebar=_sidebar(state, None), main=main)
    title = html.escape(state.title(conversation))
    main = f"{_heading(state, conversation)}{_messages(state, conversation)}"
    return _FRAME.format(title=title, sidebar=_sidebar(state, conversation), main=main)


def latest_conversation(state: SlackState) -> Conversation | None:
    """Return where the newest message is."""
    spoken = [one for one in state.conversations.values() if one.messages]
    return max(spoken, key=lambda one: list(one.messages)[-1], default=None)


def _reader(state: SlackState, conversation: Conversation) -> Reader:
    """Direct messages are read by their user, channels in UTC."""
    owner = state.users.get(conversation.user_id or "")
    names = {user_id: user.username for user_id, user in state.users.items()}
    names |= {key: one.name for key, one in state.conversations.items() if one.name}
    return Reader(owner.timezone if owner else _UTC, state.now(), names)


def _sidebar(state: SlackState, current: Conversation | None) -> str:
    conversations = list(state.conversations.values())
    channels = [one for one in conversations if not one.is_direct]
    direct = [one for one in conversations if one.is_direct]
    return _group(state, "Channels", channels, current) + _group(
        state, "Direct messages", direct, current
    )


def _group(
    state: SlackState, title: str, group: list[Conversation], current: Conversation | None
) -> str:
    entries = "".join(_entry(state, one, chosen=one is current) for one in group)
    return f"<h2>{title}</h2><ul>{entries or '<li><small>none yet</small></li>'}</ul>"


def _entry(state: SlackState, conversation: Conversation, *, chosen: bool) -> str:
    mark = ' aria-current="page"' if chosen else ""
    title = html.escape(state.title(conversation).removeprefix("@"))
    count = len(conversation.messages)
    badge = f'<span class="count">{count}</span>' if count else ""
    href = html.escape(f"/c/{conversation.channel_id}")
    return f'<li><a href="{href}"{mark}><span>{title}</span>{badge}</a></li>'


def _heading(state: SlackState, conversation: Conversation) -> str:
    title = html.escape(state.title(conversation).removeprefix("@"))
    user = state.users.get(conversation.user_id or "")
    if user is None:
        return f"<header><strong>{title}</strong><small>times in UTC</small></header>"
    note = "deactivated" if user.deleted else f"times as {user.username} reads them"
    detail = html.escape(f"{note} ({user.timezone.key})")
    return f"<header><strong>{title}</strong><small>{detail}</small></header>"


def _messages(state: SlackState, conversation: Conversation) -> str:
    reader = _reader(state, conversation)
    parts: list[str] = []
    day: date | None = None
    for message in conversation.standing():
        local = message.posted_at.astimezone(reader.timezone)
        if local.date() != day:
            day = local.date()
            parts.append(f'<div class="day"><span>{local:%A, %B} {local.day}</span></div>')
        parts.append(_standing(state, conversation, message, reader))
    if not parts:
        return '<div class="nothing">Nothing has been said here yet.</div>'
    return f'<div class="messages">{"".join(parts)}</div>'


def _standing(
    state: SlackState, conversation: Conversation, message: Message, reader: Reader
) -> str:
    if not message.broadcast:
        return _message(state, message, reader, conversation.replies(message.ts))
    root = conversation.messages.get(message.thread_ts or "")
    said = mrkdwn(root.current.text.partition("\n")[0], reader) if root else "a deleted message"
    return _message(state, message, reader, note=f"replied to a thread: {said}")


def _message(
    state: SlackState,
    message: Message,
    reader: Reader,
    replies: list[Message] | None = None,
    *,
    note: str = "",
    prefix: str = "m",
) -> str:
    author = state.users[message.user_id]
    initial = html.escape(author.username[:1].upper())
    badge = '<span class="app">APP</span>' if author.is_bot else ""
    local = message.posted_at.astimezone(reader.timezone)
    kind = "bot" if author.is_bot else "person"
    thread = "".join(_message(state, reply, reader, prefix="r") for reply in replies or ())
    above = f'<div class="note">{note}</div>' if note else ""
    return (
        f'<article id="{prefix}{html.escape(message.ts)}">'
        f'<div class="avatar {kind}">{initial}</div>'
        f'<div class="said"><div class="by"><strong>{html.escape(author.username)}</strong>{badge}'
        f'<time title="{message.posted_at:%Y-%m-%d %H:%M:%S} UTC">{local:%H:%M:%S}</time></div>'
        f"{above}{_body(message, reader)}{_thread(thread, len(replies or ()))}</div></article>"
    )


def _body(message: Message, reader: Reader) -> str:
    """Slack shows the text only where there are no blocks: else it is for notifications."""
    said = message.current
    if said.blocks:
        body = render_blocks(said.blocks, reader)
    else:
        body = f"<p>{mrkdwn(said.text, reader)}</p>" if said.text else ""
    body += render_attachments(said.attachments, reader)
    if not message.edited:
        return body
    at = said.at.astimezone(reader.timezone)
    changes = len(message.revisions) - 1
    often = "once" if changes == 1 else f"{changes} times"
    return f'{body}<div class="edited" title="{often}, last at {at:%H:%M:%S}">(edited)</div>'


def _thread(replies: str, count: int) -> str:
    if not count:
        return ""
    label = "1 reply" if count == 1 else f"{count} replies"
    return f'<div class="thread"><div class="replies">{plain(label)}</div>{replies}</div>'
