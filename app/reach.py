"""Who would be told how? Asked by a person, before owners are told anything."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from app.clients import open_clients
from app.domain.actions import Audience
from app.domain.cluster import is_deactivated
from app.domain.exceptions import owners_in
from app.domain.incident import RecipientKind
from app.domain.outbox import Recipient
from app.errors import UpstreamError, UpstreamUnavailableError
from app.ports import Messenger
from app.sections import UserSection
from app.settings import Settings
from app.telemetry import Telemetry

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reach:
    username: str
    running: int
    """How many allocations they have."""
    reached: bool
    how: str
    """Where they would be told; or why nowhere."""


async def reaches(settings: Settings, *, pause: Pause = asyncio.sleep) -> list[Reach]:
    """Return everybody who has an active account or runs something, as the receiver would reach
    them; those first who cannot be reached. No message is sent.

    Raises:
        ConfigurationError: a secret or a certificate cannot be read.
        UpstreamError: Determined does not answer, or Slack refuses the token.
    """
    async with AsyncExitStack() as stack:
        clients = await open_clients(settings, Telemetry(CollectorRegistry()), stack)
        messenger = clients.systems.messenger
        await messenger.probe()
        snapshot = await clients.systems.cluster.snapshot()
        running = Counter(each.username for each in snapshot.running if each.username)
        found = []
        for username in owners_in(snapshot):
            reached, how = False, "the account in Determined is not active"
            if not is_deactivated(username, snapshot):
                section = settings.users.get(username, UserSection())
                reached, how = await _asked(messenger, username, section, pause)
            found.append(Reach(username, running[username], reached, how))
    return sorted(found, key=lambda each: (each.reached, -each.running, each.username))


async def _asked(
    messenger: Messenger, username: str, section: UserSection, pause: Pause
) -> tuple[bool, str]:
    """Tell whether somebody is reached, and how, or why not."""
    try:
        recipient = await _recipient(messenger, username, pause)
    except UpstreamError as exc:
        return False, f"not known: {exc}"
    match recipient.kind:
        case RecipientKind.ADMINS:
            return False, recipient.detail
        case RecipientKind.DELEGATE:
            # Whether the bot may post there only a message would show.
            return True, f"in the channel {recipient.channel} that is configured"
        case RecipientKind.OWNER if section.slack_id:
            return True, f"directly, by the Slack id {section.slack_id}"
        case RecipientKind.OWNER:
            return True, "directly, by the e-mail address"


async def _recipient(messenger: Messenger, username: str, pause: Pause) -> Recipient:
    """Ask Slack, and let it have the pauses that it asks for."""
    while True:
        try:
            return await messenger.recipient(Audience.OWNER, username)
        except UpstreamUnavailableError as exc:
            if exc.retry_after is None:
                raise
            await pause(exc.retry_after.total_seconds())
