"""Attachments as HTML. Their text is untrusted, and their colours and addresses are, too."""

import re

from demo.slack.attachments import Attachment, AttachmentAction, AttachmentField
from demo.slack.mrkdwn import Reader, anchor, mrkdwn, plain

_COLORS = {"good": "#2eb886", "warning": "#daa038", "danger": "#a30200"}
_HEX = re.compile(r"#?([0-9a-fA-F]{6})")
_GREY = "#dddddd"
_SCHEMES = ("https://", "http://")


def render_attachments(attachments: tuple[Attachment, ...], reader: Reader) -> str:
    return "".join(_render(one, reader) for one in attachments)


def _render(one: Attachment, reader: Reader) -> str:
    above = f"<p>{_said('pretext', one.pretext, one, reader)}</p>" if one.pretext else ""
    title = f"<h4>{_title(one)}</h4>" if one.title else ""
    text = f"<p>{_said('text', one.text, one, reader)}</p>" if one.text else ""
    fields = "".join(_field(field, one, reader) for field in one.fields)
    actions = "".join(_action(action) for action in one.actions)
    parts = [
        title,
        text,
        f'<div class="fields">{fields}</div>' if fields else "",
        f'<div class="actions">{actions}</div>' if actions else "",
        f'<div class="context">{plain(one.footer)}</div>' if one.footer else "",
    ]
    return f'{above}<div class="attachment">{_bar(one.color)}{"".join(parts)}</div>'


def _said(name: str, text: str, one: Attachment, reader: Reader) -> str:
    return mrkdwn(text, reader) if name in one.mrkdwn_in else plain(text)


def _title(one: Attachment) -> str:
    title = plain(one.title)
    return anchor(one.title_link, title) if one.title_link.startswith(_SCHEMES) else title


def _field(field: AttachmentField, one: Attachment, reader: Reader) -> str:
    kind = "" if field.short else ' class="long"'
    value = _said("fields", field.value, one, reader)
    return f"<div{kind}><b>{plain(field.title)}</b><br>{value}</div>"


def _action(action: AttachmentAction) -> str:
    style = action.style if action.style in {"primary", "danger"} else ""
    kind = f"button {style}".strip()
    if action.url.startswith(_SCHEMES):
        return anchor(action.url, plain(action.text), kind=kind)
    return f'<button type="button" class="{kind}" disabled>{plain(action.text)}</button>'


def _bar(color: str) -> str:
    """Return the bar at the left. An attribute of SVG: the page's policy allows no inline style."""
    match = _HEX.fullmatch(color)
    fill = _COLORS.get(color) or (f"#{match[1]}" if match else _GREY)
    return (
        '<svg class="bar" aria-hidden="true">'
        f'<rect width="100%" height="100%" fill="{fill}"/></svg>'
    )
