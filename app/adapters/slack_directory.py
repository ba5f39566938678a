"""Who is whom in Slack: from an owner's user name to a conversation."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack_errors import slack_errors, word
from app.domain.incident import RecipientKind
from app.domain.outbox import Recipient
from app.errors import UpstreamRejectedError

_NOBODY = frozenset(
    {
        "cannot_dm_bot",
        "user_disabled",
        "user_not_found",
        "user_not_visible",
        "users_not_found",
    }
)
"""Slack's words for an owner who cannot be reached. All others are about us, or about Slack."""


@dataclass(frozen=True, slots=True)
class Person:
    """What the configuration says about one owner."""

    slack_id: str = ""
    email: str = ""
    channel: str = ""
    """The id of a team's channel that is told in the owner's place."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where owners and admins are found."""

    admin_channel: str
    email_domain: str = ""
    """Owners are looked up as `{username}@{email_domain}`. Empty: only those in `people`."""
    people: Mapping[str, Person] = field(default_factory=dict)
    """By user name."""


class Directory:
    """Finds conversations, and remembers for a while who was found and who was not."""

    def __init__(
        self,
        client: AsyncWebClient,
        addresses: Addresses,
        *,
        remember: timedelta = timedelta(minutes=5),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._addresses = addresses
        self._remember = remember.total_seconds()
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, Recipient]] = {}

    def admins(self, detail: str = "") -> Recipient:
        return Recipient(self._addresses.admin_channel, RecipientKind.ADMINS, detail)

    async def owner(self, username: str) -> Recipient:
        """Return the owner's conversation, or the admins' channel and why.

        Raises:
            UpstreamUnavailableError: Slack does not tell now.
            UpstreamRejectedError: Slack refuses us, not the owner.
        """
        now = self._monotonic()
        known = self._known
        if username not in known or known[username][0] <= now:
            # Into the memory that was there when it was asked: `follow` begins another.
            known[username] = (now + self._remember, await self._find(username))
        return known[username][1]

    def follow(self, people: Mapping[str, Person]) -> None:
        """Take other words of the configuration about owners, and ask Slack anew."""
        self._addresses = replace(self._addresses, people=people)
        self._known = {}

    def forget(self, channel: str) -> None:
        """Ask Slack again about whoever is reached there."""
        self._known = {name: one for name, one in self._known.items() if one[1].channel != channel}

    async def _find(self, username: str) -> Recipient:
        person = self._addresses.people.get(username, Person())
        if person.channel:
            return Recipient(person.channel, RecipientKind.DELEGATE)
        email = person.email or self._email(username)
        if not person.slack_id and not email:
            return self.admins(f"no Slack id or e-mail address is configured for {username}")
        try:
            with slack_errors():
                if person.slack_id:
                    answer = await self._client.users_info(user=person.slack_id)
                else:
                    answer = await self._client.users_lookupByEmail(email=email)
                user = answer["user"]
                if user.get("deleted"):
                    return self.admins(f"the Slack account of {username} is deactivated")
                opened = await self._client.conversations_open(users=word(user, "id"))
                return Recipient(word(opened["channel"], "id"), RecipientKind.OWNER)
        except UpstreamRejectedError as exc:
            if exc.code in _NOBODY:
                by = f"id {person.slack_id}" if person.slack_id else f"address {email}"
                return self.admins(f"Slack has nobody for {username} under the {by} ({exc.code})")
            raise

    def _email(self, username: str) -> str:
        domain = self._addresses.email_domain
        if not domain or "@" in username:
            return username if domain else ""
        return f"{username}@{domain}"
