"""The address in the payload of an interaction, at which the app may answer it for a while."""

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from demo.slack.errors import SlackError
from demo.slack.model import Conversation, Message

PREFIX = "/actions/"
LASTS = timedelta(minutes=30)
USES = 5


@dataclass(slots=True)
class Address:
    """Where one answer goes."""

    conversation: Conversation
    message: Message
    """The message with the button."""
    user_id: str
    """Who pressed it."""
    until: datetime
    uses: int = 0


class ResponseUrls:
    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._numbers = itertools.count(1_000_001)
        self._known: dict[str, Address] = {}

    def issue(self, conversation: Conversation, message: Message, user_id: str, team: str) -> str:
        """Return the path of a new address. Who knows it needs no token."""
        path = f"{PREFIX}{team}/{next(self._numbers)}/{secrets.token_urlsafe(18)}"
        until = self._clock() + LASTS
        self._known[path] = Address(conversation, message, user_id, until)
        return path

    def use(self, path: str) -> Address:
        """
        Raises:
            SlackError: there is no such address, or it is too late, or too often.
        """
        address = self._known.get(path)
        if address is None:
            raise SlackError("invalid_url")
        if self._clock() >= address.until:
            raise SlackError("expired_url")
        if address.uses >= USES:
            raise SlackError("used_url")
        address.uses += 1
        return address
