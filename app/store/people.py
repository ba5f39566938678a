"""What people did, so that it acts once: presses, and alerts that were called false."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.incident import Incident
from app.store.codec import incident_of, storable
from app.store.engine import reading, writing
from app.store.schema import dismissals, incidents, presses
from app.store.writes import in_parts

_REMEMBERED = timedelta(days=2)
"""Far longer than any press is valid: Slack's signatures for five minutes, a form for hours."""


class SqlPressBook:
    """Implements `app.ports.PressBook`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def claim(self, press_id: str, now: datetime) -> bool:
        try:
            async with writing(self._engine) as connection:
                old = sa.delete(presses).where(presses.c.at < now - _REMEMBERED)
                await connection.execute(old)
                row = {"press_id": storable(press_id), "at": now}
                await connection.execute(sa.insert(presses).values(row))
        except IntegrityError:
            return False
        return True


async def dismissed_keys(connection: AsyncConnection, keys: Sequence[str]) -> frozenset[str]:
    found: set[str] = set()
    for some in in_parts(keys):
        statement = sa.select(dismissals.c.key).where(dismissals.c.key.in_(some))
        found |= set((await connection.execute(statement)).scalars())
    return frozenset(found)


async def dismissed_incidents(engine: AsyncEngine) -> Sequence[Incident]:
    statement = sa.select(incidents.c.body).join(
        dismissals, dismissals.c.incident_id == incidents.c.incident_id
    )
    async with reading(engine) as connection:
        bodies = (await connection.execute(statement)).scalars().all()
    return [incident_of(body) for body in bodies]


async def forget_dismissal(connection: AsyncConnection, key: str) -> None:
    await connection.execute(sa.delete(dismissals).where(dismissals.c.key == key))
