"""Tasks and what becomes of them, in words of mrkdwn."""

from collections.abc import Mapping

from app.adapters.slack_text import code, date
from app.adapters.task_words import Consequence, consequence, gpus, kind, pause
from app.domain.actions import Notice
from app.domain.alert import Identity, Scope
from app.domain.incident import IncidentState, Target
from app.domain.reasons import Reason

__all__ = [
    "Consequence",
    "consequence",
    "fate",
    "gpus",
    "kind",
    "pause",
    "subject",
    "target_line",
]

_LEFT: Mapping[Reason, str] = {
    Reason.NO_NEED: "it is not needed",
    Reason.KEPT: "it is kept",
    Reason.SILENCED: "it is silenced",
    Reason.EXEMPT: "it is exempt",
}


def target_line(target: Target) -> str:
    """Return a task in one line, with its name as its owner wrote it."""
    name = code(target.name or target.task_id)
    holds = f", {gpus(target.slots)}" if target.slots else ""
    idle = ", idle" if target.idle else ""
    since = f", since {date(target.since)}" if target.since else ""
    return f"{name} ({kind(target.task_type)}{holds}{idle}{since})"


def fate(notice: Notice, target: Target) -> str:
    """Return what has become of one of several tasks, or when it will be stopped."""
    if target.outcome is IncidentState.STOPPED:
        return ", paused" if target.stops_by_pause else ", stopped"
    if target.outcome is IncidentState.RESOLVED:
        why = _LEFT.get(target.left) if target.left else None
        return f", left alone: {why}" if why else ", left alone"
    if target.outcome:
        return ", no longer running"
    if notice.incident.state is not IncidentState.NOTIFIED:
        return ""
    deadline = notice.deadlines.get(target.allocation_id)
    return f", until {date(deadline)}" if deadline else ""


def subject(targets: tuple[Target, ...], identity: Identity) -> str:
    """Return what a message is about, for the middle of a sentence."""
    if identity.scope is Scope.USER:
        return f"your GPUs in pool {code(identity.resource_pool)}"
    if not targets:
        return f"what you run in pool {code(identity.resource_pool)}"
    if len(targets) > 1:
        return f"your {len(targets)} tasks"
    [target] = targets
    holds = f" ({gpus(target.slots)})" if target.slots else ""
    return f"your {kind(target.task_type)} {code(target.name or target.task_id)}{holds}"
