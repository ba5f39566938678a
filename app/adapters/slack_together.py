"""How things stand with several tasks that one message is about."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from app.adapters.slack_lists import entries_of
from app.domain.actions import Notice
from app.domain.incident import IncidentState
from app.domain.reclaimed import Reclaimed

_WORDS: dict[IncidentState, str] = {
    IncidentState.NOTIFIED: "with a deadline",
    IncidentState.FIRING: "without a deadline at the moment",
    IncidentState.HELD: "on hold",
    IncidentState.STOPPING: "being stopped now",
    IncidentState.ESCALATED: "could not be stopped, and the admins look at it",
    IncidentState.STOPPED: "stopped",
    IncidentState.RESOLVED: "settled",
    IncidentState.ENDED: "no longer running",
    IncidentState.DISMISSED: "a false alarm",
}
"""In the order in which they are told of."""


def standing(notice: Notice) -> str:
    """Count the tasks by what has become of them."""
    counts = Counter(
        each.target.outcome or each.matter.incident.state for each in entries_of(notice)
    )
    words = {**_WORDS}
    if all(not each.deadlines for each in notice.matters):
        # Where nothing is stopped, there are no deadlines to speak of (S10).
        words |= dict.fromkeys((IncidentState.NOTIFIED, IncidentState.FIRING), "open")
    found: Counter[str] = Counter()
    for state, word in words.items():
        found[word] += counts[state]
    told = [f"{count} {word}" for word, count in found.items() if count]
    nothing = (
        "" if counts[IncidentState.STOPPED] or not _is_over(notice) else " Nothing was stopped."
    )
    return f"{', '.join(told)[:1].upper()}{', '.join(told)[1:]}.{nothing}"


def _is_over(notice: Notice) -> bool:
    return all(each.incident.is_final for each in notice.matters)


def added(found: Iterable[Reclaimed]) -> Reclaimed:
    parts = list(found)
    return Reclaimed(
        sum(each.gpus for each in parts), sum((each.held for each in parts), timedelta())
    )
