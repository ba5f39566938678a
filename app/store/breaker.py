"""The breaker in the database: one row, judged in the transaction of the intent (S7)."""

from datetime import timedelta

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.actions import MessageKind, SaveIntent, SendMessage
from app.domain.breaker import BreakerState, PlannedStop, alarm, count, excess, trip
from app.domain.history import WATCHDOG
from app.domain.incident import OPEN_INTENTS, Incident
from app.domain.steps import Transition
from app.store.codec import storable
from app.store.schema import breaker, breaker_history, intents, outbox
from app.store.writes import demand_not_kept, demand_version, order_row, read_clock

_STOPS = TypeAdapter(tuple[PlannedStop, ...])
_BREAKER = sa.select(
    breaker.c.tripped,
    breaker.c.at,
    breaker.c.by,
    breaker.c.reason,
    breaker.c.stops,
    breaker.c.ran,
)
_BREAKER_LOCKED = _BREAKER.with_for_update()
_IS_OPEN = intents.c.state.in_(sorted(OPEN_INTENTS))
_WAS_SENT = sa.and_(intents.c.attempts > 0, intents.c.attempted_ran > sa.bindparam("since"))
_RECENT = sa.select(intents.c.incident_id, intents.c.allocation_id).where(
    sa.or_(_IS_OPEN, _WAS_SENT), intents.c.by_hand.is_(False)
)


async def admit(connection: AsyncConnection, transition: Transition) -> str:
    """Return why an intent may not be recorded or sent now. Empty: it may, or there is none.

    One stop too many trips the breaker. That is to be committed, and the transition left alone.

    Raises:
        StaleIncidentError: the incident was changed since it was read.
        TaskKeptError: somebody keeps the task.
    """
    for order in transition.actions:
        if not isinstance(order, SaveIntent) or not order.goes_forward:
            continue
        # Whatever else forbids this stop comes first: it must not count as one too many.
        await demand_not_kept(connection, transition.incident, order)
        await demand_version(connection, transition.incident)
        why = await _admit(connection, transition.incident, order)
        if why:
            return why
    return ""


async def _admit(connection: AsyncConnection, incident: Incident, order: SaveIntent) -> str:
    now = incident.changed_at
    target = incident.target(order.allocation_id)
    if target and target.request:
        # A person who asks for a stop knows of it; the breaker is there for what nobody saw (S7).
        return ""
    state = await read_breaker(connection, for_update=True)
    if state.tripped:
        return f"tripped by {state.by}: {state.reason}"
    warning = target.warning if target else None
    if warning and state.was_reset(warning.breaker_at):
        return f"reset by {state.by} after the warning"
    if order.quota is None:
        return ""
    stop = PlannedStop(incident.incident_id, order.allocation_id)
    clock = await read_clock(connection)
    since = state.counts_since(clock.ran, order.quota.limits.window)
    stops = count(state, order.quota, stop, await recent_stops(connection, since))
    why = excess(stops, order.quota)
    if why:
        tripped = trip(order.quota, stop, by=WATCHDOG, reason=why, at=now)
        await write_breaker(connection, tripped)
        told = SendMessage(MessageKind.BREAKER, alarm(tripped))
        await connection.execute(sa.insert(outbox).values(order_row(incident, told)))
    return why


async def recent_stops(connection: AsyncConnection, since: timedelta) -> list[PlannedStop]:
    """Return what was stopped after that running time, or may be stopped any moment.

    An open intent counts however old it is. One that was given up counts if it was ever sent.
    What people asked for does not count.
    """
    return [PlannedStop(*row) for row in await connection.execute(_RECENT, {"since": since})]


async def read_breaker(connection: AsyncConnection, *, for_update: bool = False) -> BreakerState:
    """Read the one row. Locked, it lets intents and admins pass one after the other."""
    row = (await connection.execute(_BREAKER_LOCKED if for_update else _BREAKER)).one()
    stops = _STOPS.validate_json(row.stops)
    return BreakerState(row.tripped, row.at, row.by, row.reason, stops, row.ran)


async def write_breaker(connection: AsyncConnection, state: BreakerState) -> None:
    """Store that it was tripped or reset, and note it in its history (S12)."""
    values = {
        "tripped": state.tripped,
        "at": state.at,
        "by": storable(state.by),
        "reason": storable(state.reason),
        "stops": _STOPS.dump_json(state.stops).decode(),
    }
    await connection.execute(sa.update(breaker).values(ran=state.ran, **values))
    await connection.execute(sa.insert(breaker_history).values(values))
