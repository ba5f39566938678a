"""What the digests need: of the database, and of Slack."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.digest import Story, WeeklyDigest
from app.domain.digest_times import DigestKind
from app.domain.observed import ObservedDigest


@dataclass(frozen=True, slots=True)
class Letter:
    """A digest on its way."""

    kind: DigestKind
    moment: datetime
    """When it was due."""
    message_id: str
    """Travels with it, so that one whose confirmation was lost can be found again."""
    message: str
    """As it is to be posted; what the words and their form are is for Slack's side to know. Empty:
    there is nothing to say of this moment.
    """
    attempts: int = 0
    attempted_at: datetime | None = None
    """When it was first tried. Not None: it may have arrived already."""


class DigestBook(Protocol):
    """The digests in the database. Each method is one transaction.

    All that writes raises `StaleLeaseError` when another replica delivers now; then nothing was
    stored.
    """

    async def last(self) -> Mapping[DigestKind, datetime]:
        """Return the moments of the last digests; a kind that was never thought of is not in it."""
        ...

    async def begin(self, kind: DigestKind, moment: datetime) -> None:
        """Note a moment that passed before anybody wanted a digest: the next one is the first."""
        ...

    async def claim(self, letter: Letter) -> bool:
        """Put a digest on its way, in the place of an older one that could not be sent.

        False: there is one of this moment, or of a later one, already.
        """
        ...

    async def due(self, now: datetime) -> Sequence[Letter]:
        """Return the digests whose next attempt is due."""
        ...

    async def attempt(self, letter: Letter, now: datetime) -> None:
        """Note that it is about to be sent: from here on it may have arrived."""
        ...

    async def sent(self, letter: Letter) -> None: ...

    async def postpone(self, letter: Letter, until: datetime, why: str) -> None:
        """Note why it was not sent, and when it is tried again."""
        ...

    def stories(self, since: datetime) -> AsyncIterator[Story]:
        """Yield the incidents that were open at any time since then."""
        ...

    async def alertnames(self) -> frozenset[str]:
        """Return the names of all alerts that incidents were about, as far as remembered."""
        ...


class Bulletin(Protocol):
    """The admins' channel."""

    def weekly(self, digest: WeeklyDigest) -> str:
        """Put it into words, in the form in which `post` takes it."""
        ...

    def observed(self, digest: ObservedDigest) -> str: ...

    async def post(self, message: str, *, message_id: str) -> None:
        """Raises:
        UpstreamUnavailableError: not posted, or posted and the answer lost: `is_there` tells.
        UpstreamRejectedError: Slack refuses it.
        """
        ...

    async def is_there(self, message_id: str, *, since: datetime) -> bool:
        """Tell whether it was posted since then."""
        ...
