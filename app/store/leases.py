"""The leases in the database, and the fence around what is stored under one of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.lease import Duty, Fence, Lease
from app.errors import StaleLeaseError
from app.store.engine import reading, writing
from app.store.schema import leases
from app.store.upsert import add_missing

# Statements of every tick are made once: to make one takes as long as to execute it.
_OF_DUTY = leases.c.name == sa.bindparam("duty")
_LEASE = sa.select(leases.c.holder, leases.c.token, leases.c.expires_at).where(_OF_DUTY)
_LOCKED = {shared: _LEASE.with_for_update(read=shared) for shared in (False, True)}
_WRITE = sa.update(leases).where(_OF_DUTY)


class SqlLeases:
    """Implements `app.ports.Leases`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # A file has one process. What may be left of another one is on its way out.
        self._alone = engine.dialect.name == "sqlite"

    async def take(
        self, duty: Duty, claimant: str, *, now: datetime, span: timedelta, starting: bool
    ) -> Lease | None:
        def is_open(lease: Lease) -> bool:
            return lease.is_open_to(claimant, now, starting=starting, alone=self._alone)

        async with reading(self._engine) as connection:
            row = (await connection.execute(_LEASE, {"duty": duty})).one_or_none()
        if row is not None and not is_open(Lease(*row)):
            # So it is for a replica that waits, again and again: nothing is locked or written.
            return None
        async with writing(self._engine) as connection:
            nobody = {"name": duty, "holder": "", "token": 0, "expires_at": now}
            await add_missing(connection, leases, [nobody])
            lease = await _locked(connection, duty)
            if not is_open(lease):
                return None
            taken = lease.taken_over(claimant, now, span)
            await _write(connection, duty, taken)
        return taken

    async def prolong(self, duty: Duty, lease: Lease) -> None:
        async with writing(self._engine) as connection:
            _demand(Fence(duty, lease.token), await _locked(connection, duty))
            await _write(connection, duty, lease)


@asynccontextmanager
async def writing_behind(
    engine: AsyncEngine, fence: Callable[[], Fence] | None
) -> AsyncIterator[AsyncConnection]:
    """Begin a transaction that only the holder of a lease can end; None: anybody can.

    Nobody takes the lease over before it has ended. So what is stored under an older token is
    stored before the takeover or not at all.

    Raises:
        StaleLeaseError: somebody has taken it over already.
    """
    async with writing(engine) as connection:
        if fence is not None:
            own = fence()
            _demand(own, await _locked(connection, own.duty, shared=True))
        yield connection


def _demand(own: Fence, lease: Lease) -> None:
    if lease.token != own.token:
        raise StaleLeaseError(f"{own.duty} is done by {lease.holder} now")


async def _locked(connection: AsyncConnection, duty: Duty, *, shared: bool = False) -> Lease:
    return Lease(*(await connection.execute(_LOCKED[shared], {"duty": duty})).one())


async def _write(connection: AsyncConnection, duty: Duty, lease: Lease) -> None:
    await connection.execute(_WRITE, {"duty": duty, **asdict(lease)})
