"""Posting to the simulated Slack, finding what was posted, rewriting it, and Slack's bad days."""

import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack import SlackMessenger
from app.domain.actions import Audience, MessageKind, Notice
from app.domain.incident import Receipt, RecipientKind
from app.domain.outbox import Recipient
from app.errors import (
    UpstreamError,
    UpstreamMalformedError,
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from demo.slack.calls import FaultKind
from demo.slack.control import SlackControl
from demo.slack.wire import AddFault
from tests.domain.examples import ALLOCATION, notified

ADMINS = Recipient("C01GPUADMINS", RecipientKind.ADMINS)
NOW = datetime.now(UTC)
NOTICE = Notice(
    MessageKind.WARNING, notified(), NOW, deadlines={ALLOCATION: NOW + timedelta(hours=2)}
)
LONG_AGO = NOW - timedelta(minutes=5)


@pytest.fixture
async def alice(messenger: SlackMessenger) -> Recipient:
    return await messenger.recipient(Audience.OWNER, "alice")


def reply_in(thread: Receipt) -> Notice:
    return replace(NOTICE, kind=MessageKind.REMINDER, thread=thread)


async def test_message_reaches_the_owner(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    receipt = await messenger.post(alice, NOTICE, message_id="m1")

    [message] = slack_control.messages("@alice")
    assert receipt == Receipt("D01ALICE", message.ts, RecipientKind.OWNER)
    assert message.revisions[-1].metadata == {
        "event_type": "gpu_watchdog_message",
        "event_payload": {"id": "m1"},
    }
    [call] = slack_control.calls("chat.postMessage")
    assert not call.arguments["unfurl_links"]
    assert not call.arguments["unfurl_media"]


async def test_same_message_has_the_same_client_id(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    for message_id in ("m1", "m1", "m2"):
        await messenger.post(alice, NOTICE, message_id=message_id)

    first, second, other = (message.client_msg_id for message in slack_control.messages())
    assert first == second != other


async def test_reply_goes_into_the_thread(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    first = await messenger.post(alice, NOTICE, message_id="m1")

    await messenger.post(alice, reply_in(first), message_id="m2")

    assert slack_control.messages("@alice")[-1].thread_ts == first.ts


async def test_thread_of_another_conversation_is_none(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    """The owner is reached elsewhere now, and must not miss the message."""
    elsewhere = Receipt("C01GPUADMINS", "1795489200.000100", RecipientKind.ADMINS)

    receipt = await messenger.post(alice, reply_in(elsewhere), message_id="m1")

    [message] = slack_control.messages("@alice")
    assert message.thread_ts is None
    assert await messenger.find(alice, "m1", thread=elsewhere, since=LONG_AGO) == receipt


async def test_message_whose_reply_was_lost_is_found(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    slack_control.lose_replies(times=1)
    with pytest.raises(UpstreamUnavailableError):
        await messenger.post(alice, NOTICE, message_id="m1")

    found = await messenger.find(alice, "m1", thread=None, since=LONG_AGO)

    [message] = slack_control.messages("@alice")
    assert found == Receipt("D01ALICE", message.ts, RecipientKind.OWNER)


async def test_reply_in_a_thread_is_found_there(
    messenger: SlackMessenger, alice: Recipient
) -> None:
    first = await messenger.post(alice, NOTICE, message_id="m1")
    reply = await messenger.post(alice, reply_in(first), message_id="m2")

    assert await messenger.find(alice, "m2", thread=first, since=LONG_AGO) == reply


async def test_message_that_was_never_posted_is_not_found(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    first = await messenger.post(alice, NOTICE, message_id="m1")
    slack_control.say("alice", "D01ALICE", "m2 gpu_watchdog_message")

    assert await messenger.find(alice, "m2", thread=None, since=LONG_AGO) is None
    assert await messenger.find(alice, "m2", thread=first, since=LONG_AGO) is None


async def test_search_goes_through_every_page(
    messenger: SlackMessenger, slack_control: SlackControl
) -> None:
    """History comes newest first, a page at a time."""
    receipt = await messenger.post(ADMINS, NOTICE, message_id="m1")
    for number in range(210):
        slack_control.say("carol", "C01GPUADMINS", f"chatter {number}")

    assert await messenger.find(ADMINS, "m1", thread=None, since=LONG_AGO) == receipt
    assert len(slack_control.calls("conversations.history")) == 2


async def test_search_leaves_out_what_is_older(messenger: SlackMessenger, alice: Recipient) -> None:
    await messenger.post(alice, NOTICE, message_id="m1")
    later = datetime.now(UTC) + timedelta(minutes=1)

    assert await messenger.find(alice, "m1", thread=None, since=later) is None


async def test_thread_that_is_gone_holds_nothing(
    messenger: SlackMessenger, alice: Recipient
) -> None:
    gone = Receipt("D01ALICE", "1.000100", RecipientKind.OWNER)

    assert await messenger.find(alice, "m1", thread=gone, since=LONG_AGO) is None


async def test_rewriting_notifies_nobody_and_keeps_the_id(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    receipt = await messenger.post(alice, NOTICE, message_id="m1")

    await messenger.update(receipt, replace(NOTICE, kind=MessageKind.STATUS))

    [message] = slack_control.messages("@alice")
    assert len(message.revisions) == 2
    assert await messenger.find(alice, "m1", thread=None, since=LONG_AGO) == receipt


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "is_archived"])
async def test_message_that_cannot_be_rewritten_is_rejected(
    messenger: SlackMessenger, slack_control: SlackControl, error: str
) -> None:
    slack_control.fail(error, method="chat.update")

    with pytest.raises(UpstreamRejectedError) as raised:
        await messenger.update(Receipt("D01ALICE", "1.000100", RecipientKind.OWNER), NOTICE)

    assert raised.value.code == error


async def test_recipient_who_refuses_is_looked_up_again(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    slack_control.fail("channel_not_found", method="chat.postMessage", times=1)
    with pytest.raises(UpstreamRejectedError):
        await messenger.post(alice, NOTICE, message_id="m1")
    slack_control.deactivate("alice")

    again = await messenger.recipient(Audience.OWNER, "alice")

    assert again.kind is RecipientKind.ADMINS


async def test_probe_is_content_when_slack_answers(
    messenger: SlackMessenger, slack_control: SlackControl
) -> None:
    await messenger.probe()

    assert [call.method for call in slack_control.calls()] == ["auth.test"]


Call = Callable[[SlackMessenger], Awaitable[object]]
DIRECT = Receipt("D01ALICE", "1.000100", RecipientKind.OWNER)
CALLS: dict[str, Call] = {
    "probe": lambda slack: slack.probe(),
    "recipient": lambda slack: slack.recipient(Audience.OWNER, "alice"),
    "post": lambda slack: slack.post(ADMINS, NOTICE, message_id="m1"),
    "find": lambda slack: slack.find(ADMINS, "m1", thread=None, since=LONG_AGO),
    "find in a thread": lambda slack: slack.find(
        Recipient("D01ALICE", RecipientKind.OWNER), "m1", thread=DIRECT, since=LONG_AGO
    ),
    "update": lambda slack: slack.update(DIRECT, NOTICE),
}


@dataclass(frozen=True)
class Failure:
    fault: AddFault
    becomes: type[UpstreamError]


def refusing(word: str) -> AddFault:
    return AddFault(kind=FaultKind.ERROR, error=word)


FAILURES = {
    "rate limit": Failure(
        AddFault(kind=FaultKind.RATE_LIMIT, retry_after=7), UpstreamUnavailableError
    ),
    "internal_error": Failure(refusing("internal_error"), UpstreamUnavailableError),
    "fatal_error": Failure(refusing("fatal_error"), UpstreamUnavailableError),
    "service_unavailable": Failure(refusing("service_unavailable"), UpstreamUnavailableError),
    "request_timeout": Failure(refusing("request_timeout"), UpstreamUnavailableError),
    "ratelimited in a 200": Failure(refusing("ratelimited"), UpstreamUnavailableError),
    "500": Failure(AddFault(kind=FaultKind.HTTP_ERROR, status=500), UpstreamUnavailableError),
    "503": Failure(AddFault(kind=FaultKind.HTTP_ERROR, status=503), UpstreamUnavailableError),
    "404": Failure(AddFault(kind=FaultKind.HTTP_ERROR, status=404), UpstreamRejectedError),
    "no answer": Failure(AddFault(kind=FaultKind.HANG), UpstreamUnavailableError),
    "connection cut": Failure(AddFault(kind=FaultKind.DROP), UpstreamUnavailableError),
    "no JSON": Failure(AddFault(kind=FaultKind.MALFORMED), UpstreamMalformedError),
    "invalid_auth": Failure(refusing("invalid_auth"), UpstreamRejectedError),
    "channel_not_found": Failure(refusing("channel_not_found"), UpstreamRejectedError),
    "a word of the future": Failure(refusing("weather_too_bad"), UpstreamRejectedError),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
async def test_failure_becomes_one_of_our_errors(
    messenger: SlackMessenger,
    slack_client: AsyncWebClient,
    slack_control: SlackControl,
    call: Call,
    failure: Failure,
) -> None:
    slack_control.add_fault(failure.fault)
    if failure.fault.kind is FaultKind.HANG:
        slack_client.timeout = 0.2  # type: ignore[assignment] # aiohttp takes parts of a second too.

    with pytest.raises(UpstreamError) as raised:
        await call(messenger)

    assert type(raised.value) is failure.becomes, raised.value
    text = "".join(traceback.format_exception(raised.value))
    assert "xoxb" not in text
    assert str(raised.value).startswith("Slack")


async def test_nothing_that_listens_is_unavailable(
    messenger: SlackMessenger, slack_client: AsyncWebClient
) -> None:
    # Port 9 is for discarding, and nobody offers it any more.
    slack_client.base_url = "http://127.0.0.1:9/api/"

    with pytest.raises(UpstreamUnavailableError, match="Slack cannot be reached"):
        await messenger.probe()


async def test_wait_that_slack_asks_for_is_told(
    messenger: SlackMessenger, slack_control: SlackControl
) -> None:
    slack_control.limit_rate(retry_after=7)

    with pytest.raises(UpstreamUnavailableError) as raised:
        await messenger.probe()

    assert raised.value.retry_after == timedelta(seconds=7)


async def test_refusal_carries_slacks_own_word(
    messenger: SlackMessenger, slack_control: SlackControl
) -> None:
    slack_control.fail("token_revoked")

    with pytest.raises(UpstreamRejectedError) as raised:
        await messenger.probe()

    assert raised.value.code == "token_revoked"


async def test_failed_post_is_not_repeated_by_itself(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    slack_control.lose_replies()

    with pytest.raises(UpstreamUnavailableError):
        await messenger.post(alice, NOTICE, message_id="m1")

    assert len(slack_control.messages()) == 1
