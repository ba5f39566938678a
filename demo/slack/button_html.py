"""Buttons and menus as HTML, which work without a script. Their texts are untrusted."""

import hashlib
import html
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from demo.slack.interactions import Element
from demo.slack.model import Json
from demo.slack.mrkdwn import Reader, anchor, mrkdwn, plain

_DEAD = '<button type="button" class="{kind}" disabled>{label}</button>'


@dataclass(frozen=True, slots=True)
class Place:
    """Where elements stand, and who would press them."""

    channel_id: str
    ts: str
    username: str
    prefix: str = ""
    """Tells apart two copies of one message on a page."""

    @property
    def action(self) -> str:
        return f"/c/{quote(self.channel_id)}/press"

    def fields(self, element: Element, option: str) -> dict[str, str]:
        return {
            "as": self.username,
            "ts": self.ts,
            "block_id": element.block_id,
            "action_id": element.action_id,
            "option": option,
        }

    def told(self, element: Element, option: str) -> str:
        """Return the address that presses an element."""
        return f"{self.action}?{urlencode(self.fields(element, option))}"


def render_element(element: Element, reader: Reader, place: Place | None) -> str:
    """Return a button or a menu. Where there is nobody to press it, it shows that it is dead."""
    if element.shape["type"] == "overflow":
        return _menu(element, reader, place)
    shape = element.shape
    kind = f"button {html.escape(shape.get('style') or '')}".strip()
    return _control(element, shape, reader, place, kind=kind)


def _menu(element: Element, reader: Reader, place: Place | None) -> str:
    if place is None:
        return _DEAD.format(kind="button", label="⋯")
    name = _name(place, element, "menu")
    options = "".join(
        f"<li>{_control(element, one, reader, place, kind='option')}</li>"
        for one in element.options
    )
    return (
        f'<button type="button" class="button" aria-label="More" popovertarget="{name}">⋯</button>'
        f'<ul popover id="{name}" class="options">{options}</ul>'
    )


def _control(
    element: Element, shape: Json, reader: Reader, place: Place | None, *, kind: str
) -> str:
    """Return a button, or one option of a menu: what has a text, and perhaps an address."""
    label = plain(shape["text"]["text"])
    option = "" if shape is element.shape else shape.get("value") or shape["text"]["text"]
    url = shape.get("url", "")
    if url:
        return _link(url, label, place.told(element, option) if place else "", kind=kind)
    if place is None:
        return _DEAD.format(kind=kind, label=label)
    confirm = element.shape.get("confirm")
    if not confirm:
        return _form(place, element, option, f'<button class="{kind}">{label}</button>')
    name = _name(place, element, option)
    opener = f'<button type="button" class="{kind}" popovertarget="{name}">{label}</button>'
    return _form(place, element, option, opener + _dialog(name, confirm, reader))


def _link(url: str, label: str, ping: str, *, kind: str) -> str:
    """Slack tells the app of a link that was followed, too."""
    if not url.startswith(("https://", "http://")):
        return _DEAD.format(kind=kind, label=label)
    return anchor(url, label, kind=kind, ping=ping)


def _form(place: Place, element: Element, option: str, inner: str) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
        for name, value in place.fields(element, option).items()
    )
    return f'<form method="post" action="{html.escape(place.action)}">{hidden}{inner}</form>'


def _dialog(name: str, confirm: Json, reader: Reader) -> str:
    said = confirm["text"]
    text = mrkdwn(said["text"], reader) if said["type"] == "mrkdwn" else plain(said["text"])
    style = html.escape(confirm.get("style") or "primary")
    return (
        f'<dialog popover id="{name}" aria-labelledby="{name}t">'
        f'<h3 id="{name}t">{plain(confirm["title"]["text"])}</h3><p>{text}</p>'
        '<div class="actions">'
        f'<button type="button" class="button" popovertarget="{name}" popovertargetaction="hide"'
        f" autofocus>{plain(confirm['deny']['text'])}</button>"
        f'<button class="button {style}">{plain(confirm["confirm"]["text"])}</button>'
        "</div></dialog>"
    )


def _name(place: Place, element: Element, part: str) -> str:
    """Return an id that is unique on the page, and nothing of what the app has written."""
    basis = repr((place.prefix, place.ts, element.block_id, element.action_id, part))
    return "p" + hashlib.sha256(basis.encode()).hexdigest()[:16]
