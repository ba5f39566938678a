"""Slack as it is on a bad day."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import aiohttp
import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from demo.slack.calls import Fault, FaultKind, Faults
from demo.slack.control import SlackControl
from demo.slack.wire import AddFault

ADMINS = "C01GPUADMINS"


async def until(condition: Callable[[], bool], what: str) -> None:
    """Let the loop run until it is so; fail after 5 s."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, f"not within 5 s: {what}"
        await asyncio.sleep(0.01)


async def test_rate_limit_says_how_long_to_wait(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    control.limit_rate(retry_after=7, times=1)

    with pytest.raises(SlackApiError) as raised:
        await slack.chat_postMessage(channel=ADMINS, text="hello")

    refusal = raised.value.response
    assert (refusal.status_code, refusal["error"]) == (429, "ratelimited")
    assert refusal.headers["Retry-After"] == "7"
    assert not control.messages()
    await slack.chat_postMessage(channel=ADMINS, text="the limit was for one call")


def test_while_slack_is_down_nothing_else_comes_of_a_call() -> None:
    faults = Faults(lambda: datetime(2026, 11, 24, 12, tzinfo=UTC))
    faults.add(Fault(FaultKind.LOSE_REPLY))
    faults.add(Fault(FaultKind.DROP))

    struck = faults.strike("chat.postMessage")

    assert struck is not None
    assert struck.kind is FaultKind.DROP, "what Slack does while it is down is not lost, but undone"


async def test_fault_of_one_method_leaves_the_others(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    control.fail("fatal_error", method="chat.postMessage")

    with pytest.raises(SlackApiError) as raised:
        await slack.chat_postMessage(channel=ADMINS, text="hello")

    assert raised.value.response["error"] == "fatal_error"
    assert (await slack.auth_test())["ok"]


async def test_fault_can_meet_every_third_call(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    control.add_fault(AddFault(kind=FaultKind.ERROR, error="fatal_error", every=3))

    for _ in range(6):
        try:
            await slack.auth_test()
        except SlackApiError:
            continue

    outcomes = [call.outcome for call in control.calls()]
    assert outcomes == ["ok", "ok", "fatal_error"] * 2


async def test_every_third_reply_is_lost_and_every_second_call_is_one_too_many(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    control.lose_replies(method=None, every=3)
    control.limit_rate(retry_after=7, every=2)

    for number in range(6):
        try:
            await slack.chat_postMessage(channel=ADMINS, text=str(number))
        except (SlackApiError, aiohttp.ServerDisconnectedError):
            continue

    faults = [call.fault for call in control.calls()]
    assert faults == [None, "rate_limit", "lose_reply", "rate_limit", None, "lose_reply"]
    assert [message.text for message in control.messages()] == ["0", "2", "4", "5"]


async def test_server_error_has_no_json(slack: AsyncWebClient, control: SlackControl) -> None:
    control.add_fault(AddFault(kind=FaultKind.HTTP_ERROR, status=503))

    with pytest.raises(SlackApiError) as raised:
        await slack.chat_postMessage(channel=ADMINS, text="hello")

    assert raised.value.response.status_code == 503
    assert raised.value.response.data == {}
    assert not control.messages()


async def test_broken_json_hides_that_the_message_was_posted(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    control.add_fault(AddFault(kind=FaultKind.MALFORMED))

    with pytest.raises(SlackApiError, match="non-JSON format"):
        await slack.chat_postMessage(channel=ADMINS, text="hello")

    assert [message.text for message in control.messages()] == ["hello"]


async def test_lost_reply_has_posted_all_the_same(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    control.lose_replies(times=1)

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await slack.chat_postMessage(channel=ADMINS, text="hello")

    assert [message.text for message in control.messages("#gpu-admins")] == ["hello"]
    [call] = control.calls("chat.postMessage")
    assert (call.fault, call.outcome) == ("lose_reply", None)


async def test_client_as_it_comes_posts_twice_after_a_lost_reply(
    url: str, control: SlackControl
) -> None:
    control.lose_replies(times=1)
    slack = AsyncWebClient("xoxb-demo", base_url=f"{url}/api/")

    await slack.chat_postMessage(channel=ADMINS, text="hello")

    assert [message.text for message in control.messages()] == ["hello", "hello"]


async def test_workspace_that_is_down_does_nothing(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    control.take_down()

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await slack.chat_postMessage(channel=ADMINS, text="hello")

    assert not control.messages()
    control.clear_faults()
    assert (await slack.auth_test())["ok"]


def test_fault_ends_by_itself() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    faults = Faults(lambda: now)
    faults.add(Fault(FaultKind.DROP), lasts=timedelta(seconds=30))

    assert faults.strike("auth.test")
    now += timedelta(seconds=30)

    assert faults.strike("auth.test") is None


def test_faults_of_one_method_end_alone() -> None:
    faults = Faults(lambda: datetime(2026, 11, 24, tzinfo=UTC))
    faults.add(Fault(FaultKind.ERROR, method="auth.test"))
    faults.add(Fault(FaultKind.DROP, method="chat.update"))

    faults.clear("auth.test")

    assert faults.strike("auth.test") is None
    assert faults.strike("chat.update")


async def test_hanging_call_is_answered_when_the_fault_is_cleared(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    control.hang(method="chat.postMessage")
    posting = asyncio.create_task(slack.chat_postMessage(channel=ADMINS, text="hello"))
    await until(lambda: bool(control.calls("chat.postMessage")), "the call has arrived")

    assert not control.messages()
    control.clear_faults()

    assert (await posting)["message"]["text"] == "hello"


async def test_hanging_call_that_was_given_up_does_nothing(
    slack: AsyncWebClient, control: SlackControl
) -> None:
    control.hang()
    posting = asyncio.create_task(slack.chat_postMessage(channel=ADMINS, text="hello"))
    await until(lambda: bool(control.calls()), "the call has arrived")

    posting.cancel()
    await until(lambda: control.calls()[0].outcome == "gone", "the call was given up")

    control.clear_faults()
    assert not control.messages()


def test_unknown_user_is_a_mistake_of_the_one_who_switches(control: SlackControl) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        control.deactivate("nobody")
