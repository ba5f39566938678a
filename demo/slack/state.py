"""The simulated workspace: who is there, what was said, and what is to go wrong."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from demo.slack.calls import CallLog, Faults
from demo.slack.errors import ControlError, SlackError
from demo.slack.model import Conversation, Message, Revision, User
from demo.slack.response_urls import ResponseUrls
from demo.slack.sockets import Sockets

if TYPE_CHECKING:
    from demo.slack.pressing import Press

BOT_TOKEN = "xoxb-demo"  # noqa: S105 - The workspace is simulated, and so is its secret.
APP_TOKEN = "xapp-demo"  # noqa: S105 - The same.
SIGNING_SECRET = "demo-signing-secret"  # noqa: S105 - The same.
VERIFICATION_TOKEN = "demo-verification"  # noqa: S105 - The same.
TEAM_ID = "T01LAB"
BOT_ID = "B01WATCHDOG"
WEBHOOK = (TEAM_ID, "B01ALERTMANAGER", "demo")
"""The three parts of the incoming webhook's address: team, service, secret."""
ADMIN_CHANNEL = "gpu-admins"
PEOPLE = ("alice", "bob", "carol", "dan")
SCOPES = frozenset(
    {
        "channels:history",
        "chat:write",
        "im:history",
        "im:write",
        "users:read",
        "users:read.email",
    }
)

APP_SCOPES = frozenset({"connections:write"})
PATIENCE = 3.0
"""Seconds within which an app has to acknowledge an interaction."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def wall_clock() -> datetime:
    return datetime.now(UTC)


class SlackState:
    """One workspace with the watchdog's bot, and Alertmanager behind an incoming webhook.

    Everything happens in one event loop.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = wall_clock,
        timezone: str = "Europe/Berlin",
        webhook: tuple[str, str, str] = WEBHOOK,
    ) -> None:
        self.now = clock
        self.webhook = webhook
        self.users: dict[str, User] = {}
        self.conversations: dict[str, Conversation] = {}
        self.scopes = SCOPES
        self.calls = CallLog()
        self.faults = Faults(clock)
        self.app_scopes = APP_SCOPES
        self.sockets = Sockets()
        self.request_url = ""
        """Where interactions go while no socket is open; empty for nowhere."""
        self.patience = PATIENCE
        self.response_urls = ResponseUrls(clock)
        self.presses: list[Press] = []
        self._warnings: dict[tuple[str, str, str], str] = {}
        self._last_microseconds = 0
        self.bot = self.add_user("watchdog", email="", bot_id=BOT_ID)
        self.alertmanager = self.add_user("Alertmanager", email="", bot_id=webhook[1])
        for name in PEOPLE:
            self.add_user(name, email=f"{name}@lab.example", timezone=timezone)
        self.admin_channel_id = self.add_channel(ADMIN_CHANNEL).channel_id

    def add_user(
        self,
        username: str,
        *,
        email: str,
        timezone: str = "UTC",
        user_id: str | None = None,
        bot_id: str | None = None,
    ) -> User:
        """Add somebody, or replace who has the same id.

        Raises:
            ControlError: the name makes no Slack id, and none was given.
        """
        user = User(
            user_id or _identifier("U01", username),
            username,
            email,
            ZoneInfo(timezone),
            bot_id=bot_id,
        )
        self.users[user.user_id] = user
        return user

    def add_channel(
        self, name: str, *, channel_id: str | None = None, bot_is_member: bool = True
    ) -> Conversation:
        channel = Conversation(
            channel_id or _identifier("C01", name), name=name, bot_is_member=bot_is_member
        )
        self.conversations[channel.channel_id] = channel
        return channel

    def open_direct(self, user: User) -> Conversation:
        """Return the bot's direct messages with somebody; begun if need be."""
        channel_id = "D" + user.user_id[1:]
        return self.conversations.setdefault(
            channel_id, Conversation(channel_id, user_id=user.user_id)
        )

    def user_named(self, name: str) -> User:
        """Return who has this user name, e-mail address or id.

        Raises:
            ControlError: nobody has.
        """
        for user in self.users.values():
            if name in {user.username, user.email, user.user_id}:
                return user
        raise ControlError(f"no user {name}")

    def conversation_named(self, name: str) -> Conversation:
        """Return the conversation of this id or title.

        Raises:
            ControlError: there is none.
        """
        for conversation in self.conversations.values():
            if name in {conversation.channel_id, self.title(conversation)}:
                return conversation
        raise ControlError(f"no conversation {name}")

    def warn(self, user: User, message: Message, warning: str) -> None:
        """Show the user a warning at the message, instead of any before; empty for none."""
        self._warnings[user.user_id, message.channel_id, message.ts] = warning

    def warning(self, user: User, message: Message) -> str:
        return self._warnings.get((user.user_id, message.channel_id, message.ts), "")

    def title(self, conversation: Conversation) -> str:
        """Return `@alice` or `#gpu-admins`."""
        if conversation.user_id is not None:
            return f"@{self.users[conversation.user_id].username}"
        return f"#{conversation.name}"

    def require(self, scope: str) -> None:
        """
        Raises:
            SlackError: the token lacks the scope.
        """
        if scope not in self.scopes:
            provided = ",".join(sorted(self.scopes))
            raise SlackError("missing_scope", needed=scope, provided=provided)

    def post(
        self,
        conversation: Conversation,
        revision: Revision,
        *,
        thread_ts: str | None = None,
        client_msg_id: str | None = None,
        author: User | None = None,
        broadcast: bool = False,
        visible_to: str | None = None,
    ) -> Message:
        """Say something, as the watchdog's bot or as somebody else."""
        author = author or self.bot
        message = Message(
            ts=self.next_ts(),
            channel_id=conversation.channel_id,
            user_id=author.user_id,
            revisions=[revision],
            bot_id=author.bot_id,
            thread_ts=thread_ts,
            client_msg_id=client_msg_id,
            broadcast=broadcast,
            visible_to=visible_to,
        )
        shelf = conversation.ephemeral if visible_to else conversation.messages
        shelf[message.ts] = message
        return message

    def next_ts(self) -> str:
        """Return the present as Slack writes it, and never the same twice."""
        microseconds = max((self.now() - _EPOCH) // _MICROSECOND, self._last_microseconds + 1)
        self._last_microseconds = microseconds
        return f"{microseconds // 10**6}.{microseconds % 10**6:06d}"


def _identifier(prefix: str, name: str) -> str:
    letters = "".join(letter for letter in name.upper() if letter.isascii() and letter.isalnum())
    if not letters:
        raise ControlError(f"no Slack id can be made from {name!r}: give one")
    return prefix + letters
