"""Forgets what has been over for long enough, a little at a time."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from app.context import Context
from app.domain.opening import Before
from app.ports import Archive

log = structlog.get_logger()
PRUNING_INTERVAL = timedelta(hours=1)
PRUNING_PAUSE = timedelta(seconds=1)
"""Between two batches, so that every other writer has its turn."""
_BATCH = 50
"""Incidents at a time: SQLite keeps every other writer waiting for as long as a batch takes."""


class Retention:
    def __init__(
        self,
        archive: Archive,
        context: Context,
        *,
        span: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
        batch: int = _BATCH,
    ) -> None:
        self._archive = archive
        self._context = context
        self._span = span
        self._monotonic = monotonic
        self._batch = batch
        self._began = context.now()
        self._began_monotonic = monotonic()

    async def prune(self) -> bool:
        """Forget one batch, and tell whether there may be more of it."""
        window = self._context.rulebook.breaker.window
        before = self._before()
        pruned = await self._archive.prune(before, window=window, limit=self._batch)
        for table, rows in pruned.items():
            self._context.telemetry.pruned(table, rows)
        if any(pruned.values()):
            log.info("pruned", **pruned)
        return any(
            pruned[table] >= self._batch for table in ("incidents", "keeps", "breaker_history")
        )

    def _before(self) -> datetime:
        """Return before when what is over is forgotten.

        However short a time is set, what decisions still look back at stays.
        """
        now, rulebook = self._now(), self._context.rulebook
        return min(now - self._span, Before.since(now, rulebook.limits))

    def _now(self) -> datetime:
        """Return the wall clock's time, unless it has jumped forwards since this process began:
        what is pruned cannot be brought back when somebody sets the clock right.
        """
        ran = timedelta(seconds=self._monotonic() - self._began_monotonic)
        return min(self._context.now(), self._began + ran)
