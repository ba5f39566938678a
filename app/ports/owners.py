"""What the owner's page needs: what was measured, and the actions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from app.domain.readings import Series


class Trends(Protocol):
    """Prometheus, for people to look at. Nothing is decided by it."""

    async def range(
        self, expression: str, *, begin: datetime, end: datetime, step: timedelta
    ) -> Sequence[Series]:
        """Evaluate an expression again and again, each `step`, from `begin` to `end`."""
        ...


class OwnerActions(Protocol):
    """What an owner asks for, as buttons in Slack do.

    Each returns a sentence, in plain text, about what happened: also that it was too late, or is
    not allowed. `by` is the owner's user name. A `key` is claimed in the database before anything
    is done with it. One that was used before does nothing, and the sentence says so; none comes
    back after a day.
    """

    async def keep(self, incident_id: str, *, argument: str, by: str, key: str) -> str:
        """Keep the incident's tasks: for `2h`, `8h` or `24h`, or until the next working `morning`.

        Raises:
            StoreUnavailableError: nothing was done.
        """
        ...

    async def stop(
        self, incident_id: str, allocation_ids: Sequence[str], *, by: str, key: str
    ) -> str:
        """Let the allocations be stopped now, without waiting for the deadline.

        Raises:
            StoreUnavailableError: nothing was done.
        """
        ...
