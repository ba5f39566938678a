"""Who is who, and who cannot be reached any more."""

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from demo.slack.control import SlackControl

ALICE = "U01ALICE"


def error_of(raised: pytest.ExceptionInfo[SlackApiError]) -> str:
    assert raised.value.response.status_code == 200, "Slack refuses with HTTP status 200"
    return str(raised.value.response["error"])


async def test_user_is_found_by_e_mail_with_the_time_zone(slack: AsyncWebClient) -> None:
    user = (await slack.users_lookupByEmail(email="Alice@lab.example"))["user"]

    assert (user["id"], user["deleted"], user["profile"]["email"]) == (
        ALICE,
        False,
        "alice@lab.example",
    )
    assert (user["tz"], user["tz_offset"]) == ("Europe/Berlin", 3600)


async def test_deactivated_user_is_not_found_by_e_mail_but_known_by_id(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    control.deactivate("alice")

    with pytest.raises(SlackApiError) as raised:
        await slack.users_lookupByEmail(email="alice@lab.example")
    user = (await slack.users_info(user=ALICE))["user"]

    assert error_of(raised) == "users_not_found"
    assert user["deleted"]
    assert "tz" not in user


async def test_unknown_user_id_has_another_error_than_an_unknown_e_mail(
    slack: AsyncWebClient,
) -> None:
    with pytest.raises(SlackApiError) as by_id:
        await slack.users_info(user="U0NOBODY")
    with pytest.raises(SlackApiError) as by_email:
        await slack.users_lookupByEmail(email="nobody@lab.example")

    assert (error_of(by_id), error_of(by_email)) == ("user_not_found", "users_not_found")


async def test_direct_message_has_one_id_for_good(slack: AsyncWebClient, direct: str) -> None:
    again = await slack.conversations_open(users=[ALICE])

    assert direct.startswith("D")
    assert (again["channel"]["id"], again["already_open"]) == (direct, True)


async def test_message_to_a_deactivated_user_is_taken_without_a_word(
    slack: AsyncWebClient, control: SlackControl, direct: str
) -> None:
    control.deactivate("alice")

    answer = await slack.chat_postMessage(channel=direct, text="hello")

    assert answer["ok"]
    with pytest.raises(SlackApiError) as raised:
        await slack.conversations_open(users=ALICE)
    assert error_of(raised) == "user_disabled"
