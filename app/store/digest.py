"""The digests in the database, and what they are counted from. Implements `app.ports.DigestBook`.

A digest is stored as it is to be sent, in the transaction that claims its moment: whoever comes
after a crash sends the same words, under the same id, and looks first whether they are there.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
import structlog
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.digest import Happening, Story
from app.domain.digest_times import DigestKind
from app.domain.incident import IncidentState
from app.domain.lease import Fence
from app.domain.reasons import Reason
from app.ports.digests import Letter
from app.store.codec import incident_of, storable
from app.store.engine import reading
from app.store.leases import writing_behind
from app.store.schema import digests, history, incidents
from app.store.upsert import add_missing
from app.store.writes import IS_OPEN, in_parts

log = structlog.get_logger()
_WAITING = "waiting"
_SENT = "sent"
_PAGE = 200
_UNTOLD = frozenset({Reason.ALERT_SEEN, Reason.TARGET_SEEN})
"""Most entries of most incidents, and nothing that a digest counts."""
_TOLD = sorted(frozenset(Reason) - _UNTOLD)


class SqlDigestBook:
    def __init__(self, engine: AsyncEngine, fence: Callable[[], Fence] | None = None) -> None:
        """`fence`: all that is written is stored behind it. None: this is no replica's."""
        self._engine = engine
        self._fence = fence

    async def last(self) -> Mapping[DigestKind, datetime]:
        statement = sa.select(digests.c.kind, digests.c.moment)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(statement)).all()
        return {DigestKind(kind): moment for kind, moment in rows}

    async def begin(self, kind: DigestKind, moment: datetime) -> None:
        letter = Letter(kind, moment, message_id="", message="")
        async with writing_behind(self._engine, self._fence) as connection:
            await add_missing(connection, digests, [_row(letter, _SENT)])

    async def claim(self, letter: Letter) -> bool:
        older = sa.update(digests).where(
            digests.c.kind == letter.kind, digests.c.moment < letter.moment
        )
        # Where there is nothing to say, the moment has passed all the same.
        row = _row(letter, _WAITING if letter.message else _SENT)
        async with writing_behind(self._engine, self._fence) as connection:
            claimed = await connection.execute(older.values(row))
        return claimed.rowcount > 0

    async def due(self, now: datetime) -> Sequence[Letter]:
        statement = (
            sa.select(digests)
            .where(digests.c.state == _WAITING, digests.c.due_at <= now)
            .order_by(digests.c.due_at, digests.c.kind)
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return [_letter(row) for row in rows]

    async def attempt(self, letter: Letter, now: datetime) -> None:
        first = sa.func.coalesce(
            digests.c.attempted_at, sa.literal(now, digests.c.attempted_at.type)
        )
        await self._update(letter, attempted_at=first)

    async def sent(self, letter: Letter) -> None:
        await self._update(letter, state=_SENT)

    async def postpone(self, letter: Letter, until: datetime, why: str) -> None:
        await self._update(
            letter, attempts=digests.c.attempts + 1, due_at=until, note=storable(why)
        )

    async def stories(self, since: datetime) -> AsyncIterator[Story]:
        """Yield them in parts: neither a transaction nor the memory holds all of them."""
        async with reading(self._engine) as connection:
            found = (await connection.execute(_told_since(since))).scalars().all()
        for some in in_parts(found, _PAGE):
            async with reading(self._engine) as connection:
                stories = await _stories(connection, some)
            for story in stories:
                yield story

    async def alertnames(self) -> frozenset[str]:
        async with reading(self._engine) as connection:
            names = await connection.execute(sa.select(incidents.c.alertname).distinct())
        return frozenset(names.scalars())

    async def _update(self, letter: Letter, **values: object) -> None:
        """Change what is stored of this letter; nothing if another one has taken its place."""
        statement = sa.update(digests).where(digests.c.message_id == letter.message_id)
        async with writing_behind(self._engine, self._fence) as connection:
            await connection.execute(statement.values(**values))


def _told_since(since: datetime) -> sa.Select[str]:
    # Every entry of the history changes its incident.
    return (
        sa.select(incidents.c.incident_id)
        .where(sa.or_(IS_OPEN, incidents.c.changed_at >= since))
        .order_by(incidents.c.opened_at, incidents.c.incident_id)
    )


async def _stories(connection: AsyncConnection, incident_ids: Sequence[str]) -> list[Story]:
    entries = (
        sa.select(
            history.c.incident_id,
            history.c.at,
            history.c.reason,
            history.c.before,
            history.c.after,
            history.c.actor,
        )
        .where(history.c.incident_id.in_(incident_ids), history.c.reason.in_(_TOLD))
        .order_by(history.c.entry_id)
    )
    happenings: defaultdict[str, list[Happening]] = defaultdict(list)
    for row in await connection.execute(entries):
        before = IncidentState(row.before) if row.before else None
        happened = Happening(
            row.at, Reason(row.reason), before, IncidentState(row.after), row.actor
        )
        happenings[row.incident_id].append(happened)
    bodies = sa.select(incidents.c.incident_id, incidents.c.body).where(
        incidents.c.incident_id.in_(incident_ids)
    )
    found = []
    for incident_id, body in await connection.execute(bodies):
        try:
            found.append(Story(incident_of(body), tuple(happenings[incident_id])))
        except ValidationError:
            # Another version's; the digest tells what it can.
            log.warning("incident_not_in_digest", incident_id=incident_id)
    return found


def _row(letter: Letter, state: str) -> dict[str, object]:
    return {
        "kind": letter.kind,
        "moment": letter.moment,
        "state": state,
        "message_id": letter.message_id,
        "message": storable(letter.message),
        "due_at": letter.moment,
        "attempts": 0,
        "attempted_at": None,
        "note": "",
    }


def _letter(row: sa.RowMapping) -> Letter:
    return Letter(
        kind=DigestKind(row["kind"]),
        moment=row["moment"],
        message_id=row["message_id"],
        message=row["message"],
        attempts=row["attempts"],
        attempted_at=row["attempted_at"],
    )
