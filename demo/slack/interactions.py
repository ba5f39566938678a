"""What Slack sends an app when somebody presses something, and how it signs that."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from demo.slack.errors import ControlError
from demo.slack.model import Conversation, Json, Message, User
from demo.slack.shapes import parent_object
from demo.slack.sockets import APP_ID
from demo.slack.state import SIGNING_SECRET, TEAM_ID, VERIFICATION_TOKEN, SlackState

_PRESSABLE = frozenset({"button", "overflow"})


@dataclass(frozen=True, slots=True)
class Element:
    """A button or a menu of a message."""

    block_id: str
    action_id: str
    shape: Json
    """As the app posted it."""

    @property
    def options(self) -> list[Json]:
        return list(self.shape.get("options", ()))


def elements_of(block: Json) -> Iterator[Element]:
    """Return what can be pressed. Slack names what the app did not."""
    parts = [*block.get("elements", ()), block.get("accessory") or {}]
    for number, part in enumerate(parts):
        if part.get("type") in _PRESSABLE:
            yield Element(block.get("block_id", ""), part.get("action_id") or f"e{number}", part)


def find_element(message: Message, action_id: str, block_id: str = "") -> Element:
    """
    Raises:
        ControlError: the message has nothing of the kind, now.
    """
    for block in message.current.blocks:
        for element in elements_of(block):
            if element.action_id == action_id and block_id in {"", element.block_id}:
                return element
    raise ControlError(f"message {message.ts} has nothing to press named {action_id}")


def action_of(element: Element, option: str, action_ts: str) -> Json:
    """Return what was pressed; `option` is the value of the chosen one of a menu.

    Raises:
        ControlError: the menu has no such option.
    """
    shape = element.shape
    action: Json = {
        "type": shape["type"],
        "action_id": element.action_id,
        "block_id": element.block_id,
        "action_ts": action_ts,
    }
    action |= {name: shape[name] for name in ("value", "style", "url") if shape.get(name)}
    if shape.get("confirm"):
        action["confirm"] = shape["confirm"]
    if shape["type"] == "button":
        return action | {"text": {"emoji": True} | shape["text"]}
    for one in element.options:
        if option in {one.get("value"), one["text"]["text"]}:
            return action | {"selected_option": one | {"text": {"emoji": True} | one["text"]}}
    raise ControlError(f"menu {element.action_id} has no option {option!r}")


def block_actions(
    state: SlackState,
    conversation: Conversation,
    message: Message,
    user: User,
    action: Json,
    *,
    origin: str,
) -> Json:
    """Return the payload. `origin` is where the simulated Slack listens."""
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": conversation.channel_id,
        "is_ephemeral": message.visible_to is not None,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    path = state.response_urls.issue(conversation, message, user.user_id, TEAM_ID)
    payload: Json = {
        "type": "block_actions",
        "user": {
            "id": user.user_id,
            "username": user.username,
            "name": user.username,
            "team_id": TEAM_ID,
        },
        "api_app_id": APP_ID,
        "token": VERIFICATION_TOKEN,
        "container": container,
        "trigger_id": f"{action['action_ts']}.{secrets.token_hex(16)}",
        "team": {"id": TEAM_ID, "domain": "lab"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {
            "id": conversation.channel_id,
            "name": conversation.name or "directmessage",
        },
        "state": {"values": {}},
        "response_url": origin + path,
        "actions": [action],
    }
    if message.visible_to is None:
        # Of an ephemeral message Slack keeps nothing that it could send.
        payload["message"] = parent_object(conversation, message, with_metadata=True)
    return payload


def form(payload: Json) -> bytes:
    """Return the body of the request to an app's request URL."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def signature(body: bytes, timestamp: int, *, secret: str = SIGNING_SECRET) -> str:
    """Return the header `X-Slack-Signature`."""
    basis = b"v0:%d:%b" % (timestamp, body)
    return "v0=" + hmac.new(secret.encode(), basis, hashlib.sha256).hexdigest()
