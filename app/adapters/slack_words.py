"""What a stop means for a task of each type: what is lost, what stays, how to begin again."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.adapters.slack_text import code, date
from app.domain.actions import Notice
from app.domain.alert import Identity, Scope
from app.domain.cluster import TaskType
from app.domain.incident import IncidentState, Target
from app.domain.reasons import Reason

_FOLDERS = "Files in mounted folders stay; files elsewhere in the container are lost."


@dataclass(frozen=True, slots=True)
class Consequence:
    """In mrkdwn."""

    loses: str
    restart: str


_CONSEQUENCES: Mapping[str, Consequence] = {
    TaskType.NOTEBOOK: Consequence(
        f"Variables in memory, running cells and unsaved changes are lost. {_FOLDERS}",
        "Start a new one in the web interface, or with `det notebook start`.",
    ),
    TaskType.SHELL: Consequence(
        f"Open sessions and everything that runs in them end. {_FOLDERS}",
        "Start a new one with `det shell start`.",
    ),
    TaskType.COMMAND: Consequence(
        f"The command ends at once, without a chance to save. {_FOLDERS} Its log stays.",
        "Run it again with `det command run`.",
    ),
    TaskType.TENSORBOARD: Consequence(
        "Nothing is lost: TensorBoard only shows what is stored elsewhere.",
        "Open it again in the web interface, or with `det tensorboard start`.",
    ),
    TaskType.TRIAL: Consequence(
        "Training since the last checkpoint is lost. Checkpoints, metrics and logs stay.",
        "Go on from the last checkpoint in the web interface, or with `det experiment continue`.",
    ),
    TaskType.GENERIC: Consequence(
        f"The program ends at once, without a chance to save. {_FOLDERS} Its log stays.",
        "Start it again with `det task create`.",
    ),
}
_UNKNOWN = Consequence(
    f"What runs in it ends at once. {_FOLDERS}", "Start it again the way you started it."
)
_PAUSES: Mapping[str, Consequence] = {
    TaskType.TRIAL: Consequence(
        "Determined asks it to save a checkpoint and to leave. If it saves none, training since "
        "the last one is lost. Checkpoints, metrics and logs stay.",
        "Let it go on in the web interface, or with `det experiment activate`.",
    ),
    TaskType.GENERIC: Consequence(
        f"Determined asks the program to save its state and to leave. {_FOLDERS} Its log stays.",
        "Let it go on with `det task unpause`.",
    ),
}
_NAMES: Mapping[str, str] = {
    TaskType.TENSORBOARD: "TensorBoard",
    TaskType.GENERIC: "generic task",
    TaskType.CHECKPOINT_GC: "checkpoint clean-up",
}


_LEFT: Mapping[Reason, str] = {
    Reason.NO_NEED: "it is not needed",
    Reason.KEPT: "it is kept",
    Reason.SILENCED: "it is silenced",
    Reason.EXEMPT: "it is exempt",
}


def consequence(task_type: str) -> Consequence:
    return _CONSEQUENCES.get(task_type, _UNKNOWN)


def pause(task_type: str) -> Consequence:
    """Return what a pause means, for what can be paused."""
    return _PAUSES.get(task_type) or consequence(task_type)


def kind(task_type: str) -> str:
    """Return what people call a task of this type."""
    return _NAMES.get(task_type, task_type or "task")


def gpus(count: int) -> str:
    return "1 GPU" if count == 1 else f"{count} GPUs"


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
