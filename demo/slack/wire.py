"""What the control interface of the simulated Slack speaks."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from demo.slack.attachments import Attachment
from demo.slack.calls import FaultKind
from demo.slack.interactions import elements_of
from demo.slack.pressing import Way


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AddUser(_Wire):
    username: str
    email: str
    tz: str = "UTC"
    user_id: str | None = None


class AddChannel(_Wire):
    name: str
    channel_id: str | None = None
    bot_is_member: bool = True


class SetActive(_Wire):
    active: bool


class SetScopes(_Wire):
    scopes: list[str]
    of_app: bool = False
    """Whether they are those of the app-level token."""


class Say(_Wire):
    """Something that a person writes, where the bot can read it."""

    username: str
    channel_id: str
    text: str
    thread_ts: str | None = None


class AddFault(_Wire):
    """`method` None is every method. Seconds are real ones, whatever the demo's speed."""

    kind: FaultKind
    method: str | None = None
    error: str = "internal_error"
    status: int = 500
    retry_after: int = 1
    every: int = Field(default=1, ge=1)
    times: int | None = Field(default=None, ge=1)
    lasts_seconds: float | None = Field(default=None, gt=0)


class SetInteractivity(_Wire):
    """None leaves a setting as it is."""

    request_url: str | None = None
    """Where interactions go while no socket is open; empty for nowhere."""
    patience: float | None = Field(default=None, gt=0)
    """Seconds within which the app has to acknowledge."""


class PressSomething(_Wire):
    username: str
    channel: str
    ts: str
    action_id: str
    block_id: str = ""
    option: str = ""
    times: int = Field(default=1, ge=0)


class Disconnect(_Wire):
    """What happens to every open connection of Socket Mode."""

    reason: str = ""
    """What the app is told, with `how` None."""
    how: Literal["drop", "freeze"] | None = None


class UserRecord(_Wire):
    user_id: str
    username: str
    email: str
    tz: str
    deleted: bool


class RevisionRecord(_Wire):
    at: datetime
    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any] | None
    attachments: list[Attachment]

    @property
    def notification(self) -> str:
        """What a notification would show: the text, or what stands for the attachments."""
        return self.text or " ".join(one.fallback for one in self.attachments)


class MessageRecord(_Wire):
    """A message with everything that it ever said, oldest first."""

    channel_id: str
    channel: str
    """`@alice` or `#gpu-admins`."""
    ts: str
    author: str
    thread_ts: str | None
    broadcast: bool
    """Whether it is a reply that stands in the conversation itself, too."""
    visible_to: str | None
    """The only one who sees it; None: everybody does."""
    client_msg_id: str | None
    revisions: list[RevisionRecord]

    @property
    def text(self) -> str:
        return self.revisions[-1].text

    @property
    def blocks(self) -> list[dict[str, Any]]:
        return self.revisions[-1].blocks

    @property
    def attachments(self) -> list[Attachment]:
        return self.revisions[-1].attachments

    @property
    def action_ids(self) -> list[str]:
        """What can be pressed now, from top to bottom."""
        return [one.action_id for block in self.blocks for one in elements_of(block)]

    @property
    def posted_at(self) -> datetime:
        return self.revisions[0].at

    @property
    def shown(self) -> str:
        """All that the message says now: its text, and that of its blocks and attachments."""
        attached = [word for one in self.attachments for word in one.words]
        return "\n".join([self.text, *_texts(self.blocks), *attached])


class DeliveryRecord(_Wire):
    """One attempt to tell the app of a press."""

    way: Way
    outcome: str
    """`acknowledged`, `timeout`, `unreachable`, `nobody`, or `http_500` and the like."""
    connection: int | None
    """The number of the connection of Socket Mode, counted from 1."""
    answer: str | dict[str, Any] | None
    """The body of the app's answer, or its acknowledgement."""


class PressRecord(_Wire):
    payload: dict[str, Any]
    deliveries: list[DeliveryRecord]
    warning: str
    """What the presser sees beside the button; empty where all is well."""


class CallRecord(_Wire):
    method: str
    at: datetime
    arguments: dict[str, Any]
    fault: str | None
    outcome: str | None
    """`ok`, Slack's error, `http_500` and the like, or `gone` when the caller gave up on a call
    that hung; None: the caller has no answer."""


def _texts(part: object) -> list[str]:
    if isinstance(part, list):
        return [text for one in part for text in _texts(one)]
    if not isinstance(part, dict):
        return []
    own = part.get("text")
    nested = [text for value in part.values() for text in _texts(value)]
    return [own, *nested] if isinstance(own, str) else nested
