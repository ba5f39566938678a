"""How things stand with an incident, and what comes next, in a sentence or two of mrkdwn."""

from app.adapters import slack_holdings as holdings
from app.adapters.slack_conditions import condition
from app.adapters.slack_next import what_next
from app.adapters.slack_text import date, quoted
from app.adapters.slack_words import gpus
from app.domain.actions import Matter, MessageKind
from app.domain.alert import BY_HAND
from app.domain.incident import FINAL_STATES, Hold, Incident, IncidentState, Target
from app.domain.policy import Mode
from app.domain.proof import UNKNOWN
from app.domain.reasons import Reason
from app.domain.reclaimed import asked_by, reclaimed
from app.domain.release import Release

_MOST_HOLDS = 3
_NAME = 80
_NOTE = 120
_CANNOT_BE_SEEN = (
    "A stop was due, and for a while it could not be seen whether it still is. It waits."
)
_GOES_ON = (
    "What is watched for was changed, so this goes on in another message, with full time to answer."
)

_HOLDS = {
    **holdings.HOLDS,
    Reason.INHIBITED: "Another alert says that the measurements cannot be relied on now.",
    Reason.BREAKER: "No task of anybody is stopped now, until an admin allows it again.",
    Reason.RELABELLED: _GOES_ON,
}
"""Of those that need no name and no end."""


def state(kind: MessageKind, matter: Matter) -> str:
    """Say in words how things stand."""
    incident = matter.incident
    said = _gone(incident) or holdings.state(incident)
    if said and not incident.relabelled:
        return f"{said}{_nothing_stopped(incident)}"
    match incident.state:
        case IncidentState.FIRING:
            no_more = "No deadline runs at the moment. " if incident.mode is Mode.ENFORCE else ""
            return f"{no_more}{condition(incident.identity.alertname).returns}"
        case IncidentState.HELD:
            return " ".join(
                ["On hold; nothing is stopped.", *map(hold, incident.holds[:_MOST_HOLDS])]
            )
        case IncidentState.STOPPING:
            return _being_stopped(incident)
        case IncidentState.ESCALATED:
            return "It could not be stopped. The admins were told, and look at it."
        case IncidentState.RESOLVED:
            over = condition(incident.identity.alertname).over
            return f"{over}{_nothing_stopped(incident)}"
        case IncidentState.ENDED:
            ended = (
                f"This is closed: it ended, or is no longer watched.{_nothing_stopped(incident)}"
            )
            return _GOES_ON if incident.relabelled else ended
        case IncidentState.STOPPED:
            return f"{_what_was_done(incident)}; {_freed(incident)}.{_asked(incident)}"
        case IncidentState.DISMISSED:
            return "An admin looked at it: a false alarm. Sorry for the interruption."
        case _:
            return what_next(kind, (matter,))


def _gone(incident: Incident) -> str:
    """Say that it has ended, where its GPUs alone are awaited."""
    done = _what_was_done(incident)
    return f"{done}. Whether its GPUs are free is looked at now." if incident.is_gone else ""


def _asked(incident: Incident) -> str:
    """Say who asked for a stop that nothing had announced, and why."""
    if incident.identity.alertname != BY_HAND:
        return ""
    by, why = asked_by(incident), incident.annotations.get("description", "")
    return f" {quoted(by, _NAME)} asked for it: “{quoted(why, _NOTE)}”."


def _stopped(incident: Incident) -> list[Target]:
    return [each for each in incident.targets if each.outcome is IncidentState.STOPPED]


def _what_was_done(incident: Incident) -> str:
    """Say that it was stopped or paused, and when that was seen."""
    stopped = _stopped(incident)
    times = [each.gone_at for each in stopped if each.gone_at]
    what = "Paused" if stopped and all(each.stops_by_pause for each in stopped) else "Stopped"
    return f"{what} {date(max(times, default=incident.changed_at))}"


def _freed(incident: Incident) -> str:
    """Say how many GPUs were seen free; of the others nothing is claimed."""
    found, releases = reclaimed(incident), {each.release for each in _stopped(incident)}
    count = f"{gpus(found.gpus)} can be given to others again"
    used = condition(incident.identity.alertname).held
    if found.held and used:
        count = f"{count}, after {found.gpu_hours} {used}"
    if Release.IN_USE in releases:
        left = "something else still uses a GPU of it, which the admins look at"
    elif Release.UNSEEN in releases:
        left = "whether its GPUs are free could not be seen"
    else:
        return count if found.gpus else "its place is free"
    return f"{count}; {left}" if found.gpus else left


def _being_stopped(incident: Incident) -> str:
    if any(target.stops_by_pause for target in incident.open_targets):
        return "The time is over, and it is being paused now, with time to save a checkpoint."
    return "The time is over, and it is being stopped now."


def _nothing_stopped(incident: Incident) -> str:
    stopped = any(target.outcome is IncidentState.STOPPED for target in incident.targets)
    return "" if stopped or incident.state not in FINAL_STATES else " Nothing was stopped."


def hold(one: Hold) -> str:
    """Say who holds it, or what, and until when."""
    by = f" by {quoted(one.by, _NAME)}" if one.by else ""
    until = f" until {date(one.until)}" if one.until else ""
    note = f" (“{quoted(one.detail, _NOTE)}”)" if one.detail else ""
    match one.reason:
        case Reason.SILENCED:
            return f"Silenced in Alertmanager{by}{until}{note}."
        case Reason.KEPT:
            return f"Kept{by}{until}{note}."
        case Reason.MUTED:
            return f"Outside of the hours in which alerts are sent{by}."
        case Reason.OWNER_UNREACHABLE:
            return f"The owner could not be reached{until}."
        case Reason.EXEMPT:
            return f"Exempt{until} (“{quoted(one.by, _NOTE)}”)."
        case Reason.OUTSIDE_HOURS:
            return f"Outside of your waking hours it waits{until}; then a new message may follow."
        case reason if reason in _HOLDS:
            return _HOLDS[reason]
        case _:
            return _CANNOT_BE_SEEN if one.reason in UNKNOWN else _plainly(one.reason, by, until)


def _plainly(reason: Reason, by: str, until: str) -> str:
    return f"{reason.replace('_', ' ').capitalize()}{by}{until}."
