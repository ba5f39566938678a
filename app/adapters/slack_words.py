"""Tasks and what becomes of them, in words of mrkdwn."""

import re
from collections.abc import Mapping

from app.adapters.slack_conditions import condition
from app.adapters.slack_text import code, date
from app.adapters.task_words import Consequence, consequence, gpus, kind, pause
from app.domain.actions import Matter, MessageKind
from app.domain.alert import Identity, Scope
from app.domain.incident import IncidentState, Target
from app.domain.reasons import Reason

__all__ = [
    "Consequence",
    "consequence",
    "experiment_of",
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
    Reason.NOT_PAUSABLE: "it cannot be paused",
}
_FATES: Mapping[IncidentState, str] = {
    IncidentState.FIRING: "no deadline at the moment",
    IncidentState.HELD: "on hold",
    IncidentState.STOPPING: "being stopped now",
    IncidentState.ESCALATED: "could not be stopped: the admins look at it",
    IncidentState.ENDED: "no longer watched",
    IncidentState.DISMISSED: "a false alarm",
}
"""Of tasks that have no outcome of their own."""
_EXPERIMENT = re.compile(r"[0-9]{1,12}", re.ASCII)


def experiment_of(target: Target) -> str | None:
    """Return the number of the experiment that a trial belongs to."""
    experiment, dot, _ = target.task_id.partition(".")
    return experiment if dot and _EXPERIMENT.fullmatch(experiment) else None


def target_line(target: Target) -> str:
    """Return a task in one line, with its name as its owner wrote it."""
    name = code(target.name or target.task_id)
    holds = f", {gpus(target.slots)}" if target.slots else ""
    idle = ", idle" if target.idle else ""
    since = f", since {date(target.since)}" if target.since else ""
    return f"{name} ({kind(target.task_type)}{holds}{idle}{since})"


def fate(kind: MessageKind, matter: Matter, target: Target) -> str:
    """Return what has become of one of several tasks, or when it will be stopped."""
    if target.outcome is IncidentState.STOPPED:
        return "paused" if target.stops_by_pause else "stopped"
    if target.outcome is IncidentState.RESOLVED:
        why = _LEFT.get(target.left) if target.left else None
        return f"left alone: {why}" if why else "left alone"
    if target.outcome:
        return "no longer running"
    state = matter.incident.state
    deadline = matter.deadlines.get(target.allocation_id)
    if state is IncidentState.NOTIFIED or kind is MessageKind.WARNING:
        return f"until {date(deadline)}" if deadline else ""
    if matter.incident.identity.scope is Scope.USER:
        # What holds for all of them is said of all of them.
        return ""
    if state is IncidentState.RESOLVED:
        return condition(matter.incident.identity.alertname).settled
    if state is IncidentState.STOPPING and target.stops_by_pause:
        return "being paused now"
    return _FATES.get(state, "")


def subject(targets: tuple[Target, ...], identity: Identity) -> str:
    """Return what a message is about, for the middle of a sentence."""
    if identity.scope is Scope.USER:
        return f"your GPUs in pool {code(identity.resource_pool)}"
    if not targets:
        return f"what you run in pool {code(identity.resource_pool)}"
    if len(targets) > 1:
        experiments = {experiment_of(each) for each in targets}
        same = experiments.pop() if len(experiments) == 1 else None
        return f"your {len(targets)} {f'trials of experiment {same}' if same else 'tasks'}"
    [target] = targets
    holds = f" ({gpus(target.slots)})" if target.slots else ""
    return f"your {kind(target.task_type)} {code(target.name or target.task_id)}{holds}"
