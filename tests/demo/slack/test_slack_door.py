"""Tokens, scopes and unknown methods."""

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from demo.slack.control import SlackControl

ADMINS = "C01GPUADMINS"


def error_of(raised: pytest.ExceptionInfo[SlackApiError]) -> str:
    assert raised.value.response.status_code == 200, "Slack refuses with HTTP status 200"
    return str(raised.value.response["error"])


async def test_token_belongs_to_the_bot(slack: AsyncWebClient) -> None:
    answer = await slack.auth_test()

    assert (answer["user"], answer["user_id"], answer["bot_id"], answer["team_id"]) == (
        "watchdog",
        "U01WATCHDOG",
        "B01WATCHDOG",
        "T01LAB",
    )
    assert answer.headers["x-oauth-scopes"].split(",") == [
        "channels:history",
        "chat:write",
        "im:history",
        "im:write",
        "users:read",
        "users:read.email",
    ]


@pytest.mark.parametrize(("token", "error"), [(None, "not_authed"), ("xoxb-x", "invalid_auth")])
async def test_wrong_token_is_refused(url: str, token: str | None, error: str) -> None:
    with pytest.raises(SlackApiError) as raised:
        await AsyncWebClient(token, base_url=f"{url}/api/").auth_test()

    assert error_of(raised) == error


async def test_bot_opens_no_socket(slack: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as raised:
        await slack.apps_connections_open(app_token="xoxb-demo")

    assert error_of(raised) == "not_allowed_token_type"


async def test_app_opens_a_socket_with_its_scope_only(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    control.set_app_scopes("authorizations:read")

    with pytest.raises(SlackApiError) as raised:
        await slack.apps_connections_open(app_token="xapp-demo")

    refusal = raised.value.response
    assert (refusal["error"], refusal["needed"]) == ("missing_scope", "connections:write")


async def test_app_does_not_speak(url: str) -> None:
    with pytest.raises(SlackApiError) as raised:
        await AsyncWebClient("xapp-demo", base_url=f"{url}/api/").auth_test()

    assert error_of(raised) == "not_allowed_token_type"


async def test_unknown_method_is_named(slack: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as raised:
        await slack.api_call("chat.shout")

    assert (error_of(raised), raised.value.response["req_method"]) == (
        "unknown_method",
        "chat.shout",
    )


async def test_missing_scope_says_which(slack: AsyncWebClient, control: SlackControl) -> None:
    control.set_scopes("users:read")

    with pytest.raises(SlackApiError) as raised:
        await slack.chat_postMessage(channel=ADMINS, text="hello")

    refusal = raised.value.response
    assert (refusal["error"], refusal["needed"], refusal["provided"]) == (
        "missing_scope",
        "chat:write",
        "users:read",
    )


async def test_token_of_a_removed_bot_is_inactive(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    control.deactivate("watchdog")

    with pytest.raises(SlackApiError) as raised:
        await slack.auth_test()

    assert error_of(raised) == "account_inactive"
