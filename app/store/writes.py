"""The statements that store a transition; always part of somebody's transaction."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.actions import SaveIntent, SendMessage
from app.domain.by_hand import is_wanted
from app.domain.clock import AnswerClock
from app.domain.incident import FINAL_STATES, Incident, IntentState
from app.domain.reasons import Reason
from app.domain.steps import Transition
from app.errors import IntentExistsError, StaleIncidentError, StopUnderWayError, TaskKeptError
from app.store.codec import entry_row, incident_row, storable
from app.store.schema import clocks, dismissals, history, incidents, intents, keeps, outbox
from app.store.upsert import put

# Written out in the statement: a database that is not told the states does not see that its index
# of open incidents has them all.
_FINAL = sa.bindparam(
    "final", sorted(FINAL_STATES), type_=sa.Text, expanding=True, literal_execute=True
)
IS_OPEN = incidents.c.state.not_in(_FINAL)

# Made once: to make a statement takes as long as to execute it.
_CLOCK = sa.select(clocks.c.elapsed, clocks.c.advanced_at, clocks.c.ran)
_CLOCK_LOCKED = _CLOCK.with_for_update()
_ALL_CLOCKS_LOCKED = sa.select(clocks.c.name).with_for_update()
_UPDATE = sa.update(incidents).where(
    incidents.c.incident_id == sa.bindparam("the_id"),
    # Whoever read an older version decided on what is no longer so. The same clause keeps out a
    # replica that slept while another one went on.
    incidents.c.version == sa.bindparam("the_version"),
)


async def store(connection: AsyncConnection, transition: Transition) -> Incident:
    """Store the incident, its orders and its history.

    Raises:
        StaleIncidentError: somebody else stored the incident, or one of its identity, first; or an
            admin has called its alert false.
        IntentExistsError: another incident means to stop the same allocation.
        TaskKeptError: an intent was to be recorded or sent, and somebody keeps the task.
    """
    before = transition.incident.version
    incident = replace(transition.incident, version=before + 1)
    if not transition.entries:
        return transition.incident
    if before == 0:
        await _insert(connection, incident)
    else:
        await _update(connection, incident, before)
    if any(entry.reason is Reason.DISMISSED for entry in transition.entries):
        remembered = {"key": incident.identity.key, "incident_id": incident.incident_id}
        await put(connection, dismissals, remembered)
    entries = [entry_row(incident.incident_id, entry) for entry in transition.entries]
    await connection.execute(sa.insert(history), entries)
    for action in transition.actions:
        match action:
            case SendMessage():
                await connection.execute(sa.insert(outbox), order_row(incident, action))
            case SaveIntent():
                await _save_intent(connection, incident, action)
    return incident


async def open_all(
    connection: AsyncConnection, transitions: Sequence[Transition]
) -> Sequence[Transition]:
    """Store new incidents, all that a webhook brought, in a handful of statements.

    Those whose identity has an open incident already are left out: another delivery was faster,
    and did what this one wants. So are those that an admin has called false a moment ago. Returns
    those that were stored.

    Raises:
        StaleIncidentError: that other delivery came between our look and our write.
    """
    wanted = {transition.incident.identity.key: transition for transition in transitions}
    # In this order: one that is called false meanwhile is open at the first look, or false at the
    # second.
    known = await open_keys(connection, list(wanted))
    known |= await dismissed_keys(connection, list(wanted))
    new = [transition for key, transition in wanted.items() if key not in known]
    if not new:
        return []
    opened = [replace(transition.incident, version=1) for transition in new]
    try:
        await connection.execute(sa.insert(incidents), [incident_row(each) for each in opened])
    except IntegrityError as exc:
        raise StaleIncidentError("another delivery opened the same incident") from exc
    entries = [entry_row(t.incident.incident_id, entry) for t in new for entry in t.entries]
    await connection.execute(sa.insert(history), entries)
    orders = [
        order_row(transition.incident, action)
        for transition in new
        for action in transition.actions
        if isinstance(action, SendMessage)
    ]
    if orders:
        await connection.execute(sa.insert(outbox), orders)
    return new


async def open_keys(connection: AsyncConnection, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for some in in_parts(keys):
        statement = sa.select(incidents.c.key).where(IS_OPEN, incidents.c.key.in_(some))
        found |= set((await connection.execute(statement)).scalars())
    return found


async def dismissed_keys(connection: AsyncConnection, keys: Sequence[str]) -> frozenset[str]:
    found: set[str] = set()
    for some in in_parts(keys):
        statement = sa.select(dismissals.c.key).where(dismissals.c.key.in_(some))
        found |= set((await connection.execute(statement)).scalars())
    return frozenset(found)


def in_parts(values: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """Cut a long IN list: databases limit the number of parameters of a statement."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


async def demand_version(connection: AsyncConnection, incident: Incident) -> None:
    """Raises: StaleIncidentError: the incident was changed since it was read."""
    statement = sa.select(incidents.c.version).where(
        incidents.c.incident_id == incident.incident_id
    )
    if (await connection.execute(statement)).scalar_one_or_none() != incident.version:
        raise StaleIncidentError(incident.incident_id)


async def _insert(connection: AsyncConnection, incident: Incident) -> None:
    try:
        await connection.execute(sa.insert(incidents), incident_row(incident))
    except IntegrityError as exc:
        raise StaleIncidentError(f"{incident.identity.alertname} has an open incident") from exc
    if await dismissed_keys(connection, [incident.identity.key]):
        raise StaleIncidentError(f"{incident.identity.alertname} was called false a moment ago")


async def _update(connection: AsyncConnection, incident: Incident, before: int) -> None:
    which = {"the_id": incident.incident_id, "the_version": before}
    result = await connection.execute(_UPDATE, which | incident_row(incident))
    if result.rowcount == 0:
        raise StaleIncidentError(incident.incident_id)


def order_row(incident: Incident, order: SendMessage) -> dict[str, object]:
    return {
        "message_id": str(uuid.uuid4()),
        "incident_id": incident.incident_id,
        "kind": order.kind,
        "audience": order.audience,
        "round": incident.round,
        "text": storable(order.text),
        "state": "waiting",
        "created_at": incident.changed_at,
        "due_at": incident.changed_at,
        "attempts": 0,
        "attempted_at": None,
        "channel": "",
        "ts": "",
        "note": "",
    }


async def read_clock(connection: AsyncConnection, *, for_update: bool = False) -> AnswerClock:
    row = (await connection.execute(_CLOCK_LOCKED if for_update else _CLOCK)).one()
    return AnswerClock(row.elapsed, row.advanced_at, row.ran)


async def one_at_a_time(connection: AsyncConnection) -> None:
    """Let keeps and intents pass one after the other: each must see what the other has stored.

    On SQLite every writer does so anyway.
    """
    await connection.execute(_ALL_CLOCKS_LOCKED)


async def demand_not_kept(
    connection: AsyncConnection, incident: Incident, order: SaveIntent
) -> None:
    """Refuse an intent, new or about to be sent, to stop what somebody keeps (S13).

    One that a person asked for is refused by keeps that were not in force then.
    """
    if not order.goes_forward:
        return
    await one_at_a_time(connection)
    target = incident.target(order.allocation_id)
    statement = sa.select(keeps.c.by).where(
        keeps.c.task_id == (target.task_id if target else ""),
        keeps.c.policy == incident.identity.policy,
        keeps.c.until > incident.changed_at,
    )
    if target and target.request:
        statement = statement.where(keeps.c.keep_id.not_in(target.request.despite))
    by = (await connection.execute(statement.limit(1))).scalar_one_or_none()
    if by is not None:
        raise TaskKeptError(f"kept by {by}")


async def demand_not_under_way(connection: AsyncConnection, task_ids: Collection[str]) -> None:
    """Refuse a keep of what is being stopped, whichever alert led to it: nobody can take it back.

    Raises:
        StopUnderWayError: a call was made, or is about to be.
    """
    called = sa.select(intents.c.allocation_id).where(
        intents.c.state.in_([IntentState.SENDING, IntentState.SENT])
    )
    for allocation_id in (await connection.execute(called)).scalars():
        if allocation_id.rpartition(".")[0] in task_ids:
            raise StopUnderWayError(allocation_id)


async def _save_intent(connection: AsyncConnection, incident: Incident, order: SaveIntent) -> None:
    intent = order.intent
    await demand_not_kept(connection, incident, order)
    values: dict[str, object] = {
        "state": intent.state,
        "attempts": intent.attempts,
        "attempted_at": intent.attempted_at,
    }
    if intent.state is IntentState.SENDING and intent.attempted_at is not None:
        values["attempted_ran"] = (await read_clock(connection)).ran_at(intent.attempted_at)
    known = sa.update(intents).where(intents.c.intent_id == intent.intent_id).values(values)
    if (await connection.execute(known)).rowcount:
        return
    row = {
        "intent_id": intent.intent_id,
        "incident_id": incident.incident_id,
        "allocation_id": order.allocation_id,
        "recorded_at": intent.recorded_at,
        "by_hand": is_wanted(incident, order.allocation_id),
        **values,
    }
    try:
        await connection.execute(sa.insert(intents).values(row))
    except IntegrityError as exc:
        raise IntentExistsError(order.allocation_id) from exc
