"""Posting and updating."""

from typing import Any

import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from demo.plain import PLAIN
from demo.slack.control import SlackControl

ADMINS = "C01GPUADMINS"
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*idle*"}}


def error_of(raised: pytest.ExceptionInfo[SlackApiError]) -> str:
    assert raised.value.response.status_code == 200, "Slack refuses with HTTP status 200"
    return str(raised.value.response["error"])


async def test_posted_message_comes_back_as_it_is_stored(
    slack: AsyncWebClient, control: SlackControl, direct: str
) -> None:
    metadata = {"event_type": "warning", "event_payload": {"id": "7"}}

    answer = await slack.chat_postMessage(
        channel=direct, text="idle", blocks=[SECTION], metadata=metadata, client_msg_id="c-7"
    )

    message = answer["message"]
    assert (answer["channel"], answer["ts"], message["ts"]) == (
        direct,
        "1795521600.000000",
        "1795521600.000000",
    )
    assert (message["bot_id"], message["user"], message["text"]) == (
        "B01WATCHDOG",
        "U01WATCHDOG",
        "idle",
    )
    assert message["blocks"] == [SECTION | {"block_id": "b0"}]
    assert message["metadata"] == metadata
    [stored] = control.messages("@alice")
    assert (stored.ts, stored.shown, stored.client_msg_id) == (answer["ts"], "idle\n*idle*", "c-7")


async def test_no_two_messages_share_a_ts(slack: AsyncWebClient, direct: str) -> None:
    answers = [await slack.chat_postMessage(channel=direct, text="again") for _ in range(3)]

    assert [answer["ts"] for answer in answers] == [
        "1795521600.000000",
        "1795521600.000001",
        "1795521600.000002",
    ]


async def test_same_client_msg_id_posts_twice(
    slack: AsyncWebClient, control: SlackControl, direct: str
) -> None:
    for _ in range(2):
        await slack.chat_postMessage(channel=direct, text="once?", client_msg_id="c-1")

    assert len(control.messages(direct)) == 2, "nobody promised that Slack drops the second"


@pytest.mark.parametrize("content_type", ["form", "json"])
def test_form_and_json_say_the_same(url: str, content_type: str) -> None:
    headers = {"Authorization": "Bearer xoxb-demo"}
    body = {"channel": ADMINS, "text": "hello", "blocks": '[{"type": "divider"}]'}

    answer = httpx.post(
        f"{url}/api/chat.postMessage",
        headers=headers,
        data=body if content_type == "form" else None,
        json=body if content_type == "json" else None,
        verify=PLAIN,
    ).json()

    assert answer["message"]["blocks"] == [{"type": "divider", "block_id": "b0"}]


async def test_text_is_cut_at_40000_characters(slack: AsyncWebClient, direct: str) -> None:
    answer = await slack.chat_postMessage(channel=direct, text="x" * 40_001)

    assert len(answer["message"]["text"]) == 40_000


async def test_update_refuses_what_could_be_posted(slack: AsyncWebClient, direct: str) -> None:
    posted = await slack.chat_postMessage(channel=direct, text="é" * 2001)

    with pytest.raises(SlackApiError) as raised:
        await slack.chat_update(channel=direct, ts=posted["ts"], text="é" * 2001)

    assert error_of(raised) == "msg_too_long"


async def test_update_keeps_what_it_does_not_name(
    slack: AsyncWebClient, control: SlackControl, direct: str
) -> None:
    metadata = {"event_type": "warning", "event_payload": {}}
    posted = await slack.chat_postMessage(
        channel=direct, text="one", blocks=[SECTION], metadata=metadata
    )

    updated = await slack.chat_update(channel=direct, ts=posted["ts"], text="two")

    assert (updated["ts"], updated["text"]) == (posted["ts"], "two")
    assert updated["message"]["blocks"] == posted["message"]["blocks"]
    assert updated["message"]["metadata"] == metadata
    assert "edited" in updated["message"]
    [message] = control.messages()
    assert [revision.text for revision in message.revisions] == ["one", "two"]


async def test_update_takes_away_what_it_empties(slack: AsyncWebClient, direct: str) -> None:
    posted = await slack.chat_postMessage(channel=direct, text="one", blocks=[SECTION])

    updated = await slack.chat_update(channel=direct, ts=posted["ts"], text="two", blocks=[])

    assert "blocks" not in updated["message"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0NOWHERE", "ts": "1.0", "text": "x"}, "channel_not_found"),
        ({"channel": ADMINS, "ts": "1.0", "text": "x"}, "message_not_found"),
    ],
)
async def test_update_needs_a_message(
    slack: AsyncWebClient, arguments: dict[str, Any], error: str
) -> None:
    with pytest.raises(SlackApiError) as raised:
        await slack.chat_update(**arguments)

    assert error_of(raised) == error


async def test_nobody_else_s_message_is_updated(
    slack: AsyncWebClient, control: SlackControl, direct: str
) -> None:
    ts = control.say("alice", direct, "I need it!")

    with pytest.raises(SlackApiError) as raised:
        await slack.chat_update(channel=direct, ts=ts, text="I do not need it")

    assert error_of(raised) == "cant_update_message"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": ADMINS, "text": "", "blocks": []}, "no_text"),
        ({"channel": ADMINS, "text": "x", "thread_ts": "1.0"}, "cannot_reply_to_message"),
        ({"channel": ADMINS, "text": "x", "metadata": {"id": 1}}, "invalid_metadata_format"),
    ],
)
async def test_message_that_cannot_be_posted(
    slack: AsyncWebClient, arguments: dict[str, Any], error: str
) -> None:
    with pytest.raises(SlackApiError) as raised:
        await slack.api_call("chat.postMessage", json=arguments)

    assert error_of(raised) == error


async def test_channel_without_the_bot_takes_no_message(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    channel = control.add_channel("random", bot_is_member=False)

    with pytest.raises(SlackApiError) as raised:
        await slack.chat_postMessage(channel=channel, text="hello")

    assert error_of(raised) == "not_in_channel"


@pytest.mark.parametrize("channel", [ADMINS, "#gpu-admins", "gpu-admins"])
async def test_channel_goes_by_name_too(slack: AsyncWebClient, channel: str) -> None:
    answer = await slack.chat_postMessage(channel=channel, text="hello")

    assert answer["channel"] == ADMINS
