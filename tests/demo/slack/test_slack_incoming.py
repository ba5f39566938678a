"""The incoming webhook, and how its attachments are shown."""

from typing import Any

import httpx
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from demo.plain import PLAIN
from demo.slack.control import SlackControl
from demo.slack.server import listening_aside
from demo.slack.state import SlackState

ADMINS = "C01GPUADMINS"
PATH = "/services/T01LAB/B01ALERTMANAGER/demo"
ALERT = {
    "title": "[FIRING:1] ExporterDown",
    "title_link": "http://alertmanager:9093/#/alerts?receiver=admins",
    "text": "*agent-a* has no samples since <!date^1795521600^{time}|12:00 UTC>.",
    "fallback": "[FIRING:1] ExporterDown | http://alertmanager:9093",
    "callback_id": "",
    "footer": "",
    "color": "danger",
    "mrkdwn_in": ["fallback", "pretext", "text"],
}


def as_alertmanager_sends(*attachments: object) -> dict[str, object]:
    return {
        "channel": "#gpu-admins",
        "username": "Alertmanager",
        "icon_emoji": ":bell:",
        "attachments": list(attachments),
    }


def post(url: str, body: object = None, path: str = PATH) -> tuple[int, str]:
    answer = httpx.post(f"{url}{path}", json=body or as_alertmanager_sends(ALERT), verify=PLAIN)
    return answer.status_code, answer.text


def shown(url: str, attachment: dict[str, Any]) -> str:
    """Post one attachment; return what the page makes of it."""
    assert post(url, {"attachments": [attachment]}) == (200, "ok")
    page = httpx.get(f"{url}/c/{ADMINS}", verify=PLAIN).raise_for_status().text
    return page.partition('<div class="messages">')[2]


def test_message_of_alertmanager_reaches_the_admins(url: str, control: SlackControl) -> None:
    answer = httpx.post(f"{url}{PATH}", json=as_alertmanager_sends(ALERT), verify=PLAIN)

    # Some versions of Alertmanager take anything but this for a failure.
    assert (answer.status_code, answer.text) == (200, "ok")
    assert answer.headers["content-type"].startswith("text/plain")
    [message] = control.messages("#gpu-admins")
    assert (message.author, message.text, message.thread_ts) == ("Alertmanager", "", None)
    assert "[FIRING:1] ExporterDown" in message.shown
    assert "*agent-a* has no samples" in message.shown
    assert message.revisions[0].notification == ALERT["fallback"]


def test_plain_text_is_enough(url: str, control: SlackControl) -> None:
    assert post(url, {"text": "All is well."}) == (200, "ok")

    [message] = control.messages("#gpu-admins")
    assert (message.text, message.attachments) == ("All is well.", [])


def test_address_alone_decides_on_channel_and_author(url: str, control: SlackControl) -> None:
    wish = {"text": "hello", "channel": "U01ALICE", "username": "watchdog"}

    assert post(url, wish) == (200, "ok")

    [message] = control.messages()
    assert (message.channel, message.author) == ("#gpu-admins", "Alertmanager")


async def test_bot_reads_it_as_a_message_without_a_user(url: str, slack: AsyncWebClient) -> None:
    post(url)

    [message] = (await slack.conversations_history(channel=ADMINS))["messages"]

    assert (message["subtype"], message["bot_id"]) == ("bot_message", "B01ALERTMANAGER")
    assert "user" not in message
    assert message["attachments"][0]["title"] == ALERT["title"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(b"", "invalid_payload", id="nothing"),
        pytest.param(b"{", "invalid_payload", id="no JSON"),
        pytest.param(b'["text"]', "invalid_payload", id="no object"),
        pytest.param(b'{"text": {"a": 1}}', "invalid_payload", id="no text"),
        pytest.param(b'{"attachments": ["text"]}', "invalid_payload", id="no attachment"),
        pytest.param(b"{}", "no_text", id="no words"),
        pytest.param(b'{"text": "", "attachments": []}', "no_text", id="empty"),
        pytest.param(b'{"attachments": [{"fallback": "x"}]}', "no_text", id="nothing to show"),
    ],
)
def test_what_says_nothing_is_refused(
    url: str, control: SlackControl, content: bytes, error: str
) -> None:
    answer = httpx.post(f"{url}{PATH}", content=content, verify=PLAIN)

    assert (answer.status_code, answer.text) == (400, error)
    assert control.messages() == []


def test_more_than_a_hundred_attachments_are_refused(url: str, control: SlackControl) -> None:
    assert post(url, as_alertmanager_sends(*[ALERT] * 101)) == (400, "too_many_attachments")
    assert control.messages() == []
    assert post(url, as_alertmanager_sends(*[ALERT] * 100)) == (200, "ok")


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/services/T01LAB/B01ALERTMANAGER/guess", (403, "invalid_token")),
        ("/services/T01LAB/B01OTHER/demo", (404, "no_service")),
        ("/services/T01OTHER/B01ALERTMANAGER/demo", (404, "no_service")),
    ],
)
def test_whoever_does_not_know_the_address_says_nothing(
    url: str, control: SlackControl, path: str, answer: tuple[int, str]
) -> None:
    assert post(url, path=path) == answer
    assert control.messages() == []


def test_address_is_chosen_at_the_start() -> None:
    with listening_aside(SlackState(webhook=("T9", "B9", "hush"))) as url:
        assert post(url, path="/services/T9/B9/hush") == (200, "ok")
        assert post(url) == (404, "no_service")


def test_attachment_has_its_title_as_a_link_and_its_text_as_mrkdwn(url: str) -> None:
    page = shown(url, ALERT)

    href = 'href="http://alertmanager:9093/#/alerts?receiver=admins"'
    assert f"<h4><a {href}" in page
    assert ">[FIRING:1] ExporterDown</a></h4>" in page
    assert "<b>agent-a</b> has no samples since <time" in page
    assert "<strong>Alertmanager</strong>" in page
    assert str(ALERT["fallback"]) not in page


@pytest.mark.parametrize(
    ("color", "fill"),
    [
        ("good", "#2eb886"),
        ("warning", "#daa038"),
        ("danger", "#a30200"),
        ("#439FE0", "#439FE0"),
        ("439fe0", "#439fe0"),
        ("", "#dddddd"),
        ('"/><script>', "#dddddd"),
        ("url(http://elsewhere)", "#dddddd"),
    ],
)
def test_attachment_has_a_bar_of_its_colour(url: str, color: str, fill: str) -> None:
    page = shown(url, {"text": "x", "color": color})

    assert f'<rect width="100%" height="100%" fill="{fill}"/>' in page
    assert "elsewhere" not in page
    assert "style=" not in page, "the page's policy forbids it"


def test_what_is_not_named_as_mrkdwn_is_plain(url: str) -> None:
    field = {"title": "*title*", "value": "*value*", "short": True}
    attachment = {"text": "*text*", "pretext": "*pretext*", "fields": [field]}

    page = shown(url, attachment | {"mrkdwn_in": ["fields"]})

    assert "<b>value</b>" in page
    for word in ("*text*", "*pretext*", "*title*"):
        assert word in page


def test_pretext_fields_actions_and_footer_are_shown(url: str) -> None:
    attachment = {
        "pretext": "_before_",
        "fields": [
            {"title": "Agent", "value": "agent-a", "short": True},
            {"title": "Since", "value": "noon"},
        ],
        "actions": [
            {
                "type": "button",
                "text": "Silence",
                "url": "https://am/#/silences",
                "style": "danger",
            },
            {"type": "button", "text": "Dead end", "url": "javascript:alert(1)"},
        ],
        "footer": "cluster lab",
    }

    page = shown(url, attachment)

    assert '<p><i>before</i></p><div class="attachment">' in page
    assert "<div><b>Agent</b><br>agent-a</div>" in page
    assert '<div class="long"><b>Since</b><br>noon</div>' in page
    assert '<a class="button danger" href="https://am/#/silences"' in page
    assert '<button type="button" class="button" disabled>Dead end</button>' in page
    assert "javascript:" not in page
    assert "cluster lab" in page


@pytest.mark.parametrize("part", ["pretext", "title", "text", "footer"])
def test_untrusted_text_stays_text(url: str, part: str) -> None:
    page = shown(url, {part: "<script>alert(1)</script></article>"})

    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert page.count("</article>") == 1


@pytest.mark.parametrize(
    "attachment",
    [
        {"fields": [{"title": "<img src=x>", "value": "<img src=x>"}], "mrkdwn_in": ["fields"]},
        {"actions": [{"text": "<img src=x>", "url": 'https://x/"><img src=x>', "style": '"><img'}]},
        {"title": "x", "title_link": 'https://x/"><img src=x>'},
        {"title": "x", "title_link": "javascript:alert(1)"},
    ],
    ids=["field", "action", "link that breaks out", "link that runs"],
)
def test_nothing_breaks_out_of_its_place(url: str, attachment: dict[str, Any]) -> None:
    page = shown(url, attachment)

    assert "<img" not in page
    assert "javascript:" not in page
