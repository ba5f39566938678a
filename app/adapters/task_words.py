"""What people call a task, and what a stop means for each type: what is lost, what stays, how to
begin again. For Slack and for the owner's page: text in which `this` is code, and nothing else is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.cluster import TaskType

_FOLDERS = "Files in mounted folders stay; files elsewhere in the container are lost."


@dataclass(frozen=True, slots=True)
class Consequence:
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
