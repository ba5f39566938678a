"""What is said to a user who holds more than the limit while others wait."""

from collections.abc import Mapping

from app.adapters.slack_text import date
from app.adapters.slack_words import gpus
from app.domain.actions import Matter
from app.domain.alert import Scope
from app.domain.incident import Demand, Incident, IncidentState
from app.domain.reasons import Reason

HOLDS: Mapping[Reason, str] = {
    Reason.NO_NEED: "There is no need for it now: you are within the limit, have given back what "
    "was asked for, or nobody waits for room.",
    Reason.NO_USE: "No job that waits could begin in place of what may be stopped of yours.",
    Reason.ROOM_UNKNOWN: "It cannot be seen now where there is room for those who wait.",
}
"""Why nothing is stopped."""
_STATES: Mapping[IncidentState, str] = {
    IncidentState.FIRING: "No deadline runs at the moment. If others still wait, a new message "
    "follows.",
    IncidentState.STOPPING: "The time is over, and room is being made for those who wait.",
    IncidentState.RESOLVED: "You are within the limit again, or nobody waits any more: all is "
    "well.",
}


def is_about_holdings(incident: Incident) -> bool:
    return incident.identity.scope is Scope.USER


def state(incident: Incident) -> str:
    """Return how things stand, where that is other than for a single task; else nothing."""
    return _STATES.get(incident.state, "") if is_about_holdings(incident) else ""


def asked(incident: Incident) -> str:
    """Say what the user holds, what the limit is, and what others wait for."""
    demand = incident.demand
    if demand is None:
        return ""
    since = f", the longest since {date(demand.waiting_since)}" if demand.waiting_since else ""
    return (
        f"You hold {gpus(demand.held)} there. While others wait the limit is {demand.limit}; they "
        f"wait for {gpus(demand.waiting)}{since}."
    )


def alternative(matter: Matter, demand: Demand) -> str:
    """Say what the user can do by when, and what happens else."""
    targets = matter.incident.open_targets
    free = min(demand.free, sum(each.slots for each in targets))
    by = date(max(matter.deadlines.values()))
    if len(targets) == 1:
        return f"Free {gpus(free)} by {by}, or this task is stopped."
    return f"Free {gpus(free)} by {by}, or these {len(targets)} tasks are stopped."


def lead(matter: Matter) -> str:
    """Introduce the list of the tasks."""
    if matter.deadlines:
        return "Idle ones come first, then the newest. As few are stopped as it takes then:"
    return "These would make room for somebody, idle ones first, then the newest:"


def how_to_say_no(matter: Matter, silence: str) -> str:
    """`silence` is a link to one over all that the user holds in the pool."""
    if not matter.deadlines:
        return f"To hear no more of it: {silence} for as long as you like."
    return (
        "What you free is up to you: these, or others of yours that you need less. Do you need all "
        f"of them? Then {silence}, for as long as you like. To keep a single one, silence its "
        "`task_id`; others of yours may then be named, in a new message with a new deadline."
    )
