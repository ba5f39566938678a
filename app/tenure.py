"""A process's hold on one duty: taken, renewed, lost, and given back."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import structlog

from app.context import Context
from app.domain.lease import Duty, Fence, Lease
from app.errors import StaleLeaseError, StoreUnavailableError
from app.ports import Leases

log = structlog.get_logger()


class Tenure:
    def __init__(
        self,
        duty: Duty,
        leases: Leases,
        context: Context,
        *,
        holder: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._duty = duty
        self._leases = leases
        self._context = context
        self._holder = holder
        self._monotonic = monotonic
        self._lease: Lease | None = None
        self._renewed_at = 0.0
        self._is_starting = True
        self._show()

    async def begin(self) -> bool:
        """Take the duty or go on with it, before a step. Tell whether this process has it now."""
        if self._lease is None:
            await self._take()
        else:
            with self.while_held():
                await self.go_on()
        return self._lease is not None

    async def go_on(self) -> None:
        """Renew the lease where a third of it is over: now and then in the midst of a long step.

        Raises:
            StaleLeaseError: somebody else has it.
        """
        lease, span = self._held(), self._context.rulebook.limits.lease
        if not lease.is_worn(self._context.now(), span) and self._age() < span.total_seconds() / 3:
            return
        began = self._monotonic()
        renewed = lease.renewed(self._context.now(), span)
        await self._leases.prolong(self._duty, renewed)
        self._lease, self._renewed_at = renewed, began

    @contextmanager
    def while_held(self) -> Iterator[None]:
        """End what is done in the duty as soon as somebody else is seen to have it."""
        try:
            yield
        except StaleLeaseError as exc:
            log.warning("lease_lost", duty=self._duty, why=str(exc))
            self._lease = None
            self._show()

    def fence(self) -> Fence:
        """Return what everything that is stored in the duty is stored behind.

        Raises:
            StaleLeaseError: this process does not have it.
        """
        return Fence(self._duty, self._held().token)

    def is_sure(self) -> bool:
        """Tell whether nobody else can have it by now: asked right before what cannot be undone.

        Both clocks are asked: one may stand still while the machine sleeps, one may be set. The
        last third of a lease is left to clocks of replicas that differ.
        """
        if self._lease is None:
            return False
        span = self._context.rulebook.limits.lease
        is_young = self._age() < span.total_seconds() * 2 / 3
        return is_young and self._lease.lasts(self._context.now(), span)

    def demand_sure(self) -> None:
        """Raises: StaleLeaseError: somebody else may have it by now."""
        if not self.is_sure():
            raise StaleLeaseError(f"{self._duty} may be done by somebody else now")

    async def end(self) -> None:
        """Give the duty back, so that nobody has to wait for it."""
        if self._lease is None:
            return
        ended = replace(self._lease, expires_at=self._context.now())
        self._lease = None
        with suppress(StaleLeaseError, StoreUnavailableError):
            await self._leases.prolong(self._duty, ended)

    async def _take(self) -> None:
        began, span = self._monotonic(), self._context.rulebook.limits.lease
        self._lease = await self._leases.take(
            self._duty,
            self._holder,
            now=self._context.now(),
            span=span,
            starting=self._is_starting,
        )
        self._renewed_at, self._is_starting = began, False
        self._show()
        if self._lease is not None:
            log.info("lease_taken", duty=self._duty, token=self._lease.token)

    def _held(self) -> Lease:
        if self._lease is None:
            raise StaleLeaseError(f"{self._duty} is done by somebody else")
        return self._lease

    def _age(self) -> float:
        return self._monotonic() - self._renewed_at

    def _show(self) -> None:
        held = self._context.telemetry.lease_held.labels(self._duty)
        held.set(int(self._lease is not None))
