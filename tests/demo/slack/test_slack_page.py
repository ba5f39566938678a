"""The page on which people see the conversations."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from demo.plain import PLAIN
from demo.slack.control import SlackControl

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
