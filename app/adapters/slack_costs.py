"""What a stop costs who is stopped, and how to begin again afterwards."""

from collections.abc import Iterable, Iterator

from app.adapters import slack_words as words
from app.adapters.slack_blocks import Block, section
from app.domain.actions import Matter, Notice
from app.domain.cluster import TaskType
from app.domain.incident import IncidentState
from app.domain.policy import Fallback, StopAction

_MOST_TYPES = 3


def costs(told: Iterable[Matter]) -> Iterator[Block]:
    """What it would mean; said only where something is announced."""
    found = {
        (target.task_type, each.action, each.fallback): target
        for each in told
        for target in each.incident.open_targets
    }
    for task_type, action, fallback in list(found)[:_MOST_TYPES]:
        paused = action is StopAction.PAUSE
        if paused:
            yield _meaning("pause", task_type, words.pause(task_type))
        if not paused or (task_type == TaskType.TRIAL and fallback is Fallback.KILL):
            yield _meaning("stop", task_type, words.consequence(task_type))


def _meaning(what: str, task_type: str, means: words.Consequence) -> Block:
    kind = words.kind(task_type)
    return section(f"What a {what} means for a {kind}: {means.loses} {means.restart}")


def restarts(notice: Notice) -> Iterator[Block]:
    """Say how to begin again what was stopped."""
    incidents = [each.incident for each in notice.matters]
    # A neighbour that is still open may yet be stopped: then all of it is told.
    ended = (each for each in incidents if each.state is IncidentState.STOPPED)
    stopped = [t for each in ended for t in each.targets if t.outcome is IncidentState.STOPPED]
    found = [
        (words.pause if each.stops_by_pause else words.consequence)(each.task_type)
        for each in stopped
    ]
    for means in list(dict.fromkeys(found))[:_MOST_TYPES]:
        what = "What was stopped: " if len(notice.matters) > 1 else ""
        yield section(f"{what}{means.loses} {means.restart}")
