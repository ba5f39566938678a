"""The open incidents, of which a tick decodes those alone that were stored since the last one."""

import sys
from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa
import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.alert import shared
from app.domain.incident import Expressions, Incident
from app.store.codec import incident_of
from app.store.engine import reading
from app.store.schema import incidents
from app.store.writes import IS_OPEN, in_parts

log = structlog.get_logger()
# In the order, and of the columns, of the index `open_incidents`: no row has to be read for it.
_VERSIONS = (
    sa.select(incidents.c.incident_id, incidents.c.version)
    .where(IS_OPEN)
    .order_by(incidents.c.opened_at, incidents.c.incident_id)
)


class OpenIncidents:
    """Remembers from call to call: a version of an incident never changes."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[int, Incident | None]] = {}
        """Version and incident, by id. None: it cannot be read."""

    async def read(self) -> Sequence[Incident]:
        """Return them, the oldest first."""
        async with reading(self._engine) as connection:
            rows = (await connection.execute(_VERSIONS)).all()
            known, new = {}, []
            for incident_id, version in rows:
                before = self._known.get(incident_id)
                if before is not None and before[0] == version:
                    known[incident_id] = before
                else:
                    new.append(incident_id)
            known |= await _decoded(connection, new)
        self._known = known
        found = (known.get(row[0], (0, None))[1] for row in rows)
        return [incident for incident in found if incident]


async def _decoded(
    connection: AsyncConnection, incident_ids: Sequence[str]
) -> dict[str, tuple[int, Incident | None]]:
    """Return what can be found of them: another transaction may have closed one by now."""
    found: dict[str, tuple[int, Incident | None]] = {}
    for some in in_parts(incident_ids):
        statement = sa.select(incidents.c.incident_id, incidents.c.version, incidents.c.body).where(
            IS_OPEN, incidents.c.incident_id.in_(some)
        )
        rows = await connection.execute(statement)
        found |= {row[0]: (row[1], _readable(row[2])) for row in rows}
    return found


def _readable(body: str) -> Incident | None:
    """Read an incident; one that cannot be read must not keep all others from being watched."""
    try:
        return _shared(incident_of(body))
    except ValidationError as exc:
        log.error("incident_unreadable", faults=exc.error_count(), begins=body[:60])  # noqa: TRY400 -- its text quotes the incident
        return None


def _shared(incident: Incident) -> Incident:
    """Return the incident with the texts that its alert has as well: in memory, both are one."""
    texts = {name: sys.intern(text) for name, text in incident.annotations.items()}
    seen = incident.expressions
    expressions = Expressions(sys.intern(seen.verify), sys.intern(seen.evidence))
    identity = shared(incident.identity)
    return replace(incident, identity=identity, annotations=texts, expressions=expressions)
