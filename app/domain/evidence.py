"""What was read for a target right before its stop, and what the history keeps of it (S12)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app.domain.breaker import Quota
from app.domain.cluster import Allocation
from app.domain.incident import Expressions, Incident, Target
from app.domain.observation import expressions_of
from app.domain.outbox import Recipient
from app.domain.readings import PeerReading, Sample
from app.domain.world import World

_MOST_SAMPLES = 20
_MOST_LABELS = 20
_LONGEST_LABEL = 100
"""In characters. A history that anybody's labels could fill would soon be read by nobody."""


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
    """Return everything that the verdict rests on, whole. None: that was not asked, or not told."""
    firing = world.firing
    alert = (firing or {}).get(incident.identity.key)
    expressions = expressions_of(alert) if alert else Expressions()
    errors = (readings.allocation_error, readings.query_error)
    return {
        "judged_at": world.now.isoformat(),
        "allocation": _plain(readings.allocation),
        "fires": None if firing is None else alert is not None,
        "alert_active_at": alert.active_at.isoformat() if alert else None,
        "verify": _asked(expressions.verify, readings.verify),
        "evidence": _asked(expressions.evidence, readings.evidence),
        "errors": [error for error in errors if error],
        "peers": {peer.peer: _peer_state(incident, peer) for peer in world.peers},
        "heartbeat_at": _time(world.heartbeat_at),
        "warning_delivered_at": _time(target.warning.delivered_at if target.warning else None),
        "warning": _warning(incident, target),
    }


def with_quota(evidence: Mapping[str, Any], quota: Quota) -> Mapping[str, Any]:
    """Return it with what the breaker measures the stop by, beside those of the last hour (S7)."""
    breaker = {
        "running": quota.running,
        "due": len(quota.due),
        "most_in_an_hour": quota.limits.max_stops_per_hour,
        "most_of_running": quota.limits.most_of(quota.running),
    }
    return {**evidence, "breaker": breaker}


def _asked(query: str, samples: Sequence[Sample] | None) -> dict[str, Any]:
    if samples is None:
        return {"query": query, "result": None}
    told = {"query": query, "result": [_sample(each) for each in samples[:_MOST_SAMPLES]]}
    left_out = len(samples) - _MOST_SAMPLES
    return {**told, "left_out": left_out} if left_out > 0 else told


def _sample(sample: Sample) -> dict[str, Any]:
    named = sorted(sample.labels.items())[:_MOST_LABELS]
    labels = {name[:_LONGEST_LABEL]: value[:_LONGEST_LABEL] for name, value in named}
    return {"labels": labels, "value": sample.value}


def _warning(incident: Incident, target: Target) -> dict[str, Any] | None:
    """Return what was promised to whom, and where Slack has it: the first message of its thread."""
    warning, message = target.warning, incident.message
    if warning is None:
        return None
    return {
        "username": warning.username,
        "deadline": warning.deadline.isoformat(),
        "addressed_to": warning.channel,
        "channel": message.channel if message else None,
        "ts": message.ts if message else None,
        "to": message.recipient if message else None,
    }


def _plain(allocation: Allocation | None) -> dict[str, Any] | None:
    return asdict(allocation) if allocation else None


def _peer_state(incident: Incident, peer: PeerReading) -> str:
    alert = peer.alerts.get(incident.identity.key)
    return peer.error or (alert.state if alert else "absent")


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
