"""What happens next, and when, unless something changes; a stop only where one is due."""

from collections.abc import Sequence

from app.adapters import slack_holdings as holdings
from app.adapters.slack_text import date
from app.domain.actions import Matter, MessageKind
from app.domain.cluster import TaskType
from app.domain.incident import IncidentState
from app.domain.policy import Fallback, StopAction

_NOTHING = "Nothing will be stopped; this is only to let you know."


def announced(kind: MessageKind, matters: Sequence[Matter]) -> tuple[Matter, ...]:
    """Return those whose stop a message announces. One that is rewritten has others in it too."""
    if kind is not MessageKind.STATUS:
        return tuple(each for each in matters if each.deadlines)
    told = (each for each in matters if each.incident.state is IncidentState.NOTIFIED)
    return tuple(each for each in told if each.deadlines)


def what_next(kind: MessageKind, matters: Sequence[Matter]) -> str:
    deadlines = [at for each in matters for at in each.deadlines.values()]
    if not deadlines:
        return _NOTHING
    if matters[0].incident.demand is not None:
        return holdings.alternative(matters[0], matters[0].incident.demand)
    thing = "it" if len(deadlines) == 1 else "the first of them"
    paused = [each for each in matters if each.action is StopAction.PAUSE]
    trials = [each for each in paused if _is_trial(each)]
    first = date(min(deadlines))
    if len(matters) == 1 and trials:
        # Determined pauses no single trial.
        sentence = _when(kind, matters, "its experiment will be paused", first)
        return f"{sentence} If other trials of the experiment are in use then, {_alone(trials[0])}."
    how = "paused" if len(paused) == len(matters) else "paused or stopped"
    sentence = _when(kind, matters, f"{thing} will be {how if paused else 'stopped'}", first)
    if not trials:
        return sentence
    return (
        f"{sentence} A trial is paused with its whole experiment. If other trials of it are in use "
        f"then, {_alone(trials[0])}."
    )


def _is_trial(matter: Matter) -> bool:
    return any(each.task_type == TaskType.TRIAL for each in matter.incident.targets)


def _alone(matter: Matter) -> str:
    if matter.fallback is Fallback.KILL:
        return "it alone will be stopped"
    return "it waits for them"


def _when(kind: MessageKind, matters: Sequence[Matter], will: str, first: str) -> str:
    """Say when, and that it hangs on others who wait, where it does."""
    if not any(each.only_when_queued for each in matters):
        return f"Unless something changes, {will} {first}."
    if kind in {MessageKind.REMINDER, MessageKind.LAST_CALL}:
        return f"Others wait for these GPUs. Unless something changes, {will} {first}."
    targets = (target for each in matters for target in each.incident.targets)
    if any(each.warning and each.warning.moved for each in targets):
        return (
            "When the time was over, nobody waited for these GPUs, so nothing was done. It is "
            f"looked at again {first}: if others wait for them then, {will}."
        )
    return f"Unless something changes, {will} {first}, if others wait for these GPUs then."
