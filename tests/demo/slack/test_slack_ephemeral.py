"""What the app tells one person alone."""

from collections.abc import Awaitable, Callable

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from demo.slack.control import SlackControl

ADMINS = "C01GPUADMINS"
Post = Callable[..., Awaitable[str]]


def error_of(raised: pytest.ExceptionInfo[SlackApiError]) -> str:
    assert raised.value.response.status_code == 200, "Slack refuses with HTTP status 200"
    return str(raised.value.response["error"])


async def test_ephemeral_message_is_for_one_person_alone(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    answer = await slack.chat_postEphemeral(channel=ADMINS, user="U01ALICE", text="psst")

    [message] = control.ephemeral("#gpu-admins")
    assert (message.ts, message.text) == (answer["message_ts"], "psst")
    assert message.visible_to == "alice"
    assert not control.messages()


async def test_ephemeral_message_is_found_by_no_method(slack: AsyncWebClient) -> None:
    answer = await slack.chat_postEphemeral(channel=ADMINS, user="U01ALICE", text="psst")

    history = await slack.conversations_history(channel=ADMINS)
    with pytest.raises(SlackApiError) as raised:
        await slack.chat_update(channel=ADMINS, ts=answer["message_ts"], text="louder")

    assert not history["messages"]
    assert error_of(raised) == "message_not_found"


@pytest.mark.parametrize("user", ["U01BOB", "U0NOBODY"])
async def test_nobody_else_is_told_in_direct_messages(
    slack: AsyncWebClient, direct: str, user: str
) -> None:
    with pytest.raises(SlackApiError) as raised:
        await slack.chat_postEphemeral(channel=direct, user=user, text="psst")

    assert error_of(raised) == "user_not_in_channel"


async def test_ephemeral_message_says_something(slack: AsyncWebClient, direct: str) -> None:
    with pytest.raises(SlackApiError) as raised:
        await slack.api_call(
            "chat.postEphemeral", json={"channel": direct, "user": "U01ALICE", "text": ""}
        )

    assert error_of(raised) == "no_text"
