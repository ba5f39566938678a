"""What Slack tells of a pressed button: payloads, and signed requests."""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

from app.domain.press import Press, Verb

SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
INCIDENT = "0f4c6a52-54a4-4f43-9f0e-2a3d1f1f6f10"
ALLOCATION = "c7a2ea20-b2f1-4c94-ae05-319acb5c7427.1"
RESPONSE_URL = "https://hooks.slack.com/actions/T01LAB/5123456789/s3cr3tPath"
ACTION_TS = "1764158400.123456"
MESSAGE_TS = "1764154800.000100"
KEEP = Press(
    press_id=f"U01ALICE:{ACTION_TS}:keep.2h",
    user_id="U01ALICE",
    channel="D01ALICE",
    message_ts=MESSAGE_TS,
    verb=Verb.KEEP,
    argument="2h",
    subjects=(INCIDENT,),
    response_url=RESPONSE_URL,
)
"""What `block_actions(button())` is read as."""


def button(action_id: str = "keep.2h", value: str | None = INCIDENT) -> dict[str, Any]:
    """Return an action as Slack describes it; one without a value has no such field."""
    pressed = {
        "type": "button",
        "action_id": action_id,
        "block_id": "keep",
        "text": {"type": "plain_text", "text": "Keep 2 h", "emoji": True},
        "action_ts": ACTION_TS,
    }
    return pressed if value is None else pressed | {"value": value}


def menu(value: str, action_id: str = "menu#3") -> dict[str, Any]:
    option = {"text": {"type": "plain_text", "text": "Keep 8 h"}, "value": value}
    chosen = {"type": "overflow", "block_id": "tasks", "selected_option": option}
    return chosen | {"action_id": action_id, "action_ts": ACTION_TS}


def block_actions(*actions: object, **changes: object) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "user": {"id": "U01ALICE", "username": "alice", "name": "alice", "team_id": "T01LAB"},
        "api_app_id": "A01WATCHDOG",
        "token": "an old token of Slack's, which proves nothing",
        "container": {
            "type": "message",
            "message_ts": MESSAGE_TS,
            "channel_id": "D01ALICE",
            "is_ephemeral": False,
        },
        "trigger_id": "12321423423.333649436676.d8c1bb837935619ccad0f624c448ffb3",
        "team": {"id": "T01LAB", "domain": "lab"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": "D01ALICE", "name": "directmessage"},
        "message": {"type": "message", "ts": MESSAGE_TS, "text": "…", "blocks": []},
        "state": {"values": {}},
        "response_url": RESPONSE_URL,
        "actions": list(actions),
    } | changes


def form(payload: object) -> bytes:
    """Return the body as Slack posts it."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def signature(body: bytes, time: str, secret: str = SIGNING_SECRET) -> str:
    signed = hmac.new(secret.encode(), f"v0:{time}:".encode() + body, hashlib.sha256)
    return f"v0={signed.hexdigest()}"


def signed(body: bytes, at: datetime, secret: str = SIGNING_SECRET) -> dict[str, str]:
    """Return the headers of a request that Slack signs at this moment."""
    time = str(int(at.timestamp()))
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": time,
        "X-Slack-Signature": signature(body, time, secret),
    }


ANYTHING: st.SearchStrategy[object] = st.text(max_size=8) | st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        10**400,
        float("nan"),
        "\ud800",
        "x" * 3000,
        [],
        {},
        [[]],
        {"id": {}},
        "a b",
    ]
)
_PRESSED = st.builds(
    lambda action, field, value: action | {field: value},
    st.sampled_from([button(), menu("keep.2h a"), menu("") | {"selected_option": {}}]),
    st.sampled_from(["action_id", "action_ts", "value", "selected_option"]),
    ANYTHING,
)
PAYLOADS: st.SearchStrategy[object] = ANYTHING | st.builds(
    lambda actions, changes: block_actions(*actions, **changes),
    st.lists(_PRESSED | ANYTHING, max_size=2),
    st.dictionaries(
        st.sampled_from(["type", "user", "container", "actions", "response_url"]),
        ANYTHING,
        max_size=1,
    ),
)
"""Nothing like what Slack tells, and what is nearly like it."""
