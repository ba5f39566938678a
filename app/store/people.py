"""What people did, so that it acts once: presses, and alerts that were called false."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.incident import Incident
from app.domain.press import Once
from app.errors import AskedTwiceError
from app.store.codec import incident_of, storable
from app.store.engine import reading
from app.store.schema import dismissals, incidents, presses

_REMEMBERED = timedelta(days=2)
"""Far longer than any press is valid: Slack's signatures for five minutes, a form for hours."""


class SqlPressBook:
    """Implements `app.ports.PressBook`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def acted(self, key: str) -> bool:
        found = sa.select(presses.c.at).where(presses.c.press_id == storable(key))
        async with reading(self._engine) as connection:
            return (await connection.execute(found)).scalar() is not None


async def demand_once(connection: AsyncConnection, once: Once | None) -> None:
    """Note the key, with whatever else this transaction stores.

    Raises:
        AskedTwiceError: it was noted before.
    """
    if once is None:
        return
    await connection.execute(sa.delete(presses).where(presses.c.at < once.at - _REMEMBERED))
    row = {"press_id": storable(once.key), "at": once.at}
    try:
        await connection.execute(sa.insert(presses).values(row))
    except IntegrityError as exc:
        raise AskedTwiceError(once.key) from exc


async def dismissed_incidents(engine: AsyncEngine) -> Sequence[Incident]:
    statement = sa.select(incidents.c.body).join(
        dismissals, dismissals.c.incident_id == incidents.c.incident_id
    )
    async with reading(engine) as connection:
        bodies = (await connection.execute(statement)).scalars().all()
    return [incident_of(body) for body in bodies]


async def forget_dismissal(connection: AsyncConnection, key: str) -> None:
    await connection.execute(sa.delete(dismissals).where(dismissals.c.key == key))
