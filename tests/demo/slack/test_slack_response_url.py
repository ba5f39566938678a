"""What an app answers at the address that came with a press."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from slack_sdk.webhook.async_client import AsyncWebhookClient

from demo.slack.control import SlackControl
from demo.slack.errors import SlackError
from demo.slack.model import Conversation, Message, Revision
from demo.slack.response_urls import ResponseUrls
from tests.demo.slack.conftest import BLOCKS, NOW

Post = Callable[..., Awaitable[str]]
Send = Callable[[str, dict[str, Any]], httpx.Response]


@pytest.fixture
async def ts(post: Post) -> str:
    """Of a message with buttons."""
    return await post("idle", blocks=BLOCKS)


@pytest.fixture
def address(control: SlackControl, direct: str, ts: str) -> str:
    """Where a press of alice may be answered."""
    made = control.press("alice", direct, ts, "keep.2h", repeat=0)
    return str(made.payload["response_url"])


@pytest.fixture
def send() -> Iterator[Send]:
    """Post an answer to an address."""
    with httpx.Client(verify=False, trust_env=False) as client:  # noqa: S501 - No TLS at all.
        yield lambda address, body: client.post(address, json=body)


async def test_answer_is_for_the_presser_alone(
    control: SlackControl, address: str, direct: str
) -> None:
    answer = await AsyncWebhookClient(address).send(
        text="Kept.", response_type="ephemeral", replace_original=False
    )

    assert (answer.status_code, answer.body) == (200, '{"ok":true}')
    [message] = control.ephemeral(direct)
    assert (message.text, message.visible_to) == ("Kept.", "alice")
    assert [message.text for message in control.messages()] == ["idle"]


async def test_answer_can_be_for_everybody(
    control: SlackControl, address: str, direct: str
) -> None:
    await AsyncWebhookClient(address).send(text="Kept.", response_type="in_channel")

    assert [message.text for message in control.messages(direct)] == ["idle", "Kept."]
    assert not control.ephemeral()


@pytest.mark.parametrize("asked", [{"replace_original": True}, {}], ids=["asked", "not asked"])
async def test_answer_replaces_the_message_unless_told_otherwise(
    send: Send, control: SlackControl, address: str, asked: dict[str, bool]
) -> None:
    send(address, {"text": "Kept.", "blocks": []} | asked).raise_for_status()

    [message] = control.messages()
    assert [revision.text for revision in message.revisions] == ["idle", "Kept."]
    assert not message.blocks


async def test_answer_can_delete_the_message(
    send: Send, control: SlackControl, address: str
) -> None:
    send(address, {"delete_original": True}).raise_for_status()

    assert not control.messages()


async def test_sixth_answer_is_refused(send: Send, control: SlackControl, address: str) -> None:
    body = {"text": "Kept.", "response_type": "ephemeral"}
    answers = [send(address, body) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert answers[-1].json() == {"ok": False, "error": "used_url"}
    assert len(control.ephemeral()) == 5


def test_answer_after_half_an_hour_is_refused() -> None:
    now = NOW
    addresses = ResponseUrls(lambda: now)
    message = Message("1.000000", "D1", "U1", [Revision(now, "idle")])
    path = addresses.issue(Conversation("D1", user_id="U2"), message, "U2", "T1")
    now += timedelta(minutes=30, microseconds=-1)
    assert addresses.use(path).user_id == "U2"

    now += timedelta(microseconds=1)

    with pytest.raises(SlackError, match="expired_url"):
        addresses.use(path)


async def test_address_that_nobody_gave_out_takes_nothing(send: Send, url: str) -> None:
    answer = send(f"{url}/actions/T01LAB/1/guess", {"text": "hello"})

    assert (answer.status_code, answer.json()["error"]) == (404, "invalid_url")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"text": "", "response_type": "ephemeral"}, "no_text"),
        ({"text": "x", "blocks": [{"type": "shout"}]}, "invalid_blocks"),
    ],
)
async def test_answer_has_the_limits_of_a_message(
    send: Send, control: SlackControl, address: str, body: dict[str, object], error: str
) -> None:
    answer = send(address, body)

    assert answer.json()["error"] == error
    assert [message.text for message in control.messages()] == ["idle"]


async def test_answer_is_among_the_calls_and_can_be_lost(
    send: Send, control: SlackControl, address: str
) -> None:
    control.lose_replies(method="response_url", times=1)

    with pytest.raises(httpx.RemoteProtocolError):
        send(address, {"text": "Kept.", "response_type": "ephemeral"})

    [call] = control.calls("response_url")
    assert (call.fault, call.outcome) == ("lose_reply", None)
    assert [message.text for message in control.ephemeral()] == ["Kept."]


async def test_button_of_an_answer_can_be_pressed_by_its_reader(
    send: Send, control: SlackControl, address: str, direct: str
) -> None:
    body = {"text": "Really?", "blocks": BLOCKS, "response_type": "ephemeral"}
    send(address, body).raise_for_status()
    [private] = control.ephemeral()

    payload = control.press("alice", direct, private.ts, "stop").payload
    replacement = {"text": "Done.", "blocks": [], "replace_original": True}
    send(payload["response_url"], replacement).raise_for_status()

    assert payload["container"]["is_ephemeral"]
    assert "message" not in payload
    assert [message.text for message in control.ephemeral()] == ["Done."]
    assert [message.text for message in control.messages()] == ["idle"]
