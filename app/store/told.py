"""What an owner is told together: incidents by the live message that they have."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.incident import Incident, Receipt
from app.store.codec import incident_of, storable
from app.store.schema import incidents
from app.store.writes import IS_OPEN

_MOST_CLOSED = 100
# Spelled out, as in `IS_OPEN`: the indexes are found by these very words.
_HAS_MESSAGE = incidents.c.message != sa.literal_column("''")


async def told(connection: AsyncConnection, username: str, alertname: str) -> Sequence[Incident]:
    statement = sa.select(incidents.c.body).where(
        IS_OPEN,
        _HAS_MESSAGE,
        incidents.c.username == storable(username),
        incidents.c.alertname == storable(alertname),
    )
    rows = await connection.execute(statement.order_by(incidents.c.opened_at))
    return [incident_of(body) for body in rows.scalars()]


async def told_in(connection: AsyncConnection, message: Receipt) -> Sequence[Incident]:
    of_it = sa.select(incidents.c.opened_at, incidents.c.incident_id, incidents.c.body).where(
        _HAS_MESSAGE, incidents.c.message == message.key
    )
    is_open = await connection.execute(of_it.where(IS_OPEN))
    closed = await connection.execute(
        of_it.where(~IS_OPEN).order_by(incidents.c.changed_at.desc()).limit(_MOST_CLOSED)
    )
    rows = sorted([*is_open, *closed], key=lambda row: (row.opened_at, row.incident_id))
    return [incident_of(row.body) for row in rows]
