"""The latest reading of Determined, shared by all that need it between two ticks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.cluster import Allocation, Snapshot


@dataclass(slots=True)
class ClusterView:
    snapshot: Snapshot | None = None
    """None until Determined has been read once."""
    started: Mapping[str, datetime] = field(default_factory=dict)
    """When each allocation was first seen running, by allocation id."""

    def fresh(self, now: datetime, age: timedelta) -> Snapshot | None:
        """Return the snapshot if it is not older than `age`; else None: unknown.

        One of the future was taken before the clock was set back: nobody knows how old it is.
        """
        if self.snapshot is None or not timedelta() <= now - self.snapshot.at <= age:
            return None
        return self.snapshot

    def allocation(self, allocation_id: str) -> Allocation | None:
        return self.snapshot.allocations.get(allocation_id) if self.snapshot else None
