"""What people wrote, in messages: it stays text."""

import re
import unicodedata
from dataclasses import replace

import pytest

from app.adapters.slack_messages import render
from app.adapters.slack_text import clean, code, escape, link, quoted_lines
from app.domain.actions import MessageKind
from app.domain.incident import Hold, IncidentState
from app.domain.reasons import Reason
from tests.adapters.conftest import LINKS
from tests.adapters.slack_examples import (
    DEADLINE,
    TEXTS,
    assert_can_be_rewritten,
    assert_fits,
    incident,
    notice,
    said,
)

HOSTILE = {
    "mention": "<!channel> <@U123> @here",
    "link": "<https://evil.example|Click> https://evil.example",
    "markup": "*bold* _it_ ~no~ </a><script>alert(1)</script>",
    "code": "`` ` ```end``` `",
    "lines": "one\ntwo\r\n\n> three\u2028four\x0bfive",
    "bidi": "\u202egnp.exe\u202c \u2066x\u2069 \u200f",
    "invisible": "a\u200bb\x00c\x1b[31md\ufeff",
    "long": "x" * 4_000,
    "long and escaped": "&<>" * 1_400,
    "long and of many bytes": "\U0001f642" * 4_000,
    "entities": "&amp; &lt;!channel&gt;",
    "empty": "",
    "only backticks": "````",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("kind", MessageKind)
def test_hostile_text_stays_text(kind: MessageKind, text: str) -> None:
    held = incident(IncidentState.HELD)
    holds = (Hold(Reason.SILENCED, by=text, until=DEADLINE, detail=text),) * 10
    for about in (
        incident(name=text),
        replace(incident(), annotations=dict.fromkeys(TEXTS, text)),
        replace(held, holds=holds),
        replace(held, identity=replace(held.identity, username=text)),
    ):
        message = render(notice(kind, about, text=text or "x"), LINKS)

        assert_fits(message)
        assert_harmless(said(message))
        if kind is MessageKind.STATUS:
            assert_can_be_rewritten(message)


def assert_harmless(text: str) -> None:
    """Let no mark-up through but our own dates and links, and nothing that nobody sees."""
    ours = re.compile(r"<!date\^\d+\^[^<>|]*\|[^<>|]*>|<https?://[^<>| `]*\|[^<>|`]*>")
    rest = ours.sub("", text)
    assert "<" not in rest, rest
    assert ">" not in rest, rest
    assert "<https://evil.example" not in text
    strange = [c for c in text if c != "\n" and unicodedata.category(c).startswith("C")]
    assert strange == []
    for line in text.split("\n"):
        assert line.count("`") % 2 == 0, f"code is left open: {line}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a & b < c > d", "a &amp; b &lt; c &gt; d"),
        ("&amp;", "&amp;amp;"),
        ("\"quotes\" 'and' *stars*", "\"quotes\" 'and' *stars*"),
    ],
)
def test_three_characters_are_escaped_and_no_other(text: str, shown: str) -> None:
    assert escape(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("JupyterLab (brave-otter)", "`JupyterLab (brave-otter)`"),
        ("a`b\nc", "`ab c`"),
        ("\u202eabc", "`abc`"),
        ("日本語 é 🙂", "`日本語 é 🙂`"),
        ("x" * 81, f"`{'x' * 79}…`"),
        ("x" * 80, f"`{'x' * 80}`"),
        ("```", "(without a name)"),
    ],
)
def test_name_becomes_code(text: str, shown: str) -> None:
    assert code(text) == shown


def test_text_is_cut_before_it_is_escaped() -> None:
    """An entity cut in two would show as something else."""
    assert code("&" * 100, limit=3) == "`&amp;&amp;…`"
    assert clean("one  two\tthree", 20) == "one two three"


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("one\ntwo\rthree", 20, "one\ntwo three"),
        ("one\ntwo", 5, "one\n…"),
        ("one\ntwo", 4, "one"),
        ("one\n<&>\ntwo", 40, "one\n&lt;&amp;&gt;\ntwo"),
    ],
)
def test_lines_are_kept_and_fit_together(text: str, limit: int, shown: str) -> None:
    assert quoted_lines(text, limit) == shown
    assert len(shown) <= limit


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "grafana",
        "http://",
        "http://[",
        f"https://x/{'a' * 2_000}",
    ],
)
def test_what_is_no_address_of_the_web_is_no_link(url: str) -> None:
    assert link(url, "Dashboard") == ""


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://x/?a=b&c=d", "https://x/?a=b&amp;c=d"),
        ("https://x/a|b>c<d e", "https://x/a%7Cb%3Ec%3Cd%20e"),
        ("https://x/%7Ba%7D#b", "https://x/%7Ba%7D#b"),
        ("http://[::1]:9093/", "http://[::1]:9093/"),
    ],
)
def test_address_cannot_leave_its_link(url: str, target: str) -> None:
    assert link(url, "Words") == f"<{target}|Words>"
