"""Text for Slack's mrkdwn. Everything that a person wrote goes through here."""

import re
import unicodedata
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

_LONGEST_URL = 1_500
# What delimits links in mrkdwn, and what an address never holds unescaped.
_SAFE_IN_URL = "%/:?#[]@!$&'()*+,;=~"
_MARKED_UP = re.compile(r"<(?:!date|https?:)[^<>|]*\|([^<>|]*)>")


def escape(text: str) -> str:
    """Escape the three characters that mean something to Slack, and no other."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clean(text: str, limit: int) -> str:
    """Return one line of visible characters, at most `limit` of them; not escaped yet.

    Control, format and unassigned characters are left out: among them are those that turn the
    direction of writing, and those that nobody sees.
    """
    visible = "".join(
        " " if letter.isspace() else letter
        for letter in text
        if letter.isspace() or not unicodedata.category(letter).startswith("C")
    )
    line = " ".join(visible.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def quoted(text: str, limit: int) -> str:
    """Return text of a person as part of a sentence: neither mentions nor links come of it.

    `limit` is of characters as Slack counts them, after escaping.
    """
    line = clean(text, limit)
    while len(escape(line)) > limit:
        keep = len(line) * limit // len(escape(line)) - 1
        line = f"{line[:keep]}…"
    if line.count("`") % 2 or "```" in line:
        # Code that was left open, by whoever wrote it or by our cut, would take the rest with it.
        line = line.replace("`", "")
    return escape(line)


def quoted_lines(text: str, limit: int) -> str:
    """Return text of several lines, each as `quoted` would; together at most `limit` characters."""
    lines: list[str] = []
    for line in text.split("\n"):
        left = limit - sum(len(each) + 1 for each in lines)
        if left > 0:
            lines.append(quoted(line, left))
    return "\n".join(lines)


def code(text: str, limit: int = 80) -> str:
    """Return a name as inline code, in which nothing is formatted."""
    name = clean(text.replace("`", ""), limit)
    return f"`{escape(name)}`" if name else "(without a name)"


def date(at: datetime) -> str:
    """Return a time in the reader's own time zone; where that fails, in UTC."""
    utc = f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} at {{time}}|{utc}>"


def link(url: str, words: str) -> str:
    """Return a link; nothing for what is no address of the web."""
    if len(url) > _LONGEST_URL:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return ""
    return f"<{escape(quote(url, safe=_SAFE_IN_URL))}|{escape(words)}>"


def plain(text: str) -> str:
    """Return our own mrkdwn as it is to be read where nothing formats it: times are in UTC."""
    return _MARKED_UP.sub(r"\1", text)
