"""Loops that run until they are told to stop, and survive what they did not expect."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import structlog

from app.errors import StaleLeaseError, StoreUnavailableError, WatchdogError

log = structlog.get_logger()


@contextlib.contextmanager
def contained(
    loop: str,
    failed: Callable[[str], None],
    *,
    through: tuple[type[WatchdogError], ...] = (StoreUnavailableError, StaleLeaseError),
) -> Iterator[None]:
    """Keep an error to the one thing that met it: log it, count it, and let the others go on.

    Raises:
        StoreUnavailableError, StaleLeaseError: it would meet all the others too.
    """
    try:
        yield
    except through:
        raise
    except WatchdogError as exc:
        # A system that is down: the next step tries again.
        log.warning("step_failed", loop=loop, error=f"{type(exc).__name__}: {exc}")
        failed(loop)
    except Exception:
        # A bug of ours, or something that nobody thought of, must not end the watch for good; and
        # must be seen.
        log.exception("step_crashed", loop=loop)
        failed(loop)


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
