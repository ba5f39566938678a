"""Slack's mrkdwn as HTML, for one reader. All text is untrusted."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# Stand for what is already HTML while the text around it is worked on. They are private
# characters, which are taken out of every text first.
_OPEN, _CLOSE = "\ue000", "\ue001"
_PLACEHOLDER = re.compile(f"{_OPEN}(\\d+){_CLOSE}")

_CODE_BLOCK = re.compile(r"```(.+?)```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_CONTROL = re.compile(r"<([^<>\n]+)>")
_DATE = re.compile(r"!date\^(-?\d+)\^([^^|]+)(?:\^([^|]*))?\|(.*)")
_EMOJI = re.compile(r":([a-z0-9_+-]+):")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s\"'<>]+")
_QUOTE = re.compile(r"^&gt; ?(.*)$", re.MULTILINE)
_STYLES = tuple(
    (re.compile(rf"(?<![\w{mark}]){mark}(?=\S)([^{mark}\n]+?)(?<=\S){mark}(?![\w{mark}])"), tag)
    for mark, tag in ((r"\*", "b"), ("_", "i"), ("~", "s"))
)

EMOJI = {
    "alarm_clock": "⏰",
    "bell": "🔔",
    "bulb": "💡",
    "eyes": "👀",
    "hourglass": "⌛",
    "hourglass_flowing_sand": "⏳",
    "information_source": "ℹ️",
    "mute": "🔇",
    "no_bell": "🔕",
    "octagonal_sign": "🛑",
    "pause_button": "⏸️",
    "rotating_light": "🚨",
    "thread": "🧵",
    "wave": "👋",
    "warning": "⚠️",
    "white_check_mark": "✅",
    "x": "❌",
    "zzz": "💤",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at the page, and when."""

    timezone: ZoneInfo
    now: datetime
    names: Mapping[str, str]
    """Of users and channels, by id."""


def plain(text: str) -> str:
    """Render a `plain_text`: emoji, and nothing else."""
    return _breaks(_emoji(html.escape(text)))


def mrkdwn(text: str, reader: Reader) -> str:
    """Render a `mrkdwn` text, or the text of a message."""
    ready: list[str] = []

    def keep(markup: str) -> str:
        ready.append(markup)
        return f"{_OPEN}{len(ready) - 1}{_CLOSE}"

    def control(match: re.Match[str]) -> str:
        return keep(_control(match[1], reader))

    def code(match: re.Match[str], tag: str) -> str:
        # Slack follows links and mentions inside code, too.
        return keep(f"<{tag}>{_escape(_CONTROL.sub(control, match[1].strip(chr(10))))}</{tag}>")

    rest = text.replace(_OPEN, "").replace(_CLOSE, "")
    rest = _CODE_BLOCK.sub(lambda match: code(match, "pre"), rest)
    rest = _CODE.sub(lambda match: code(match, "code"), rest)
    rest = _emoji(_escape(_CONTROL.sub(control, rest)))
    for pattern, tag in _STYLES:
        rest = pattern.sub(rf"<{tag}>\1</{tag}>", rest)
    rest = _breaks(_QUOTE.sub(r"<q>\1</q>", rest))
    return _filled(rest, ready)


def anchor(address: str, label: str, *, kind: str = "", ping: str = "") -> str:
    """Return a link. The label is HTML already, the addresses are not.

    `ping` is told, with a POST, when somebody follows the link.
    """
    style = f' class="{kind}"' if kind else ""
    style += f' ping="{html.escape(ping)}"' if ping else ""
    url = html.escape(address)
    return f'<a{style} href="{url}" target="_blank" rel="noopener noreferrer nofollow">{label}</a>'


def format_date(at: datetime, template: str, reader: Reader) -> str:
    """Fill in Slack's date tokens, as plain text, in the reader's time zone."""
    local = at.astimezone(reader.timezone)
    tokens = {
        "{date_num}": f"{local:%Y-%m-%d}",
        "{date_slash}": f"{local:%d/%m/%Y}",
        "{date_long}": f"{local:%A, %B} {local.day}, {local:%Y}",
        "{date_short}": f"{local:%b} {local.day}, {local:%Y}",
        "{date}": f"{local:%B} {local.day}, {local:%Y}",
        "{time_secs}": f"{local:%H:%M:%S}",
        "{time}": f"{local:%H:%M}",
    }
    day = _relative_day(local, reader)
    for kind in ("date", "date_short", "date_long"):
        tokens[f"{{{kind}_pretty}}"] = day or tokens[f"{{{kind}}}"]
    for token, value in tokens.items():
        template = template.replace(token, value)
    return template


def _relative_day(local: datetime, reader: Reader) -> str | None:
    days = local.date() - reader.now.astimezone(reader.timezone).date()
    names = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    return names.get(days.days)


def _control(content: str, reader: Reader) -> str:
    """Render what stood between angle brackets."""
    if content.startswith("!date^"):
        return _date(content, reader)
    target, _, label = content.partition("|")
    if target.startswith(("@", "#")):
        name = label or reader.names.get(target[1:], target[1:])
        return _mention(target[0] + name)
    if target in {"!channel", "!here", "!everyone"}:
        return _mention(f"@{target[1:]}", broadcast=True)
    if target.startswith("!"):
        return _mention(label or target)
    if not _LINK.fullmatch(_unescape(target)):
        return _escape(f"<{content}>")
    return anchor(_unescape(target), _escape(label or target))


def _date(content: str, reader: Reader) -> str:
    match = _DATE.fullmatch(content)
    if match is None:
        return _escape(content)
    seconds, template, link, fallback = match.groups()
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(seconds))
        shown = format_date(at, _unescape(template), reader)
    except OverflowError:
        return _escape(fallback)
    stamp = f'<time datetime="{at.isoformat()}" title="{at:%Y-%m-%d %H:%M:%S} UTC">'
    text = f"{stamp}{html.escape(shown)}</time>"
    if not link or not _LINK.fullmatch(_unescape(link)):
        return text
    return anchor(_unescape(link), text)


def _mention(shown: str, *, broadcast: bool = False) -> str:
    kind = "mention broadcast" if broadcast else "mention"
    return f'<span class="{kind}">{_escape(shown)}</span>'


def _escape(text: str) -> str:
    """Escape for HTML what may be escaped for Slack already."""
    return html.escape(_unescape(text))


def _unescape(text: str) -> str:
    """Undo Slack's own escapes. Others are text, and must not become private characters."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _emoji(escaped: str) -> str:
    return _EMOJI.sub(lambda match: EMOJI.get(match[1], match[0]), escaped)


def _breaks(markup: str) -> str:
    return markup.replace("\n", "<br>").replace("</q><br>", "</q>")


def _filled(markup: str, ready: list[str]) -> str:
    """Put the finished parts in; they may hold others."""
    while _PLACEHOLDER.search(markup):
        markup = _PLACEHOLDER.sub(lambda match: ready[int(match[1])], markup)
    return markup
