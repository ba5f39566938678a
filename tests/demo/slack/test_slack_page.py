"""The page on which people see the conversations."""

import asyncio
import html
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from demo.plain import PLAIN
from demo.slack.control import SlackControl
from tests.demo.slack.conftest import BLOCKS, Ears

Post = Callable[..., Awaitable[str]]
Browse = Callable[[str], httpx.Response]


@pytest.fixture
def browse(url: str) -> Browse:
    """Return a page by its path."""
    return lambda path: httpx.get(f"{url}{path}", verify=PLAIN)


@pytest.fixture
def page(browse: Browse, direct: str) -> Callable[[], str]:
    """Return the page of the direct messages with alice."""
    return lambda: browse(f"/c/{direct}").raise_for_status().text


async def test_page_lists_channels_and_direct_messages(page: Callable[[], str]) -> None:
    shown = page()

    assert '<a href="/c/C01GPUADMINS"><span>#gpu-admins</span></a>' in shown
    assert '<a href="/c/D01ALICE" aria-current="page"><span>alice</span></a>' in shown


async def test_first_page_is_where_the_newest_message_is(
    browse: Browse, slack: AsyncWebClient, post: Post
) -> None:
    await slack.chat_postMessage(channel="#gpu-admins", text="older")
    await post("newer")

    shown = browse("/").text

    assert "<p>newer</p>" in shown
    assert "<p>older</p>" not in shown


def test_first_page_of_a_silent_workspace_says_so(browse: Browse) -> None:
    assert "Nobody has said anything yet." in browse("/").text


async def test_message_is_shown_at_the_owner_s_time(page: Callable[[], str], post: Post) -> None:
    await post("hello")

    shown = page()

    assert "times as alice reads them (Europe/Berlin)" in shown
    assert '<time title="2026-11-24 12:00:00 UTC">13:00:00</time>' in shown


async def test_blocks_are_shown_instead_of_the_text(page: Callable[[], str], post: Post) -> None:
    header = {"type": "header", "text": {"type": "plain_text", "text": "Idle GPUs"}}
    await post("for the notification", blocks=[header])

    shown = page()

    assert "<h3>Idle GPUs</h3>" in shown
    assert "for the notification" not in shown


async def test_update_replaces_what_was_said(
    page: Callable[[], str], slack: AsyncWebClient, direct: str, post: Post
) -> None:
    ts = await post("before")

    await slack.chat_update(channel=direct, ts=ts, text="after")

    shown = page()
    assert "<p>after</p>" in shown
    assert "before" not in shown
    assert "(edited)" in shown


async def test_reply_stands_beneath_its_parent(page: Callable[[], str], post: Post) -> None:
    parent = await post("parent")
    await post("next")
    await post("reply", thread_ts=parent)

    shown = page()

    assert "1 reply" in shown
    assert shown.index("parent") < shown.index("<p>reply</p>") < shown.index("next")


async def test_broadcast_reply_stands_beneath_its_parent_and_as_the_newest(
    page: Callable[[], str], post: Post
) -> None:
    parent = await post("parent")
    await post("next")
    reply = await post("look!", thread_ts=parent, reply_broadcast=True)

    shown = page()

    assert shown.count("<p>look!</p>") == 2
    assert shown.index("next") < shown.index("replied to a thread: parent")
    assert (shown.count(f'id="m{reply}"'), shown.count(f'id="r{reply}"')) == (1, 1)


async def test_deactivated_user_is_marked(control: SlackControl, page: Callable[[], str]) -> None:
    control.deactivate("alice")

    assert "deactivated" in page()


async def test_untrusted_names_and_texts_stay_text(
    browse: Browse, control: SlackControl, slack: AsyncWebClient
) -> None:
    mallory = control.add_user("<script>m</script>", email="m@lab.example", user_id="U0MALLORY")
    opened = await slack.conversations_open(users=mallory.user_id)
    channel = opened["channel"]["id"]
    await slack.chat_postMessage(channel=channel, text="</article><script>alert(1)</script>")
    control.say("alice", channel, "<!channel> </article>")

    shown = browse(f"/c/{channel}").text

    assert shown.count("<script") == 1, "only the page's own script"
    assert shown.count("</article>") == 2
    assert "mention" not in shown


def test_page_runs_nothing_but_its_own_files(browse: Browse) -> None:
    answer = browse("/")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    for name in ("page.css", "refresh.js"):
        assert browse(f"/static/{name}").status_code == 200


def test_unknown_conversation_is_not_found(browse: Browse) -> None:
    assert browse("/c/D0NOBODY").status_code == 404


PRESS = re.compile(r'<form method="post" action="([^"]+)">(.*?)</form>', re.DOTALL)
FIELD = re.compile(r'name="(\w+)" value="([^"]*)"')


async def press_on_page(url: str, path: str, label: str) -> httpx.Response:
    """Send the form of the button that reads so, as a browser does."""
    page = await asyncio.to_thread(httpx.get, f"{url}{path}")
    [(action, fields)] = [found for found in PRESS.findall(page.text) if f">{label}<" in found[1]]
    body = {name: html.unescape(value) for name, value in FIELD.findall(fields)}
    return await asyncio.to_thread(
        httpx.post, f"{url}{html.unescape(action)}", data=body, follow_redirects=True
    )


@pytest.mark.parametrize(
    ("label", "action_id", "value"),
    [
        ("Keep 2 h", "keep.2h", "i-7"),
        ("Stop", "stop", "i-7/a-1"),
        ("Keep 24 h", "menu#0", "keep.24h i-7"),
    ],
    ids=["button", "confirmation", "menu"],
)
async def test_owner_presses_on_the_page(
    url: str,
    ears: Ears,
    control: SlackControl,
    direct: str,
    post: Post,
    label: str,
    action_id: str,
    value: str,
) -> None:
    ts = await post("idle", blocks=BLOCKS)

    shown = await press_on_page(url, f"/c/{direct}", label)

    assert shown.status_code == 200
    assert len(ears.heard) == 1
    [made] = control.presses()
    [action] = made.payload["actions"]
    assert (made.payload["user"]["username"], made.payload["container"]["message_ts"]) == (
        "alice",
        ts,
    )
    assert action["action_id"] == action_id
    assert action.get("selected_option", action)["value"] == value


async def test_confirmation_asks_before_the_press(page: Callable[[], str], post: Post) -> None:
    await post("idle", blocks=BLOCKS)

    shown = page()

    [opener] = re.findall(r"<button ([^>]*)>Stop now</button>", shown)
    [name] = re.findall(r'popovertarget="(\w+)"', opener)
    assert 'type="button"' in opener, "it opens the question, and sends nothing"
    assert f'<dialog popover id="{name}"' in shown
    assert "Its memory is lost." in shown
    assert ">Leave it</button>" in shown


async def test_channel_is_read_as_somebody_who_can_press(
    url: str, browse: Browse, ears: Ears, control: SlackControl, post: Post
) -> None:
    await post("idle", channel="C01GPUADMINS", blocks=BLOCKS)

    nobody = browse("/c/C01GPUADMINS").text
    shown = await press_on_page(url, "/c/C01GPUADMINS?as=bob", "Keep 2 h")

    assert "<form" not in nobody
    assert '<a href="?as=bob">bob</a>' in nobody
    assert len(ears.heard) == 1
    assert control.presses()[0].payload["user"]["username"] == "bob"
    assert '<a href="?as=bob" aria-current="page">bob</a>' in shown.text


async def test_answer_for_one_person_is_shown_to_that_person_alone(
    browse: Browse, slack: AsyncWebClient
) -> None:
    await slack.chat_postEphemeral(channel="C01GPUADMINS", user="U01BOB", text="psst")

    pages = [browse(f"/c/C01GPUADMINS{query}").text for query in ("", "?as=alice", "?as=bob")]

    assert ["psst" in shown for shown in pages] == [False, False, True]
    assert "Only visible to you" in pages[2]


async def test_button_that_has_gone_is_not_pressed(
    url: str, ears: Ears, control: SlackControl, direct: str
) -> None:
    body = {"as": "alice", "ts": "1.000000", "action_id": "keep.2h"}

    answer = await asyncio.to_thread(httpx.post, f"{url}/c/{direct}/press", data=body)

    assert answer.status_code == 303
    assert not ears.heard
    assert not control.presses()


async def test_who_was_deactivated_has_nothing_to_press(
    control: SlackControl, page: Callable[[], str], post: Post
) -> None:
    await post("idle", blocks=BLOCKS)

    control.deactivate("alice")

    assert "<form" not in page()


async def test_link_that_is_followed_is_a_press_too(
    url: str, ears: Ears, control: SlackControl, page: Callable[[], str], post: Post
) -> None:
    link = {
        "type": "button",
        "action_id": "link.page",
        "text": {"type": "plain_text", "text": "Details"},
        "url": "https://watchdog.example/i/7",
    }
    await post("idle", blocks=[{"type": "actions", "elements": [link]}])

    [(told, leads)] = re.findall(r'ping="([^"]+)" href="([^"]+)"', page())
    await asyncio.to_thread(httpx.post, f"{url}{html.unescape(told)}", content=b"PING")

    assert leads == link["url"]
    assert len(ears.heard) == 1
    [action] = control.presses()[0].payload["actions"]
    assert (action["action_id"], action["url"]) == ("link.page", link["url"])


async def test_hostile_names_of_buttons_stay_text(page: Callable[[], str], post: Post) -> None:
    evil = '"><script>alert(1)</script>'
    words: dict[str, Any] = {"type": "plain_text", "text": evil}
    short: dict[str, Any] = {"type": "plain_text", "text": "<i>"}
    confirm = {"title": words, "text": words, "confirm": short, "deny": short}
    button = {"type": "button", "action_id": evil, "text": words, "value": evil}
    menu = {"type": "overflow", "action_id": "m", "options": [{"text": words, "value": evil}]}
    elements = [button | {"confirm": confirm}, menu]
    await post("idle", blocks=[{"type": "actions", "block_id": evil, "elements": elements}])

    shown = page()

    assert shown.count("<script") == 1, "only the page's own script"
    assert "<i>" not in shown
