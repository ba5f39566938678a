"""Text as people see it, and untrusted text that does nothing."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from demo.slack.block_html import render_blocks
from demo.slack.model import Json
from demo.slack.mrkdwn import Reader, format_date, mrkdwn, plain

READER = Reader(
    ZoneInfo("America/New_York"),
    datetime(2026, 11, 24, 12, tzinfo=UTC),
    {"U01ALICE": "alice", "C01GPUADMINS": "gpu-admins"},
)
NOON = 1795521600
REL = 'target="_blank" rel="noopener noreferrer nofollow"'


class Markup(HTMLParser):
    """What a browser finds in a piece of HTML."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.addresses += [value or "" for name, value in attrs if name == "href"]
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes what is not open"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*bold* _italic_ ~struck~", "<b>bold</b> <i>italic</i> <s>struck</s>"),
        ("*bold and _italic_*", "<b>bold and <i>italic</i></b>"),
        ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
        ("`*code*`", "<code>*code*</code>"),
        ("```\na\n b\n```", "<pre>a\n b</pre>"),
        ("one\ntwo", "one<br>two"),
        ("&gt; quoted\nnot", "<q>quoted</q>not"),
        ("Tom &amp; Jerry &lt;3", "Tom &amp; Jerry &lt;3"),
        (
            "<https://a.example/?x=1&amp;y=2|there>",
            f'<a href="https://a.example/?x=1&amp;y=2" {REL}>there</a>',
        ),
        ("<https://a.example>", f'<a href="https://a.example" {REL}>https://a.example</a>'),
        ("<@U01ALICE>", '<span class="mention">@alice</span>'),
        ("<#C01GPUADMINS>", '<span class="mention">#gpu-admins</span>'),
        ("<!here>", '<span class="mention broadcast">@here</span>'),
        (":warning: :unheard_of:", "⚠️ :unheard_of:"),
    ],
)
def test_mrkdwn_is_shown_as_slack_shows_it(text: str, shown: str) -> None:
    assert mrkdwn(text, READER) == shown


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "`<script>`",
        "</a></article>",
        "*<script>*",
        "<https://a.example|<script>alert(1)</script>>",
        '<https://a.example/"onclick="alert(1)|x>',
        "<javascript:alert(1)|click>",
        "<data:text/html;base64,AAAA|click>",
        "<@U01ALICE|<script>>",
        "<!date^1^{date}^javascript:alert(1)|x>",
        "<!date^1^<script>|x>",
        "<!date^99999999999999999999^{date}|<script>>",
        '"><img src=x onerror=alert(1)>',
        "\ue0000\ue001 \ue0001\ue001",
        "<https://a.example/&#57344;0&#57345;|x>",
    ],
)
def test_untrusted_text_brings_no_markup(text: str) -> None:
    markup = Markup(mrkdwn(text, READER))

    assert set(markup.tags) <= {"a", "b", "br", "code", "i", "pre", "q", "s", "span", "time"}
    assert set(markup.attributes) <= {"class", "datetime", "href", "rel", "target", "title"}
    assert all(address.startswith("https://a.example") for address in markup.addresses)
    assert not markup.open, "every element is closed"


@pytest.mark.parametrize("text", ["&lt;!channel&gt;", "`&lt;!channel&gt;`"])
def test_escaped_mention_mentions_nobody(text: str) -> None:
    shown = mrkdwn(text, READER)

    assert "&lt;!channel&gt;" in shown
    assert "mention" not in shown


def test_mention_that_was_not_escaped_works_even_in_code() -> None:
    assert "mention broadcast" in mrkdwn("`<!channel>`", READER)


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{date_short_pretty} at {time}", "today at 07:00"),
        ("{date_num} {time_secs}", "2026-11-24 07:00:00"),
        ("{date_long}", "Tuesday, November 24, 2026"),
        ("{date} / {date_short}", "November 24, 2026 / Nov 24, 2026"),
    ],
)
def test_date_is_in_the_reader_s_time_zone(template: str, shown: str) -> None:
    text = f"<!date^{NOON}^{template}|noon>"

    assert f">{shown}</time>" in mrkdwn(text, READER)


@pytest.mark.parametrize(
    ("day", "shown"), [(22, "Nov 22, 2026"), (23, "yesterday"), (25, "tomorrow")]
)
def test_pretty_date_names_the_days_around_today(day: int, shown: str) -> None:
    at = datetime(2026, 11, day, 12, tzinfo=UTC)

    assert format_date(at, "{date_short_pretty}", READER) == shown


def test_date_may_be_a_link() -> None:
    shown = mrkdwn(f"<!date^{NOON}^{{time}}^https://a.example|noon>", READER)

    assert shown.startswith(f'<a href="https://a.example" {REL}><time ')


def test_plain_text_has_emoji_and_nothing_else() -> None:
    assert plain(":bell: *x* <!here>") == "🔔 *x* &lt;!here&gt;"


def text(content: str, kind: str = "mrkdwn") -> Json:
    return {"type": kind, "text": content}


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        ({"type": "header", "text": text("*Hi*", "plain_text")}, "<h3>*Hi*</h3>"),
        ({"type": "divider"}, "<hr>"),
        ({"type": "section", "text": text("*Hi*")}, "<p><b>Hi</b></p>"),
        (
            {"type": "section", "fields": [text("a"), text("b")]},
            '<div class="fields"><div>a</div><div>b</div></div>',
        ),
        (
            {"type": "context", "elements": [text("_a_")]},
            '<div class="context"><span><i>a</i></span></div>',
        ),
        (
            {"type": "image", "image_url": "https://a.example/i.png", "alt_text": "<b>"},
            '<div class="image"><span class="alt">&lt;b&gt;</span></div>',
        ),
    ],
)
def test_block_is_shown(block: Json, shown: str) -> None:
    assert render_blocks((block,), READER) == shown


def test_button_without_an_address_is_disabled() -> None:
    keep = {"type": "button", "text": text("Keep", "plain_text"), "style": "primary"}
    link = {"type": "button", "text": text("Open", "plain_text"), "url": "https://a.example"}
    trap = {"type": "button", "text": text("Trap", "plain_text"), "url": "javascript:alert(1)"}

    shown = render_blocks(({"type": "actions", "elements": [keep, link, trap]},), READER)

    assert '<button type="button" class="button primary" disabled>Keep</button>' in shown
    assert f'<a class="button" href="https://a.example" {REL}>Open</a>' in shown
    assert '<button type="button" class="button" disabled>Trap</button>' in shown
