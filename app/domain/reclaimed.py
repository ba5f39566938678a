"""What stops have given back, told as far as it is known.

How long the GPUs would have been held without the stop nobody knows. Known is how many they are,
and how long they were held while the condition held, by Prometheus's account.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.actions import Action, MessageKind, SendMessage
from app.domain.alert import BY_HAND
from app.domain.incident import Incident, IncidentState, Target
from app.domain.schedule import planned_stop

_MOST_LISTED = 10
_DONE = {False: "stopped", True: "paused"}


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
    """Return what the stops of a final incident have freed."""
    stopped = _stopped(incident)
    spans = (each.slots * _held(each, incident.changed_at) for each in stopped)
    return Reclaimed(sum(each.slots for each in stopped), sum(spans, timedelta()))


def held_so_far(incident: Incident, now: datetime) -> Reclaimed:
    """Return what an open incident's tasks hold, and for how long since it was opened."""
    gpus = 0 if incident.is_final else sum(each.slots for each in incident.open_targets)
    return Reclaimed(gpus, gpus * max(now - incident.opened_at, timedelta()))


def told(before: Incident, after: Incident) -> tuple[Action, ...]:
    """Tell the admins, once an incident, what was stopped and what it has freed.

    The owner, too, where nothing was announced: who stopped it by hand, and why.
    """
    stopped = _stopped(after)
    if before.is_final or not after.is_final or not stopped:
        return ()
    found = reclaimed(after)
    lines = [
        f"• {planned_stop(after, each).task}, {_DONE[each.stops_by_pause]}" for each in stopped
    ]
    more = [f"… and {len(lines) - _MOST_LISTED} more"] if len(lines) > _MOST_LISTED else []
    if after.identity.alertname == BY_HAND:
        why = after.annotations.get("description", "")
        head = f"As {asked_by(after)} asked (“{why}”). GPUs free for others: {found.gpus}."
        admins = SendMessage(MessageKind.ADMINS, "\n".join([head, *lines]))
        return (SendMessage(MessageKind.CLOSING), admins)
    head = (
        f"Seen to end after {after.identity.alertname}: GPUs free for others: "
        f"{found.gpus}. They had been held for {found.gpu_hours} since it began."
    )
    return (SendMessage(MessageKind.ADMINS, "\n".join([head, *lines[:_MOST_LISTED], *more])),)


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
