"""What the use cases need of the systems that the watchdog talks to."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from app.domain.actions import Audience, Notice
from app.domain.cluster import Allocation, Snapshot
from app.domain.incident import Keep, Receipt
from app.domain.outbox import Recipient
from app.domain.readings import PeerReading, RuleAlert, Sample, Track


class Cluster(Protocol):
    """Determined."""

    async def snapshot(self, *, workspaces: bool = False) -> Snapshot:
        """Read everything at once. Never a part of it: what cannot be read raises.

        The names of workspaces only where they are wanted.
        """
        ...

    async def read_allocation(
        self, allocation_id: str, *, workspaces: bool = False
    ) -> Allocation | None:
        """Read one allocation and its owner again. None means that it runs no more."""
        ...

    async def stop(self, allocation: Allocation, *, may_send: Callable[[], bool]) -> str:
        """Kill the allocation's task, and return Determined's answer in words.

        `may_send` is asked last, right before the call is made.

        Raises:
            StopNotSentError: the call was not made.
            UpstreamRejectedError: Determined refuses (400, 404, 500): read the state again.
            UpstreamUnavailableError: it is not known whether the call arrived.
        """
        ...

    async def pause(
        self, allocations: Sequence[Allocation], *, may_send: Callable[[], bool]
    ) -> str:
        """Pause the generic task, or the experiment, that the allocations are all the runs of.

        For the rest as `stop`. An experiment of which anything else runs is not paused.
        """
        ...


class Rules(Protocol):
    """Prometheus."""

    async def firing_alerts(self) -> Sequence[RuleAlert]:
        """Return every firing alert that keeps the contract of identity labels.

        GET /api/v1/alerts. Alerts that break the contract are counted and left out.
        """
        ...

    async def has_alert(self, alertname: str) -> bool:
        """Tell whether a rule of this name is loaded (GET /api/v1/rules?type=alert)."""
        ...

    async def query(self, expression: str) -> Sequence[Sample]:
        """Evaluate an instant query now."""
        ...


class Past(Protocol):
    """Prometheus, for what it has recorded. Nothing is decided by it."""

    async def tracks(
        self, expression: str, *, begin: datetime, steps: int, step: timedelta
    ) -> Sequence[Track]:
        """Evaluate an expression at each of so many steps, the first of them at `begin`.

        Prometheus takes 11,000 steps at most.
        """
        ...


class AlertPeers(Protocol):
    """Every configured Alertmanager."""

    async def read(self) -> Sequence[PeerReading]:
        """Read all peers. A peer that does not answer is in the result, with its error."""
        ...

    async def silence(self, keep: Keep) -> str:
        """Make the silence that shows a keep in Alertmanager, and return its id."""
        ...


class Messenger(Protocol):
    """Slack."""

    async def probe(self) -> None:
        """Return when Slack answers, and raise when owners could not be reached through it."""
        ...

    async def recipient(self, audience: Audience, username: str) -> Recipient:
        """Find out where messages for the owner, or for the admins, go.

        An owner who is unknown or deactivated in Slack gets the admins' channel, marked as a
        fall-back: it counts as told to admins, never as told to the owner (S1).
        """
        ...

    async def wait(self, recipient: Recipient) -> timedelta:
        """Return how long it is until Slack takes another message there; nothing: it does now."""
        ...

    async def post(
        self, recipient: Recipient, notice: Notice, *, message_ids: Sequence[str]
    ) -> Receipt:
        """Post a new message, as a reply in the thread where the notice has one.

        Where that thread is gone, it is posted in the conversation itself.

        Raises:
            UpstreamUnavailableError: not posted, or posted and the answer lost: `find` it first.
            UpstreamRejectedError: this recipient cannot be reached.
        """
        ...

    async def find(
        self,
        recipient: Recipient,
        message_ids: Collection[str],
        *,
        notice: Notice,
        since: datetime,
    ) -> Mapping[str, Receipt]:
        """Look for messages of ours whose answer was lost. What is not in the result is not there.

        Only where the notice would be posted: no more than its kind and its thread is looked at.
        """
        ...

    async def update(self, receipt: Receipt, notice: Notice) -> None:
        """Rewrite a message in place. Nobody is notified by it."""
        ...
