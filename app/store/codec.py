"""Domain values to and from what the tables hold."""

from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from app.domain.actions import Audience, MessageKind
from app.domain.history import Entry
from app.domain.incident import Incident, IncidentState
from app.domain.outbox import Delivery, Promise
from app.domain.policy import Announcement
from app.domain.reasons import Reason

_INCIDENT = TypeAdapter(Incident)
_ANNOUNCED = TypeAdapter(Announcement)


def incident_row(incident: Incident) -> dict[str, Any]:
    return {
        "incident_id": incident.incident_id,
        "key": incident.identity.key,
        "state": incident.state,
        "version": incident.version,
        "alertname": storable(incident.identity.alertname),
        "username": storable(incident.identity.username),
        "resource_pool": storable(incident.identity.resource_pool),
        "opened_at": incident.opened_at,
        "changed_at": incident.changed_at,
        "message": incident.message.key if incident.message else "",
        "body": _INCIDENT.dump_json(incident).decode(),
    }


def incident_of(body: str) -> Incident:
    return _INCIDENT.validate_json(body)


def entry_row(incident_id: str, entry: Entry) -> dict[str, Any]:
    return {
        "incident_id": incident_id,
        "at": entry.at,
        "reason": entry.reason,
        "before": entry.before,
        "after": entry.after,
        "actor": storable(entry.actor),
        "detail": storable(entry.detail),
        "evidence": to_json(dict(entry.evidence)).decode(),
    }


def storable(text: str) -> str:
    """Return text of a person without the one character that PostgreSQL refuses."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def entry_of(row: sa.RowMapping) -> Entry:
    return Entry(
        at=row["at"],
        reason=Reason(row["reason"]),
        before=IncidentState(row["before"]) if row["before"] else None,
        after=IncidentState(row["after"]),
        actor=row["actor"],
        detail=row["detail"],
        evidence=from_json(row["evidence"]),
    )


def promise_row(promise: Promise) -> dict[str, Any]:
    """Return it by the names of the bound parameters."""
    announced = promise.announced
    what = _ANNOUNCED.dump_json(announced).decode() if announced else None
    return {"until": promise.deadline, "what": what}


def _announced(body: str | None) -> Announcement | None:
    return _ANNOUNCED.validate_json(body) if body else None


def delivery_of(row: sa.RowMapping) -> Delivery:
    return Delivery(
        message_id=row["message_id"],
        incident_id=row["incident_id"],
        kind=MessageKind(row["kind"]),
        audience=Audience(row["audience"]),
        round=row["round"],
        text=row["text"],
        created_at=row["created_at"],
        attempts=row["attempts"],
        attempted_at=row["attempted_at"],
        promised=Promise(row["promised"], _announced(row["announced"])),
        username=row["username"],
        alertname=row["alertname"],
        message=row["message"],
    )
