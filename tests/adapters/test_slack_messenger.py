"""Posting to the simulated Slack, finding what was posted, rewriting it, and Slack's bad days."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack import Addresses, Directory, SlackMessenger
from app.domain.actions import Audience, MessageKind, Notice
from app.domain.incident import Receipt, RecipientKind
from app.domain.outbox import Recipient
from app.errors import (
    UpstreamRejectedError,
    UpstreamUnavailableError,
)
from demo.slack.control import SlackControl
from demo.slack.model import Revision
from demo.slack.server import listening_aside
from demo.slack.state import SlackState
from tests.adapters.conftest import LINKS
from tests.adapters.slack_examples import ADMINS, LONG_AGO, NOTICE, NOW


@pytest.fixture
async def alice(messenger: SlackMessenger) -> Recipient:
    return await messenger.recipient(Audience.OWNER, "alice")


def reply_in(thread: Receipt) -> Notice:
    return replace(NOTICE, kind=MessageKind.REMINDER, thread=thread)


async def found(
    messenger: SlackMessenger,
    recipient: Recipient,
    message_id: str,
    thread: Receipt | None = None,
    *,
    since: datetime = LONG_AGO,
) -> Receipt | None:
    notice = NOTICE if thread is None else reply_in(thread)
    receipts = await messenger.find(recipient, [message_id], notice=notice, since=since)
    return receipts.get(message_id)


async def test_message_reaches_the_owner(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    receipt = await messenger.post(alice, NOTICE, message_ids=["m1"])

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
        await messenger.post(alice, NOTICE, message_ids=[message_id])

    first, second, other = (message.client_msg_id for message in slack_control.messages())
    assert first == second != other


async def test_a_channel_takes_the_next_message_a_second_later_and_another_one_at_once(
    messenger: SlackMessenger, alice: Recipient
) -> None:
    assert await messenger.wait(alice) == timedelta()

    await messenger.post(alice, NOTICE, message_ids=["m1"])

    assert timedelta() < await messenger.wait(alice) <= timedelta(seconds=1)
    assert await messenger.wait(replace(alice, channel="D0ANOTHER")) == timedelta()


async def test_reply_goes_into_the_thread(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    first = await messenger.post(alice, NOTICE, message_ids=["m1"])

    await messenger.post(alice, reply_in(first), message_ids=["m2"])

    assert slack_control.messages("@alice")[-1].thread_ts == first.ts


async def test_thread_of_another_conversation_is_none(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    """The owner is reached elsewhere now, and must not miss the message."""
    elsewhere = Receipt("C01GPUADMINS", "1795489200.000100", RecipientKind.ADMINS)

    receipt = await messenger.post(alice, reply_in(elsewhere), message_ids=["m1"])

    [message] = slack_control.messages("@alice")
    assert message.thread_ts is None
    assert await found(messenger, alice, "m1", elsewhere) == receipt


async def test_message_whose_reply_was_lost_is_found(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    slack_control.lose_replies(times=1)
    with pytest.raises(UpstreamUnavailableError):
        await messenger.post(alice, NOTICE, message_ids=["m1"])

    receipt = await found(messenger, alice, "m1")

    [message] = slack_control.messages("@alice")
    assert receipt == Receipt("D01ALICE", message.ts, RecipientKind.OWNER)


async def test_reply_in_a_thread_is_found_there(
    messenger: SlackMessenger, alice: Recipient
) -> None:
    first = await messenger.post(alice, NOTICE, message_ids=["m1"])
    reply = await messenger.post(alice, reply_in(first), message_ids=["m2"])

    assert await found(messenger, alice, "m2", first) == reply


async def test_message_that_was_never_posted_is_not_found(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    first = await messenger.post(alice, NOTICE, message_ids=["m1"])
    slack_control.say("alice", "D01ALICE", "m2 gpu_watchdog_message")

    assert await found(messenger, alice, "m2") is None
    assert await found(messenger, alice, "m2", first) is None


def talkative() -> SlackState:
    """A workspace whose admins wrote more than a page after our message."""
    state = SlackState()
    metadata = {"event_type": "gpu_watchdog_message", "event_payload": {"id": "m1"}}
    channel = state.conversations[ADMINS.channel]
    state.post(channel, Revision(NOW, "ours", metadata=metadata))
    for number in range(210):
        state.post(channel, Revision(NOW, f"chatter {number}"), author=state.user_named("carol"))
    return state


async def test_search_goes_through_every_page() -> None:
    """History comes newest first, a page at a time."""
    with listening_aside(talkative()) as url, SlackControl(url) as control:
        client = AsyncWebClient("xoxb-demo", base_url=f"{url}/api/", retry_handlers=[])
        messenger = SlackMessenger(client, Directory(client, Addresses("C01GPUADMINS")), LINKS)

        receipt = await found(messenger, ADMINS, "m1")

        [ours, *_] = control.messages("#gpu-admins")
        assert receipt == Receipt("C01GPUADMINS", ours.ts, RecipientKind.ADMINS)
        assert len(control.calls("conversations.history")) == 2


async def test_search_leaves_out_what_is_older(messenger: SlackMessenger, alice: Recipient) -> None:
    await messenger.post(alice, NOTICE, message_ids=["m1"])
    later = datetime.now(UTC) + timedelta(minutes=1)

    assert await found(messenger, alice, "m1", since=later) is None


async def test_thread_that_is_gone_holds_nothing(
    messenger: SlackMessenger, alice: Recipient
) -> None:
    gone = Receipt("D01ALICE", "1.000100", RecipientKind.OWNER)

    assert await found(messenger, alice, "m1", gone) is None


async def test_rewriting_notifies_nobody_and_keeps_the_id(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    receipt = await messenger.post(alice, NOTICE, message_ids=["m1"])

    await messenger.update(receipt, replace(NOTICE, kind=MessageKind.STATUS))

    [message] = slack_control.messages("@alice")
    assert len(message.revisions) == 2
    assert await found(messenger, alice, "m1") == receipt


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
        await messenger.post(alice, NOTICE, message_ids=["m1"])
    slack_control.deactivate("alice")

    again = await messenger.recipient(Audience.OWNER, "alice")

    assert again.kind is RecipientKind.ADMINS


async def test_probe_is_content_when_slack_answers(
    messenger: SlackMessenger, slack_control: SlackControl
) -> None:
    await messenger.probe()

    assert [call.method for call in slack_control.calls()] == ["auth.test"]


def joining(thread: Receipt) -> Notice:
    return replace(NOTICE, thread=thread)


async def test_warning_below_a_live_message_stands_in_the_conversation_as_well(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    root = await messenger.post(alice, NOTICE, message_ids=["m1"])

    receipt = await messenger.post(alice, joining(root), message_ids=["m2"])

    assert receipt.root == root
    assert slack_control.calls("chat.postMessage")[-1].arguments["reply_broadcast"]
    # Looked for where it may have been posted, and where another root would have put it.
    assert await found(messenger, alice, "m2") == receipt


async def test_reply_is_no_broadcast(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient
) -> None:
    root = await messenger.post(alice, NOTICE, message_ids=["m1"])

    await messenger.post(alice, reply_in(root), message_ids=["m2"])

    assert "reply_broadcast" not in slack_control.calls("chat.postMessage")[-1].arguments


async def test_message_for_several_is_found_by_each_of_its_ids(
    messenger: SlackMessenger, alice: Recipient
) -> None:
    receipt = await messenger.post(alice, NOTICE, message_ids=["m1", "m2"])

    receipts = await messenger.find(alice, ["m1", "m2", "m3"], notice=NOTICE, since=LONG_AGO)

    assert receipts == {"m1": receipt, "m2": receipt}


@pytest.mark.parametrize("kind", [MessageKind.WARNING, MessageKind.REMINDER])
async def test_where_the_thread_is_gone_a_message_begins_one(
    messenger: SlackMessenger, slack_control: SlackControl, alice: Recipient, kind: MessageKind
) -> None:
    gone = Receipt("D01ALICE", "1.000100", RecipientKind.OWNER)

    receipt = await messenger.post(
        alice, replace(NOTICE, kind=kind, thread=gone), message_ids=["m1"]
    )

    [message] = slack_control.messages("@alice")
    assert message.thread_ts is None
    assert receipt == Receipt("D01ALICE", message.ts, RecipientKind.OWNER)
    assert await found(messenger, alice, "m1", gone) == receipt
