"""Who holds what now, for people who ask. Nothing is decided by it."""

from dataclasses import dataclass
from datetime import datetime

from app.context import Context
from app.domain.holders import IDLE, USED, Holder, holders
from app.domain.rows import NAME, Rows
from app.errors import UpstreamError
from app.ports import IncidentStore, RuleFiles
from app.tasks import Tasks

QUESTION = f'{{{NAME}=~"{USED}|{IDLE}"}}'


@dataclass(frozen=True, slots=True)
class HolderList:
    holders: tuple[Holder, ...]
    snapshot_at: datetime
    """When Determined was read."""
    unknown: tuple[str, ...] = ()
    """What could not be read, a sentence each."""


class Holders:
    def __init__(
        self, tasks: Tasks, rules: RuleFiles, store: IncidentStore, context: Context
    ) -> None:
        self._tasks = tasks
        self._rules = rules
        self._store = store
        self._context = context

    async def read(self) -> HolderList:
        """Raises: ClusterUnreadError."""
        snapshot = self._tasks.snapshot()
        unknown = list(self._tasks.staleness())
        rows = Rows(())
        try:
            rows = Rows(await self._rules.query(QUESTION))
        except UpstreamError as exc:
            unknown.append(f"Prometheus could not be read: {exc}.")
        known = await self._store.open_incidents()
        limits = self._context.rulebook.slot_limits
        found = holders(snapshot, limits, known, rows)
        return HolderList(tuple(found), snapshot.at, tuple(unknown))
