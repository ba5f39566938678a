"""People, conversations and messages of the simulated workspace."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from demo.slack.attachments import Attachment

Json: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class User:
    user_id: str
    username: str
    email: str
    timezone: ZoneInfo
    deleted: bool = False
    bot_id: str | None = None
    """None for people."""

    @property
    def is_bot(self) -> bool:
        return self.bot_id is not None


@dataclass(frozen=True, slots=True)
class Revision:
    """What a message said from some moment on."""

    at: datetime
    text: str
    blocks: tuple[Json, ...] = ()
    metadata: Json | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(slots=True)
class Message:
    ts: str
    """Seconds and microseconds since 1970; the message's identity within its conversation."""
    channel_id: str
    user_id: str
    revisions: list[Revision]
    bot_id: str | None = None
    thread_ts: str | None = None
    """The parent's `ts`, when this is a reply."""
    client_msg_id: str | None = None
    broadcast: bool = False
    """Whether this reply stands in the conversation as well, as a new message does."""
    visible_to: str | None = None
    """The id of the only user who sees it; None: everybody does."""

    @property
    def current(self) -> Revision:
        return self.revisions[-1]

    @property
    def posted_at(self) -> datetime:
        return self.revisions[0].at

    @property
    def edited(self) -> bool:
        return len(self.revisions) > 1


@dataclass(slots=True)
class Conversation:
    """A direct message between the bot and `user_id`, or a channel with a name."""

    channel_id: str
    user_id: str | None = None
    name: str | None = None
    bot_is_member: bool = True
    messages: dict[str, Message] = field(default_factory=dict)
    """By `ts`, in the order of posting."""
    ephemeral: dict[str, Message] = field(default_factory=dict)
    """What only one person sees. No method finds it any more."""

    @property
    def is_direct(self) -> bool:
        return self.user_id is not None

    def standing(self) -> list[Message]:
        """Return what stands in the conversation itself, oldest first.

        That is all that is no reply, and replies that were broadcast.
        """
        return [one for one in self.messages.values() if one.thread_ts is None or one.broadcast]

    def replies(self, ts: str) -> list[Message]:
        return [message for message in self.messages.values() if message.thread_ts == ts]
