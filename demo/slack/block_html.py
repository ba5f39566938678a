"""Blocks as HTML. They were validated when they came; their text is untrusted."""

import html

from demo.slack.button_html import Place, render_element
from demo.slack.interactions import elements_of
from demo.slack.model import Json
from demo.slack.mrkdwn import Reader, mrkdwn, plain


def render_blocks(blocks: tuple[Json, ...], reader: Reader, place: Place | None = None) -> str:
    """`place` is None where nobody can press a button."""
    return "".join(_render(block, reader, place) for block in blocks)


def _render(block: Json, reader: Reader, place: Place | None) -> str:
    match block["type"]:
        case "header":
            return f"<h3>{_text(block['text'], reader)}</h3>"
        case "divider":
            return "<hr>"
        case "section":
            return _section(block, reader, place)
        case "context":
            parts = "".join(f"<span>{_element(one, reader)}</span>" for one in block["elements"])
            return f'<div class="context">{parts}</div>'
        case "actions":
            return f'<div class="actions">{_pressable(block, reader, place)}</div>'
        case "image":
            return f'<div class="image">{_image(block)}</div>'
    raise ValueError(f"no rendering for a block of type {block['type']}")


def _section(block: Json, reader: Reader, place: Place | None) -> str:
    body = f"<p>{_text(block['text'], reader)}</p>" if block.get("text") else ""
    if block.get("fields"):
        fields = "".join(f"<div>{_text(one, reader)}</div>" for one in block["fields"])
        body += f'<div class="fields">{fields}</div>'
    if block.get("accessory"):
        accessory = _pressable(block, reader, place) or _image(block["accessory"])
        return f'<div class="section"><div>{body}</div><div>{accessory}</div></div>'
    return body


def _element(element: Json, reader: Reader) -> str:
    if element["type"] == "image":
        return _image(element)
    return _text(element, reader)


def _pressable(block: Json, reader: Reader, place: Place | None) -> str:
    return "".join(render_element(one, reader, place) for one in elements_of(block))


def _image(image: Json) -> str:
    """Show what the image shows, in words: the page loads nothing from elsewhere."""
    return f'<span class="alt">{html.escape(image["alt_text"])}</span>'


def _text(part: Json, reader: Reader) -> str:
    return mrkdwn(part["text"], reader) if part["type"] == "mrkdwn" else plain(part["text"])
