"""Reading conversations and threads."""

from collections.abc import Awaitable, Callable

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from demo.slack.control import SlackControl

Post = Callable[..., Awaitable[str]]


def error_of(raised: pytest.ExceptionInfo[SlackApiError]) -> str:
    assert raised.value.response.status_code == 200, "Slack refuses with HTTP status 200"
    return str(raised.value.response["error"])


async def test_history_is_newest_first_and_without_replies(
    slack: AsyncWebClient, direct: str, post: Post
) -> None:
    parent = await post("one")
    await post("two")
    reply = await post("reply", thread_ts=parent)

    messages = (await slack.conversations_history(channel=direct))["messages"]

    assert [message["text"] for message in messages] == ["two", "one"]
    assert (messages[1]["reply_count"], messages[1]["latest_reply"]) == (1, reply)


@pytest.mark.parametrize(("inclusive", "texts"), [(False, ["three"]), (True, ["three", "two"])])
async def test_oldest_is_left_out_unless_inclusive(
    slack: AsyncWebClient,
    direct: str,
    post: Post,
    inclusive: bool,  # noqa: FBT001 - A parameter of the test's table.
    texts: list[str],
) -> None:
    await post("one")
    oldest = await post("two")
    await post("three")

    answer = await slack.conversations_history(channel=direct, oldest=oldest, inclusive=inclusive)

    assert [message["text"] for message in answer["messages"]] == texts


@pytest.mark.parametrize("asked", [True, False])
async def test_history_has_metadata_only_when_asked(
    slack: AsyncWebClient,
    direct: str,
    post: Post,
    asked: bool,  # noqa: FBT001 - A parameter of the test's table.
) -> None:
    await post("one", metadata={"event_type": "warning", "event_payload": {"id": "7"}})

    answer = await slack.conversations_history(channel=direct, include_all_metadata=asked)

    assert ("metadata" in answer["messages"][0]) is asked


async def test_history_goes_on_after_the_cursor(
    slack: AsyncWebClient, direct: str, post: Post
) -> None:
    for text in ("one", "two", "three"):
        await post(text)

    first = await slack.conversations_history(channel=direct, limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    second = await slack.conversations_history(channel=direct, limit=2, cursor=cursor)

    assert [message["text"] for message in first["messages"]] == ["three", "two"]
    assert [message["text"] for message in second["messages"]] == ["one"]
    assert (first["has_more"], second["has_more"]) == (True, False)


async def test_replies_follow_their_parent(slack: AsyncWebClient, direct: str, post: Post) -> None:
    parent = await post("one")
    await post("another")
    for text in ("first", "second"):
        await post(text, thread_ts=parent)

    answer = await slack.conversations_replies(channel=direct, ts=parent)

    assert [message["text"] for message in answer["messages"]] == ["one", "first", "second"]
    assert {message["thread_ts"] for message in answer["messages"]} == {parent}


async def test_broadcast_reply_stands_in_the_conversation_too(
    slack: AsyncWebClient, control: SlackControl, direct: str, post: Post
) -> None:
    parent = await post("one")
    reply = await post("look!", thread_ts=parent, reply_broadcast=True)

    newest, first = (await slack.conversations_history(channel=direct))["messages"]
    thread = (await slack.conversations_replies(channel=direct, ts=parent))["messages"]

    assert (newest["ts"], newest["subtype"]) == (reply, "thread_broadcast")
    assert (newest["thread_ts"], newest["root"]["text"]) == (parent, "one")
    assert (first["ts"], first["latest_reply"]) == (parent, reply)
    assert [message["text"] for message in thread] == ["one", "look!"]
    assert [message.broadcast for message in control.messages()] == [False, True]


async def test_nothing_is_broadcast_outside_a_thread(
    control: SlackControl, slack: AsyncWebClient, direct: str
) -> None:
    posted = await slack.chat_postMessage(channel=direct, text="one", reply_broadcast=True)

    assert "subtype" not in posted["message"]
    assert [message.broadcast for message in control.messages()] == [False]


async def test_deleted_message_takes_no_reply(
    slack: AsyncWebClient, control: SlackControl, direct: str, post: Post
) -> None:
    parent = await post("one")

    control.delete(direct, parent)

    assert not control.messages()
    with pytest.raises(SlackApiError) as raised:
        await slack.chat_postMessage(channel=direct, text="two", thread_ts=parent)
    assert error_of(raised) == "cannot_reply_to_message"


async def test_thread_of_nothing_is_not_found(slack: AsyncWebClient, direct: str) -> None:
    with pytest.raises(SlackApiError) as raised:
        await slack.conversations_replies(channel=direct, ts="1.000000")

    assert error_of(raised) == "thread_not_found"
