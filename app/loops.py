"""Loops that run until they are told to stop, and survive what they did not expect."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from app.errors import StaleLeaseError, StoreUnavailableError, WatchdogError

log = structlog.get_logger()


class contained:  # noqa: N801 -- a context manager; of a generator thousands take much longer.
    """Keep an error to the one thing that met it: log it, count it, and let the others go on.

    Raises:
        StoreUnavailableError, StaleLeaseError: it would meet all the others too.
    """

    __slots__ = ("_failed", "_loop", "_through")

    def __init__(
        self,
        loop: str,
        failed: Callable[[str], None],
        *,
        through: tuple[type[WatchdogError], ...] = (StoreUnavailableError, StaleLeaseError),
    ) -> None:
        self._loop = loop
        self._failed = failed
        self._through = through

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, Exception) or isinstance(error, self._through):
            return False
        if isinstance(error, WatchdogError):
            # A system that is down: the next step tries again.
            log.warning("step_failed", loop=self._loop, error=f"{type(error).__name__}: {error}")
        else:
            # A bug of ours, or something that nobody thought of, must not end the watch for good;
            # and must be seen.
            log.error("step_crashed", loop=self._loop, exc_info=error)
        self._failed(self._loop)
        return True


class Loop:
    """Calls `step` every `interval`, earlier when woken, and at most once in `spacing`."""

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[object]],
        *,
        interval: timedelta,
        spacing: timedelta = timedelta(),
        failed: Callable[[str], None],
    ) -> None:
        self.name = name
        self._step = step
        self._interval = interval.total_seconds()
        self._spacing = spacing.total_seconds()
        self._failed = failed
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        """Ask the loop to end after the present step."""
        self._stopping.set()
        self._woken.set()

    async def run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            await self._guarded_step()
            await self._pause(self._stopping, self._spacing)
            await self._pause(self._woken, self._interval - self._spacing)

    async def _guarded_step(self) -> None:
        with contained(self.name, self._failed, through=()):
            await self._step()

    async def _pause(self, event: asyncio.Event, seconds: float) -> None:
        if seconds <= 0 or self._stopping.is_set():
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
