"""Somebody presses a button, and the app is told at its request URL."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from demo.slack.control import SlackControl
from demo.slack.pressing import Way
from demo.slack.state import SIGNING_SECRET, VERIFICATION_TOKEN
from demo.slack.wire import PressRecord
from tests.demo.slack.conftest import BLOCKS, NOW, Ears

ADMINS = "#gpu-admins"
Post = Callable[..., Awaitable[str]]
PressAs = Callable[..., Awaitable[PressRecord]]


def outcomes(made: PressRecord) -> list[str]:
    return [one.outcome for one in made.deliveries]


async def test_press_is_posted_as_a_signed_form(
    ears: Ears, press: PressAs, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)

    made = await press("alice", direct, ts, "keep.2h")

    [(headers, body)] = ears.heard
    timestamp = headers["x-slack-request-timestamp"]
    basis = b"v0:" + timestamp.encode() + b":" + body
    expected = "v0=" + hmac.new(SIGNING_SECRET.encode(), basis, hashlib.sha256).hexdigest()
    assert headers["x-slack-signature"] == expected
    assert int(timestamp) == int(NOW.timestamp())
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert json.loads(parse_qs(body.decode())["payload"][0]) == made.payload
    assert (outcomes(made), made.warning) == (["acknowledged"], "")
    assert made.deliveries[0].way is Way.HTTP


async def test_payload_says_who_pressed_what_and_where(
    ears: Ears, press: PressAs, direct: str, post: Post
) -> None:
    metadata = {"event_type": "warning", "event_payload": {"id": "7"}}
    ts = await post("idle", blocks=BLOCKS, metadata=metadata)

    payload = (await press("alice", direct, ts, "stop")).payload

    assert len(ears.heard) == 1
    assert payload["type"] == "block_actions"
    assert payload["user"] == {
        "id": "U01ALICE",
        "username": "alice",
        "name": "alice",
        "team_id": "T01LAB",
    }
    assert payload["team"] == {"id": "T01LAB", "domain": "lab"}
    assert (payload["api_app_id"], payload["token"]) == ("A01WATCHDOG", VERIFICATION_TOKEN)
    assert payload["container"] == {
        "type": "message",
        "message_ts": ts,
        "channel_id": direct,
        "is_ephemeral": False,
    }
    assert payload["channel"] == {"id": direct, "name": "directmessage"}
    assert (payload["message"]["ts"], payload["message"]["metadata"]) == (ts, metadata)
    assert payload["trigger_id"]
    [action] = payload["actions"]
    assert action == {
        "type": "button",
        "action_id": "stop",
        "block_id": "all",
        "text": {"type": "plain_text", "text": "Stop now", "emoji": True},
        "value": "i-7/a-1",
        "style": "danger",
        "confirm": BLOCKS[0]["elements"][1]["confirm"],
        "action_ts": action["action_ts"],
    }


@pytest.mark.parametrize("option", ["keep.24h i-7", "Keep 24 h"], ids=["value", "text"])
async def test_payload_of_a_menu_has_the_chosen_option(
    ears: Ears, press: PressAs, direct: str, post: Post, option: str
) -> None:
    ts = await post("idle", blocks=BLOCKS)

    payload = (await press("alice", direct, ts, "menu#0", option=option)).payload

    assert len(ears.heard) == 1
    [action] = payload["actions"]
    assert (action["type"], action["block_id"]) == ("overflow", "one")
    assert action["selected_option"]["value"] == "keep.24h i-7"
    assert "value" not in action


async def test_press_in_a_thread_names_the_thread(
    ears: Ears, press: PressAs, direct: str, post: Post
) -> None:
    parent = await post("idle")
    ts = await post("still idle", blocks=BLOCKS, thread_ts=parent)

    payload = (await press("alice", direct, ts, "keep.2h")).payload

    assert len(ears.heard) == 1
    assert payload["container"]["thread_ts"] == payload["message"]["thread_ts"] == parent


async def test_anybody_in_a_channel_can_press(
    ears: Ears, press: PressAs, post: Post, control: SlackControl
) -> None:
    ts = await post("idle", channel="C01GPUADMINS", blocks=BLOCKS)

    payload = (await press("bob", ADMINS, ts, "keep.2h")).payload

    assert len(ears.heard) == 1
    assert payload["channel"] == {"id": "C01GPUADMINS", "name": "gpu-admins"}
    assert payload["user"]["username"] == "bob"
    assert [one.payload for one in control.presses()] == [payload]


async def test_each_press_is_one_of_its_own(
    ears: Ears, press: PressAs, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)

    made = [(await press("alice", direct, ts, "keep.2h")).payload for _ in range(2)]

    assert len(ears.heard) == 2
    for own in ("trigger_id", "response_url"):
        assert made[0][own] != made[1][own]
    assert made[0]["actions"][0]["action_ts"] < made[1]["actions"][0]["action_ts"]


async def test_repeated_delivery_is_of_the_same_press(
    ears: Ears, press: PressAs, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)

    made = await press("alice", direct, ts, "keep.2h", repeat=3)

    assert outcomes(made) == ["acknowledged"] * 3
    assert len(ears.heard) == 3
    assert len({body for _, body in ears.heard}) == 1


async def test_press_can_be_made_and_not_delivered(
    ears: Ears, press: PressAs, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)

    made = await press("alice", direct, ts, "keep.2h", repeat=0)

    assert made.payload["actions"][0]["value"] == "i-7"
    assert not made.deliveries
    assert not ears.heard


async def test_presser_is_warned_when_the_app_fails(
    ears: Ears, press: PressAs, direct: str, post: Post, control: SlackControl, url: str
) -> None:
    ts = await post("idle", blocks=BLOCKS)
    ears.status = 500

    made = await press("alice", direct, ts, "keep.2h")

    assert (outcomes(made), len(ears.heard)) == (["http_500"], 1), "Slack does not try again"
    page = f"{url}/c/{direct}"
    assert made.warning
    assert made.warning in (await asyncio.to_thread(httpx.get, page)).text
    ears.status = 200
    await press("alice", direct, ts, "keep.2h")
    assert made.warning not in (await asyncio.to_thread(httpx.get, page)).text
    assert len(control.presses()) == 2


async def test_presser_is_warned_when_the_app_takes_too_long(
    ears: Ears, press: PressAs, direct: str, post: Post, control: SlackControl
) -> None:
    ts = await post("idle", blocks=BLOCKS)
    ears.deaf = asyncio.Event()
    control.set_patience(0.2)

    made = await press("alice", direct, ts, "keep.2h")

    assert outcomes(made) == ["timeout"]
    assert made.warning == "The app did not answer in time."


async def test_presser_is_warned_when_nobody_can_be_told(
    control: SlackControl, press: PressAs, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)
    deaf = await press("alice", direct, ts, "keep.2h")
    control.set_request_url("http://127.0.0.1:1/slack/interactions")

    unreachable = await press("alice", direct, ts, "keep.2h")

    assert (outcomes(deaf), outcomes(unreachable)) == (["nobody"], ["unreachable"])
    assert deaf.warning
    assert unreachable.warning


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"action_id": "keep.never"}, id="button"),
        pytest.param({"block_id": "one"}, id="block"),
        pytest.param({"ts": "1.000000"}, id="message"),
        pytest.param({"channel": "@bob"}, id="conversation"),
        pytest.param({"username": "bob"}, id="somebody else's direct messages"),
        pytest.param({"username": "nobody"}, id="user"),
        pytest.param({"action_id": "menu#0", "option": "keep.9h"}, id="option"),
    ],
)
async def test_nothing_is_pressed_that_is_not_there(
    control: SlackControl, direct: str, post: Post, changes: dict[str, Any]
) -> None:
    ts = await post("idle", blocks=BLOCKS)
    what = {"username": "alice", "channel": direct, "ts": ts, "action_id": "keep.2h"}

    with pytest.raises(httpx.HTTPStatusError, match="422"):
        control.press(**(what | changes))

    assert not control.presses()


async def test_who_was_deactivated_presses_nothing(
    control: SlackControl, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)
    control.deactivate("alice")

    with pytest.raises(httpx.HTTPStatusError, match="422"):
        control.press("alice", direct, ts, "keep.2h")


async def test_button_that_an_update_took_away_cannot_be_pressed(
    slack: AsyncWebClient, control: SlackControl, direct: str, post: Post
) -> None:
    ts = await post("idle", blocks=BLOCKS)
    assert control.messages()[0].action_ids == ["keep.2h", "stop", "menu#0"]

    await slack.chat_update(channel=direct, ts=ts, text="kept", blocks=[])

    assert not control.messages()[0].action_ids
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        control.press("alice", direct, ts, "keep.2h")
