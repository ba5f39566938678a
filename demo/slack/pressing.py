"""Somebody presses a button: the app is told, and the presser sees when it does not hear."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

from demo.slack.errors import ControlError
from demo.slack.interactions import action_of, block_actions, find_element, form, signature
from demo.slack.model import Conversation, Json, Message, User
from demo.slack.state import SlackState


class Way(StrEnum):
    SOCKET = "socket"
    HTTP = "http"
    NONE = "none"  # no connection, and no request URL


ACKNOWLEDGED = "acknowledged"
_TOO_LATE = "timeout"
_UNREACHABLE = "unreachable"
_NOBODY = "nobody"
_WARNINGS = {
    _TOO_LATE: "The app did not answer in time.",
    _UNREACHABLE: "The app could not be reached.",
    _NOBODY: "This app is not set up to hear buttons.",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to tell the app."""

    way: Way
    outcome: str
    """`acknowledged`, `timeout`, `unreachable`, `nobody`, or `http_500` and the like."""
    connection: int | None = None
    """The number of the connection of Socket Mode."""
    answer: str | Json | None = None
    """The body, or the acknowledgement. Slack ignores what is in it."""

    @property
    def warning(self) -> str:
        """What the presser sees beside the button; empty where all is well."""
        if self.outcome == ACKNOWLEDGED:
            return ""
        return _WARNINGS.get(self.outcome, f"The app answered with {self.outcome}.")


@dataclass(frozen=True, slots=True)
class Press:
    payload: Json
    deliveries: tuple[Delivery, ...]

    @property
    def warning(self) -> str:
        return self.deliveries[0].warning if self.deliveries else ""


@dataclass(frozen=True, slots=True)
class Pressed:
    """What somebody pressed, and where."""

    channel: str
    """An id, or `@alice`, `#gpu-admins`."""
    ts: str
    action_id: str
    block_id: str = ""
    """Empty: the first block that has the action."""
    option: str = ""
    """The value, or the text, of what was chosen in a menu."""


async def press(
    state: SlackState, user: User, pressed: Pressed, *, origin: str, times: int = 1
) -> Press:
    """Send the payload; `times` at once, as a repeat of a delivery would come. 0 sends nothing.

    Raises:
        ControlError: this user has nothing of the kind to press.
    """
    conversation = state.conversation_named(pressed.channel)
    message = _message(conversation, pressed.ts)
    _require_sight(conversation, message, user)
    element = find_element(message, pressed.action_id, pressed.block_id)
    action = action_of(element, pressed.option, state.next_ts())
    payload = block_actions(state, conversation, message, user, action, origin=origin)
    attempts = (_deliver(state, payload) for _ in range(times))
    made = Press(payload, tuple(await asyncio.gather(*attempts)))
    state.warn(user, message, made.warning)
    state.presses.append(made)
    return made


def _message(conversation: Conversation, ts: str) -> Message:
    message = conversation.messages.get(ts) or conversation.ephemeral.get(ts)
    if message is None:
        raise ControlError(f"no message {ts} in {conversation.channel_id}")
    return message


def _require_sight(conversation: Conversation, message: Message, user: User) -> None:
    if user.deleted:
        raise ControlError(f"{user.username} is deactivated")
    if {conversation.user_id, message.visible_to} - {None, user.user_id}:
        raise ControlError(f"{user.username} does not see message {message.ts}")


async def _deliver(state: SlackState, payload: Json) -> Delivery:
    sent = await state.sockets.send(payload)
    if sent is None and state.request_url:
        return await _over_http(state, payload)
    if sent is None:
        return Delivery(Way.NONE, _NOBODY)
    connection, answer = sent
    try:
        said = await asyncio.wait_for(answer, state.patience)
    except TimeoutError:
        return Delivery(Way.SOCKET, _TOO_LATE, connection.number)
    return Delivery(Way.SOCKET, ACKNOWLEDGED, connection.number, said)


async def _over_http(state: SlackState, payload: Json) -> Delivery:
    body = form(payload)
    timestamp = int(state.now().timestamp())
    headers = {
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": str(timestamp),
        "X-Slack-Signature": signature(body, timestamp),
    }
    try:
        async with (
            asyncio.timeout(state.patience),
            aiohttp.ClientSession() as session,
            session.post(
                state.request_url, data=body, headers=headers, allow_redirects=False
            ) as answer,
        ):
            said = await answer.text(errors="replace")
            status = answer.status
    except TimeoutError:
        return Delivery(Way.HTTP, _TOO_LATE)
    except aiohttp.ClientError:
        return Delivery(Way.HTTP, _UNREACHABLE)
    outcome = ACKNOWLEDGED if status == 200 else f"http_{status}"
    return Delivery(Way.HTTP, outcome, answer=said)
