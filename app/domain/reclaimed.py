"""What stops have given back, told as far as it is known.

How long the GPUs would have been held without the stop nobody knows. Known is how many they are,
and how long they were held while the condition held, by Prometheus's account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.actions import Action, MessageKind, SendMessage
from app.domain.alert import BY_HAND
from app.domain.incident import Incident, IncidentState, Target
from app.domain.release import Release
from app.domain.schedule import planned_stop

_MOST_LISTED = 10
_DONE = {False: "stopped", True: "paused"}
_LEFT: Mapping[Release | None, str] = {
    Release.IN_USE: "not all of its GPUs are free:",
    Release.UNSEEN: "nobody could see whether its GPUs are free:",
}
_TO_DO: Mapping[Release | None, str] = {
    Release.IN_USE: "Look for a process or a container that was left behind there; the runbook of "
    "GPUUsedByNoTask says how. The watchdog does nothing more about it.",
    Release.UNSEEN: "Look whether something still uses them; the runbook of GPUUsedByNoTask says "
    "how. And why they cannot be seen: the agent, its exporter, Prometheus.",
}


@dataclass(frozen=True, slots=True)
class Reclaimed:
    gpus: int = 0
    held: timedelta = timedelta()
    """GPU-time: each GPU counts from the begin of the condition to its end."""

    @property
    def gpu_hours(self) -> str:
        return f"{self.held / timedelta(hours=1):.1f} GPU-hours"

    @property
    def is_small(self) -> bool:
        """Tell whether it is nothing that one would speak of."""
        return self.held < timedelta(minutes=6)


def reclaimed(incident: Incident) -> Reclaimed:
    """Return what the stops of a final incident have freed, as far as that was seen."""
    stopped = _stopped(incident)
    spans = (each.freed * _held(each, each.gone_at or incident.changed_at) for each in stopped)
    return Reclaimed(sum(each.freed for each in stopped), sum(spans, timedelta()))


def held_so_far(incident: Incident, now: datetime) -> Reclaimed:
    """Return what an open incident's tasks hold, and for how long since it was opened."""
    gpus = 0 if incident.is_final else sum(each.slots for each in incident.open_targets)
    return Reclaimed(gpus, gpus * max(now - incident.opened_at, timedelta()))


def told(before: Incident, after: Incident) -> tuple[Action, ...]:
    """Tell the admins, once an incident, what was stopped and what it has freed. Of what has left
    GPUs behind they are told by themselves (`lingering`).

    The owner, too, where nothing was announced: who stopped it by hand, and why.
    """
    stopped = _stopped(after)
    if before.is_final or not after.is_final or not stopped:
        return ()
    by_hand = after.identity.alertname == BY_HAND
    closing = (SendMessage(MessageKind.CLOSING),) if by_hand else ()
    free = [each for each in stopped if each.release in {None, Release.FREED}]
    if not free:
        return closing
    found = reclaimed(after)
    lines = [f"• {_done(after, each)}" for each in free]
    more = [f"… and {len(lines) - _MOST_LISTED} more"] if len(lines) > _MOST_LISTED else []
    if by_hand:
        why = after.annotations.get("description", "")
        head = f"As {asked_by(after)} asked (“{why}”). GPUs free for others: {found.gpus}."
        return (*closing, SendMessage(MessageKind.ADMINS, "\n".join([head, *lines])))
    head = (
        f"Seen to end after {after.identity.alertname}: GPUs free for others: "
        f"{found.gpus}. They had been held for {found.gpu_hours} since it began."
    )
    return (SendMessage(MessageKind.ADMINS, "\n".join([head, *lines[:_MOST_LISTED], *more])),)


def lingering(incident: Incident, target: Target, sights: Mapping[str, str]) -> SendMessage:
    """Tell the admins which GPUs of a stopped task nobody has seen free, and how they look."""
    where = {gpu.uuid: gpu.agent_id for gpu in target.gpus}
    lines = [
        f"• {uuid} on {where.get(uuid, 'an unknown agent')}: {sights.get(uuid, 'not looked at')}"
        for uuid in target.lingering[:_MOST_LISTED]
    ]
    more = len(target.lingering) - len(lines)
    head = f"{_done(incident, target)}: its end was seen, and {_LEFT[target.release]}"
    text = [head, *lines, *([f"… and {more} more"] if more else []), _TO_DO[target.release]]
    return SendMessage(MessageKind.ADMINS, "\n".join(text))


def _done(incident: Incident, target: Target) -> str:
    return f"{planned_stop(incident, target).task}, {_DONE[target.stops_by_pause]}"


def _stopped(incident: Incident) -> list[Target]:
    return [each for each in incident.targets if each.outcome is IncidentState.STOPPED]


def asked_by(incident: Incident) -> str:
    requests = (each.request for each in incident.targets)
    return next((each.by for each in requests if each), "somebody")


def _held(target: Target, until: datetime) -> timedelta:
    """Return how long the condition had held; nothing where the proof does not tell."""
    active_at = target.intent.proof.get("alert_active_at") if target.intent else None
    if not isinstance(active_at, str):
        return timedelta()
    return max(until - datetime.fromisoformat(active_at), timedelta())
