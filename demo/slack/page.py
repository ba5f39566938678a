"""The workspace as people see it: pure functions from the state to HTML."""

import html
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from demo.slack.attachment_html import render_attachments
from demo.slack.block_html import render_blocks
from demo.slack.button_html import Place
from demo.slack.model import Conversation, Message, User
from demo.slack.mrkdwn import Reader, mrkdwn, plain
from demo.slack.state import SlackState

_UTC = ZoneInfo("UTC")
_CURRENT = ' aria-current="page"'
_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Lab (simulated Slack)</title>
<link rel="stylesheet" href="/static/page.css">
<script src="/static/refresh.js" defer></script>
<noscript><meta http-equiv="refresh" content="10"></noscript>
</head>
<body id="page">
<nav><header><strong>Lab</strong><small>simulated Slack</small></header>{sidebar}</nav>
<main>{main}</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class _View:
    """A conversation as somebody sees it."""

    state: SlackState
    conversation: Conversation
    viewer: User | None
    """None: nobody in particular, who can press nothing."""
    reader: Reader


def render_page(
    state: SlackState, conversation: Conversation | None, viewer: User | None = None
) -> str:
    """Direct messages are always seen by their owner, channels by the viewer."""
    if conversation is None:
        main = '<header></header><div class="nothing">Nobody has said anything yet.</div>'
        return _FRAME.format(title="Lab", sidebar=_sidebar(state, None), main=main)
    viewer = state.users.get(conversation.user_id or "", viewer)
    view = _View(state, conversation, viewer, _reader(state, viewer))
    title = html.escape(state.title(conversation))
    main = f"{_heading(view)}{_messages(view)}"
    return _FRAME.format(title=title, sidebar=_sidebar(state, conversation), main=main)


def latest_conversation(state: SlackState) -> Conversation | None:
    """Return where the newest message is."""
    spoken = [one for one in state.conversations.values() if one.messages]
    return max(spoken, key=lambda one: list(one.messages)[-1], default=None)


def _reader(state: SlackState, viewer: User | None) -> Reader:
    """Nobody in particular reads in UTC."""
    names = {user_id: user.username for user_id, user in state.users.items()}
    names |= {key: one.name for key, one in state.conversations.items() if one.name}
    return Reader(viewer.timezone if viewer else _UTC, state.now(), names)


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
    mark = _CURRENT if chosen else ""
    title = html.escape(state.title(conversation).removeprefix("@"))
    count = len(conversation.messages)
    badge = f'<span class="count">{count}</span>' if count else ""
    href = html.escape(f"/c/{conversation.channel_id}")
    return f'<li><a href="{href}"{mark}><span>{title}</span>{badge}</a></li>'


def _heading(view: _View) -> str:
    title = html.escape(view.state.title(view.conversation).removeprefix("@"))
    who = "" if view.conversation.is_direct else _readers(view)
    viewer = view.viewer
    if viewer is None:
        return f"<header><strong>{title}</strong><small>times in UTC</small>{who}</header>"
    note = "deactivated" if viewer.deleted else f"times as {viewer.username} reads them"
    detail = html.escape(f"{note} ({viewer.timezone.key})")
    return f"<header><strong>{title}</strong><small>{detail}</small>{who}</header>"


def _readers(view: _View) -> str:
    """Let one choose as whom to read a channel: somebody has to press its buttons."""
    people = [one for one in view.state.users.values() if not one.is_bot and not one.deleted]
    links = " ".join(
        f'<a href="?{html.escape(urlencode({"as": one.username}))}"'
        f"{_CURRENT if one is view.viewer else ''}>{html.escape(one.username)}</a>"
        for one in people
    )
    return f'<small class="readers">read as {links}</small>'


def _messages(view: _View) -> str:
    parts: list[str] = []
    day: date | None = None
    for message in _seen(view, view.conversation.standing(), thread_ts=None):
        local = message.posted_at.astimezone(view.reader.timezone)
        if local.date() != day:
            day = local.date()
            parts.append(f'<div class="day"><span>{local:%A, %B} {local.day}</span></div>')
        parts.append(_standing(view, message))
    if not parts:
        return '<div class="nothing">Nothing has been said here yet.</div>'
    return f'<div class="messages">{"".join(parts)}</div>'


def _seen(view: _View, messages: list[Message], *, thread_ts: str | None) -> list[Message]:
    """Return the messages with those between them that only the viewer sees."""
    private = [
        one
        for one in view.conversation.ephemeral.values()
        if view.viewer and one.visible_to == view.viewer.user_id and one.thread_ts == thread_ts
    ]
    return sorted([*messages, *private], key=lambda one: one.ts)


def _standing(view: _View, message: Message) -> str:
    if not message.broadcast:
        replies = view.conversation.replies(message.ts)
        thread = _seen(view, replies, thread_ts=message.ts)
        return _message(view, message, thread)
    root = view.conversation.messages.get(message.thread_ts or "")
    line = root.current.text.partition("\n")[0] if root else "a deleted message"
    note = f"replied to a thread: {mrkdwn(line, view.reader)}"
    return _message(view, message, note=note)


def _message(
    view: _View,
    message: Message,
    replies: list[Message] | None = None,
    *,
    note: str = "",
    prefix: str = "m",
) -> str:
    author = view.state.users[message.user_id]
    initial = html.escape(author.username[:1].upper())
    badge = '<span class="app">APP</span>' if author.is_bot else ""
    local = message.posted_at.astimezone(view.reader.timezone)
    kind = "bot" if author.is_bot else "person"
    thread = "".join(_message(view, reply, prefix="r") for reply in replies or ())
    note = "Only visible to you" if message.visible_to else note
    above = f'<div class="note">{note}</div>' if note else ""
    said = f"{above}{_body(view, message, prefix)}{_thread(thread, len(replies or ()))}"
    return (
        f'<article id="{prefix}{html.escape(message.ts)}">'
        f'<div class="avatar {kind}">{initial}</div>'
        f'<div class="said"><div class="by"><strong>{html.escape(author.username)}</strong>{badge}'
        f'<time title="{message.posted_at:%Y-%m-%d %H:%M:%S} UTC">{local:%H:%M:%S}</time></div>'
        f"{said}</div></article>"
    )


def _body(view: _View, message: Message, prefix: str) -> str:
    """Slack shows the text only where there are no blocks: else it is for notifications."""
    said, reader = message.current, view.reader
    if said.blocks:
        body = render_blocks(said.blocks, reader, _place(view, message, prefix))
    else:
        body = f"<p>{mrkdwn(said.text, reader)}</p>" if said.text else ""
    body += render_attachments(said.attachments, reader)
    warning = view.state.warning(view.viewer, message) if view.viewer else ""
    if warning:
        body += f'<div class="failed" role="alert">⚠️ {html.escape(warning)}</div>'
    if not message.edited:
        return body
    at = said.at.astimezone(reader.timezone)
    changes = len(message.revisions) - 1
    often = "once" if changes == 1 else f"{changes} times"
    return f'{body}<div class="edited" title="{often}, last at {at:%H:%M:%S}">(edited)</div>'


def _place(view: _View, message: Message, prefix: str) -> Place | None:
    if view.viewer is None or view.viewer.deleted:
        return None
    return Place(view.conversation.channel_id, message.ts, view.viewer.username, prefix)


def _thread(replies: str, count: int) -> str:
    if not count:
        return ""
    label = "1 reply" if count == 1 else f"{count} replies"
    return f'<div class="thread"><div class="replies">{plain(label)}</div>{replies}</div>'
