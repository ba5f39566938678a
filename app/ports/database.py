"""What the use cases need of the database. Each method is one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from app.domain.breaker import BreakerState
from app.domain.clock import AnswerClock
from app.domain.history import Entry
from app.domain.incident import Incident, Keep, Receipt
from app.domain.lease import Duty, Lease
from app.domain.outbox import Delivery, IncidentQuery, Promise
from app.domain.press import Once
from app.domain.steps import Transition


class IncidentStore(Protocol):
    """The database. Each method is one transaction.

    What belongs to a duty, `commit` and `tick_clock` and all that changes the outbox, raises
    `StaleLeaseError` when another replica does it now; then nothing was stored.
    """

    async def open_incidents(self) -> Sequence[Incident]: ...

    async def find_open(self, keys: Sequence[str]) -> Mapping[str, Incident]:
        """Return the open incidents of these identities, by key."""
        ...

    async def incident(self, incident_id: str) -> Incident:
        """Raises: IncidentNotFoundError."""
        ...

    async def search(self, query: IncidentQuery) -> Sequence[Incident]:
        """Return incidents, newest first."""
        ...

    async def told(self, username: str, alertname: str) -> Sequence[Incident]:
        """Return the open incidents of this owner and alert that have a live message."""
        ...

    async def told_in(self, message: Receipt) -> Sequence[Incident]:
        """Return the incidents that have this live message, the oldest first.

        All that are open, and of the others so many of the latest as anybody would read of.
        """
        ...

    async def history(self, incident_id: str) -> Sequence[Entry]:
        """Return what happened, oldest first."""
        ...

    async def resolved(self, keys: Sequence[str], *, since: datetime) -> Mapping[str, datetime]:
        """Return when the incidents of these identities were last resolved, by key."""
        ...

    async def dismissed_of(self, keys: Sequence[str]) -> frozenset[str]:
        """Return which of these identities an admin has called false, not seen to be over since."""
        ...

    async def dismissed(self) -> Sequence[Incident]:
        """Return the incidents that were called false, and not seen to be over since."""
        ...

    async def forget_dismissal(self, key: str) -> None:
        """Let the alert of this identity open an incident again: its condition was over."""
        ...

    async def commit(self, transition: Transition, *, once: Once | None = None) -> Incident:
        """Store an incident, the orders that go with it, and the history's entry.

        Returns the incident with its new version.

        Raises:
            AskedTwiceError: something was stored under this key before.
            StaleIncidentError: the incident was changed since it was read.
            IntentExistsError: another incident means to stop the same allocation.
            TaskKeptError: an intent was to be recorded or sent, and somebody keeps the task.
            BreakerTrippedError: an intent was to be recorded or sent, and the breaker is tripped,
                or this one has tripped it: then the admins' message is on its way.
        """
        ...

    async def breaker(self) -> BreakerState: ...

    async def switch_breaker(
        self, *, tripped: bool, by: str, reason: str, at: datetime, once: Once | None = None
    ) -> BreakerState:
        """Trip or reset the breaker by hand, and return it; no more than that if it is so already.

        No intent is recorded or sent between a trip that has returned and its reset.

        Raises:
            AskedTwiceError: something was stored under this key before.
        """
        ...

    async def stops_within(self, window: timedelta) -> int:
        """Count allocations that were stopped within that running time, or may be at any moment."""
        ...

    async def receive(
        self, transitions: Sequence[Transition], *, heartbeat_at: datetime | None
    ) -> Sequence[Transition]:
        """Store all new incidents that one delivery of the webhook brought, or nothing.

        Those that are open already are left as they are. Returns what was stored.

        Raises:
            StaleIncidentError: another delivery opened one of them meanwhile: receive again.
        """
        ...

    async def heartbeat_at(self) -> datetime | None:
        """Return when the heartbeat last arrived. None means never."""
        ...

    async def clock(self) -> AnswerClock: ...

    async def tick_clock(
        self, *, now: datetime, monotonic: timedelta, gap: timedelta, answerable: bool
    ) -> AnswerClock:
        """Advance the answer clock (`AnswerClock.tick`), against every other replica."""
        ...

    async def add_keeps(
        self, keeps: Sequence[Keep], transition: Transition, *, once: Once | None = None
    ) -> None:
        """Put keeps in force, together with what they do to the incident, or nothing.

        Raises:
            AskedTwiceError: something was stored under this key before.
            StaleIncidentError: the incident was changed since it was read.
            StopUnderWayError: one of the tasks is being stopped, by whatever incident.
        """
        ...

    async def keeps(self, after: datetime) -> Sequence[Keep]:
        """Return the keeps that are in force at some time after this."""
        ...

    async def keeps_since(
        self, task_ids: Sequence[str], policy: str, since: datetime
    ) -> Sequence[Keep]:
        """Return the keeps of these tasks under the policy that were in force after `since`."""
        ...

    async def keep_silenced(self, keep_id: str, silence_id: str) -> None: ...

    async def started(self, allocation_ids: Sequence[str], now: datetime) -> Mapping[str, datetime]:
        """Return when each was first seen running: `now` for those never seen before.

        Allocations that are not among them are forgotten about a day after they were last seen.
        """
        ...


class PressBook(Protocol):
    """The presses of buttons that have acted; in the same database."""

    async def acted(self, key: str) -> bool:
        """Tell whether something was stored under this key (`Once`)."""
        ...


class Leases(Protocol):
    """Who of several replicas does what; in the same database."""

    async def take(
        self, duty: Duty, claimant: str, *, now: datetime, span: timedelta, starting: bool
    ) -> Lease | None:
        """Take a duty over, if that is allowed (`Lease.is_open_to`). None: somebody has it.

        From then on nobody stores anything in this duty under an older token.
        """
        ...

    async def prolong(self, duty: Duty, lease: Lease) -> None:
        """Let one's own lease end at another time: later, or at once.

        Raises:
            StaleLeaseError: somebody else has it.
        """
        ...


class Archive(Protocol):
    """What is over; in the same database."""

    async def prune(self, before: datetime, *, window: timedelta, limit: int) -> Mapping[str, int]:
        """Forget incidents that ended before then, with all that belongs to them.

        At most so many, the oldest first; returns how many rows of each table. Open ones stay, and
        whatever can still decide about anything: what the breaker counts in its window, or names;
        keeps that count for an open incident; messages that wait; the breaker's last trip or reset.
        """
        ...


class Outbox(Protocol):
    """The messages that wait to be sent; in the same database."""

    async def due(self, now: datetime, *, limit: int) -> Sequence[Delivery]:
        """Return the messages whose next attempt is due, the longest due first."""
        ...

    async def attempt(self, promises: Mapping[str, Promise], now: datetime) -> None:
        """Note that these are about to be sent: from here on they may have arrived.

        `promises`: by id of message, what it has said so far.
        """
        ...

    async def warnings(self, incident_ids: Sequence[str]) -> Mapping[str, Sequence[Receipt]]:
        """Return where each incident's warnings were posted, the oldest first, by incident id."""
        ...

    async def sent(
        self, message_id: str, receipt: Receipt | None, transition: Transition | None
    ) -> None:
        """Note the confirmation, together with what it means for the incident.

        Raises:
            StaleIncidentError: nothing was stored; read the incident again.
        """
        ...

    async def drop(self, message_id: str, why: str, transition: Transition | None) -> None:
        """Give a message up: it is out of date, or can reach nobody.

        Raises:
            StaleIncidentError: nothing was stored; read the incident again.
        """
        ...

    async def postpone(self, message_id: str, until: datetime, why: str) -> None:
        """Note why it was not sent, and when it is tried again."""
        ...

    async def oldest(self) -> datetime | None:
        """Return when the oldest message that waits was ordered. None means that none waits."""
        ...
