"""A client of the control interface, for the demo and the tests."""

from types import TracebackType
from typing import Self

import httpx
from pydantic import BaseModel, TypeAdapter

from demo.plain import PLAIN
from demo.slack.calls import FaultKind
from demo.slack.wire import (
    AddChannel,
    AddFault,
    AddUser,
    CallRecord,
    Disconnect,
    MessageRecord,
    PressRecord,
    PressSomething,
    Say,
    SetActive,
    SetInteractivity,
    SetScopes,
    UserRecord,
)

_USERS = TypeAdapter(list[UserRecord])
_MESSAGES = TypeAdapter(list[MessageRecord])
_PRESSES = TypeAdapter(list[PressRecord])
_NUMBERS = TypeAdapter(list[int])
_CALLS = TypeAdapter(list[CallRecord])


class SlackControl:
    """Switches the simulated workspace. Every method returns when the change holds.

    `url` is the address of the page, without `/api/`.

    Raises:
        httpx.HTTPStatusError: 422, with the reason, when something does not exist.
    """

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url.rstrip('/')}/control", timeout=10, verify=PLAIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def users(self) -> list[UserRecord]:
        return _USERS.validate_json(self._get("/users"))

    def add_user(
        self, username: str, *, email: str, tz: str = "UTC", user_id: str | None = None
    ) -> UserRecord:
        body = AddUser(username=username, email=email, tz=tz, user_id=user_id)
        return UserRecord.model_validate_json(self._post("/users", body))

    def deactivate(self, name: str) -> None:
        """Deactivate who has this user name, e-mail address or id; also the bot, `watchdog`."""
        self._post(f"/users/{name}/active", SetActive(active=False))

    def reactivate(self, name: str) -> None:
        self._post(f"/users/{name}/active", SetActive(active=True))

    def add_channel(
        self, name: str, *, channel_id: str | None = None, bot_is_member: bool = True
    ) -> str:
        """Return the channel's id."""
        body = AddChannel(name=name, channel_id=channel_id, bot_is_member=bot_is_member)
        response = self._http.post("/channels", content=body.model_dump_json()).raise_for_status()
        return str(response.json()["channel_id"])

    def set_scopes(self, *scopes: str) -> None:
        """Grant the token exactly these."""
        self._post("/scopes", SetScopes(scopes=list(scopes)))

    def say(
        self, username: str, channel_id: str, text: str, *, thread_ts: str | None = None
    ) -> str:
        """Write as a person; return the message's `ts`."""
        body = Say(username=username, channel_id=channel_id, text=text, thread_ts=thread_ts)
        response = self._http.post("/say", content=body.model_dump_json()).raise_for_status()
        return str(response.json()["ts"])

    def set_app_scopes(self, *scopes: str) -> None:
        """Grant the app-level token, the one of Socket Mode, exactly these."""
        self._post("/scopes", SetScopes(scopes=list(scopes), of_app=True))

    def set_request_url(self, url: str) -> None:
        """Send interactions there while no socket is open; empty for nowhere."""
        self._post("/interactivity", SetInteractivity(request_url=url))

    def set_patience(self, seconds: float) -> None:
        """Give the app this long to acknowledge a press, instead of Slack's 3 s."""
        self._post("/interactivity", SetInteractivity(patience=seconds))

    def press(
        self,
        username: str,
        channel: str,
        ts: str,
        action_id: str,
        *,
        option: str = "",
        block_id: str = "",
        repeat: int = 1,
    ) -> PressRecord:
        """Press as a person; return when the app has acknowledged, or has not.

        `channel` is an id, `@alice` or `#gpu-admins`; `option` the value or the text of a menu's.
        The same payload is delivered `repeat` times at once; 0 makes it and delivers nothing.
        """
        body = PressSomething(
            username=username,
            channel=channel,
            ts=ts,
            action_id=action_id,
            block_id=block_id,
            option=option,
            times=repeat,
        )
        return PressRecord.model_validate_json(self._post("/presses", body))

    def presses(self) -> list[PressRecord]:
        """Return what was pressed, here and on the page, oldest first."""
        return _PRESSES.validate_json(self._get("/presses"))

    def sockets(self) -> list[int]:
        """Return the numbers of the open connections of Socket Mode, counted from 1."""
        return _NUMBERS.validate_json(self._get("/sockets"))

    def refresh_sockets(self, reason: str = "refresh_requested") -> None:
        """Ask the app to connect anew, and close, as Slack does every few hours.

        With `warning` the connections stay for now; `link_disabled` says that Socket Mode was
        switched off.
        """
        self._post("/sockets/disconnect", Disconnect(reason=reason))

    def drop_sockets(self) -> None:
        """Break the connections without a word."""
        self._post("/sockets/disconnect", Disconnect(how="drop"))

    def freeze_sockets(self) -> None:
        """Let nothing through any more, and tell neither side; `drop_sockets` ends it."""
        self._post("/sockets/disconnect", Disconnect(how="freeze"))

    def add_fault(self, fault: AddFault) -> None:
        self._post("/faults", fault)

    def fail(self, error: str, *, method: str | None = None, times: int | None = None) -> None:
        """Answer with `ok: false`."""
        self.add_fault(AddFault(kind=FaultKind.ERROR, error=error, method=method, times=times))

    def limit_rate(
        self,
        *,
        method: str | None = None,
        retry_after: int = 1,
        times: int | None = None,
        every: int = 1,
    ) -> None:
        """Answer 429, with seconds to wait; at every n-th call, or at each."""
        self.add_fault(
            AddFault(
                kind=FaultKind.RATE_LIMIT,
                method=method,
                retry_after=retry_after,
                times=times,
                every=every,
            )
        )

    def hang(self, *, method: str | None = None) -> None:
        self.add_fault(AddFault(kind=FaultKind.HANG, method=method))

    def lose_replies(
        self,
        *,
        method: str | None = "chat.postMessage",
        times: int | None = None,
        every: int = 1,
    ) -> None:
        """Do what is asked, and never say so; at every n-th call, or at each."""
        self.add_fault(AddFault(kind=FaultKind.LOSE_REPLY, method=method, times=times, every=every))

    def take_down(self, *, seconds: float | None = None) -> None:
        """Drop every call and connection; for some real seconds, or until faults are cleared."""
        self.add_fault(AddFault(kind=FaultKind.DROP, lasts_seconds=seconds))
        self.drop_sockets()

    def clear_faults(self, method: str | None = None) -> None:
        """End the faults of one method, or all of them."""
        params = {"method": method} if method else {}
        self._http.delete("/faults", params=params).raise_for_status()

    def messages(self, channel: str | None = None) -> list[MessageRecord]:
        """Return what was said, oldest first; of `@alice`, `#gpu-admins` or a conversation's id."""
        return self._messages("/messages", channel)

    def ephemeral(self, channel: str | None = None) -> list[MessageRecord]:
        """Return what one person alone was told, oldest first."""
        return self._messages("/messages?ephemeral", channel)

    def delete(self, channel_id: str, ts: str) -> None:
        """Delete a message, as admins of a workspace may. Its replies stay."""
        self._http.delete(f"/messages/{channel_id}/{ts}").raise_for_status()

    def calls(self, method: str | None = None) -> list[CallRecord]:
        """Return the calls, oldest first."""
        params = {"method": method} if method else {}
        response = self._http.get("/calls", params=params).raise_for_status()
        return _CALLS.validate_json(response.content)

    def clear_calls(self) -> None:
        self._http.delete("/calls").raise_for_status()

    def _messages(self, path: str, channel: str | None) -> list[MessageRecord]:
        return [
            message
            for message in _MESSAGES.validate_json(self._get(path))
            if channel in {None, message.channel, message.channel_id}
        ]

    def _get(self, path: str) -> bytes:
        return self._http.get(path).raise_for_status().content

    def _post(self, path: str, body: BaseModel) -> bytes:
        return self._http.post(path, content=body.model_dump_json()).raise_for_status().content
