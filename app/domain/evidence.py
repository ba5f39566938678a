"""What was read for a target right before its stop, and what the history keeps of it (S12)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app.domain.cluster import Allocation
from app.domain.incident import Incident, Target
from app.domain.observation import expressions_of
from app.domain.outbox import Recipient
from app.domain.readings import PeerReading, Sample
from app.domain.world import World


@dataclass(frozen=True, slots=True)
class Readings:
    """What was read for one target right before its stop, beside the world.

    None, together with the error, means that it could not be read.
    """

    allocation: Allocation | None
    allocation_error: str = ""
    verify: Sequence[Sample] | None = None
    evidence: Sequence[Sample] | None = None
    query_error: str = ""
    recipient: Recipient | None = None
    """Where the owner would be told now. None: unknown."""
    recipient_error: str = ""


def evidence_of(
    incident: Incident, target: Target, readings: Readings, world: World
) -> dict[str, Any]:
    """Return everything that the verdict rests on, whole."""
    alert = (world.firing or {}).get(incident.identity.key)
    return {
        "judged_at": world.now.isoformat(),
        "allocation": _plain(readings.allocation),
        "alert_active_at": alert.active_at.isoformat() if alert else None,
        "verify": {
            "query": expressions_of(alert).verify if alert else "",
            "result": [sample.value for sample in readings.verify or ()],
        },
        "evidence": {
            "query": expressions_of(alert).evidence if alert else "",
            "result": [sample.value for sample in readings.evidence or ()],
        },
        "peers": {peer.peer: _peer_state(incident, peer) for peer in world.peers},
        "heartbeat_at": _time(world.heartbeat_at),
        "told_in": target.warning.channel if target.warning else None,
        "warning_delivered_at": _time(target.warning.delivered_at if target.warning else None),
    }


def _plain(allocation: Allocation | None) -> dict[str, Any] | None:
    return asdict(allocation) if allocation else None


def _peer_state(incident: Incident, peer: PeerReading) -> str:
    alert = peer.alerts.get(incident.identity.key)
    return peer.error or (alert.state if alert else "absent")


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
