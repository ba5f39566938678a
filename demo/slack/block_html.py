"""Blocks as HTML. They were validated when they came; their text is untrusted."""

import html

from demo.slack.model import Json
from demo.slack.mrkdwn import Reader, anchor, mrkdwn, plain


def render_blocks(blocks: tuple[Json, ...], reader: Reader) -> str:
    return "".join(_render(block, reader) for block in blocks)


def _render(block: Json, reader: Reader) -> str:
    match block["type"]:
        case "header":
            return f"<h3>{_text(block['text'], reader)}</h3>"
        case "divider":
            return "<hr>"
        case "section":
            return _section(block, reader)
        case "context":
            parts = "".join(f"<span>{_element(one, reader)}</span>" for one in block["elements"])
            return f'<div class="context">{parts}</div>'
        case "actions":
            elements = "".join(_element(one, reader) for one in block["elements"])
            return f'<div class="actions">{elements}</div>'
        case "image":
            return f'<div class="image">{_image(block)}</div>'
    raise ValueError(f"no rendering for a block of type {block['type']}")


def _section(block: Json, reader: Reader) -> str:
    body = f"<p>{_text(block['text'], reader)}</p>" if block.get("text") else ""
    if block.get("fields"):
        fields = "".join(f"<div>{_text(one, reader)}</div>" for one in block["fields"])
        body += f'<div class="fields">{fields}</div>'
    if block.get("accessory"):
        accessory = _element(block["accessory"], reader)
        return f'<div class="section"><div>{body}</div><div>{accessory}</div></div>'
    return body


def _element(element: Json, reader: Reader) -> str:
    if element["type"] == "image":
        return _image(element)
    if element["type"] == "button":
        return _button(element, reader)
    if element["type"] == "overflow":
        return '<button type="button" class="button" aria-label="More" disabled>⋯</button>'
    return _text(element, reader)


def _button(button: Json, reader: Reader) -> str:
    """Only what leads to an address does something."""
    label = _text(button["text"], reader)
    style = f"button {html.escape(button.get('style') or '')}".strip()
    url = button.get("url", "")
    if url.startswith(("https://", "http://")):
        return anchor(url, label, kind=style)
    return f'<button type="button" class="{style}" disabled>{label}</button>'


def _image(image: Json) -> str:
    """Show what the image shows, in words: the page loads nothing from elsewhere."""
    return f'<span class="alt">{html.escape(image["alt_text"])}</span>'


def _text(part: Json, reader: Reader) -> str:
    return mrkdwn(part["text"], reader) if part["type"] == "mrkdwn" else plain(part["text"])
