"""What the owner's page says: how things stand, what happened, in plain words.

A saying is text and moments in a row; a moment is shown in UTC and in the owner's own time zone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from urllib.parse import urlsplit

from app.adapters.slack_conditions import condition
from app.adapters.slack_holdings import HOLDS
from app.adapters.slack_text import clean
from app.domain.alert import Scope
from app.domain.cluster import TaskType
from app.domain.history import WATCHDOG, Entry
from app.domain.incident import Incident, IncidentState, Target
from app.domain.policy import Mode, Policy, StopAction
from app.domain.reasons import Reason

_NOTE = 300
_TEXT = 2_000


@dataclass(frozen=True, slots=True)
class Moment:
    at: datetime
    zone: tzinfo

    @property
    def iso(self) -> str:
        return f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    @property
    def utc(self) -> str:
        return f"{self.at.astimezone(UTC):%a %d %b, %H:%M} UTC"

    @property
    def local(self) -> str:
        """The time in the owner's zone, with the day where it is another. Empty: that is UTC."""
        there, here = self.at.astimezone(self.zone), self.at.astimezone(UTC)
        if there.utcoffset() == here.utcoffset():
            return ""
        day = f"{there:%a} " if there.date() != here.date() else ""
        name = getattr(self.zone, "key", None) or there.tzname()
        return f"{day}{there:%H:%M} in {name}"


Saying = tuple[str | Moment, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the history."""

    at: Moment
    sentence: str
    note: str
    """What the entry says in its own words; written by people and systems."""
    by: str


SENTENCES: Mapping[Reason, str] = {
    Reason.ALERT_FIRED: "It was noticed. Nobody had been told yet.",
    Reason.OPENED_BY_HAND: "Somebody asked for it to be stopped, without an alert.",
    Reason.ALERT_ACTIVE: "Nothing kept it back, so a message to you was next.",
    Reason.ALERT_SEEN: "Prometheus confirmed what was noticed.",
    Reason.TARGET_SEEN: "Determined told the name of the task.",
    Reason.WARNING_DELIVERED: "You were told in Slack. Your time to answer began.",
    Reason.REMINDER_QUEUED: "A reminder was sent off.",
    Reason.HOLD_BEGAN: "It was put on hold. Nothing is stopped meanwhile.",
    Reason.HOLD_CHANGED: "It stayed on hold, for other reasons than before.",
    Reason.HOLD_ENDED: "Nothing held it any more: it began anew, with a new message and full time.",
    Reason.MODE_CHANGED: "The watchdog was set to do more, or less. Whoever was told is told anew.",
    Reason.ACTION_CHANGED: "The watchdog was set to do something else when your time is over.",
    Reason.RECIPIENT_CHANGED: "You are told elsewhere by now: it began anew, with full time.",
    Reason.TARGETS_CHOSEN: "It was found which tasks would make room for others.",
    Reason.TARGETS_LEFT: "Some of the tasks were left alone: protected by now, or not needed.",
    Reason.WARNING_LATE: "A message reached you too late to count. It gives nobody less time.",
    Reason.NEW_EPISODE: "It was over and came back: it began anew, with full time to answer.",
    Reason.RECOVERED: "It was seen to be over. All is well.",
    Reason.ALLOCATION_ENDED: "The task ended by itself, or somebody else ended it.",
    Reason.OWNER_CHANGED: "The task belongs to somebody else now.",
    Reason.RULE_GONE: "Nothing watches for this any more.",
    Reason.RELABELLED: "What is watched for was changed: it goes on as another entry, anew.",
    Reason.DISMISSED: "An admin called it a false alarm.",
    Reason.STOP_REQUESTED: "Somebody asked for it to be stopped now.",
    Reason.PRESS_REFUSED: "Somebody who may not decide pressed a button. Nothing was done.",
    Reason.REQUEST_LAPSED: "The request to stop it was dropped: for too long nothing was certain.",
    Reason.PROVEN: "Your time was over, and all was checked once more: it is to be stopped.",
    Reason.STOP_SENT: "Determined is being asked to stop it.",
    Reason.STOP_ACCEPTED: "Determined took the request to stop it.",
    Reason.STOP_REJECTED: "Determined refused to stop it.",
    Reason.STOP_NOT_SENT: "At the last moment something spoke against it. It was not stopped.",
    Reason.STOP_UNCONFIRMED: "Determined was asked to stop it; what came of it is not known.",
    Reason.STOP_WITHDRAWN: "The stop was given up. You get a new message and full time.",
    Reason.STOP_TOOK_EFFECT: "It was stopped by the watchdog, and was seen to have ended.",
    Reason.STOP_VERIFIED: "It was stopped by the watchdog, and what it held is free for others.",
    Reason.GPUS_IN_USE: "It was stopped; something else still uses its GPUs. The admins know.",
    Reason.GPUS_UNSEEN: "It was stopped; whether its GPUs are free could not be seen.",
    Reason.ATTEMPTS_EXHAUSTED: "It could not be stopped. The admins were told.",
    Reason.SILENCED: "Somebody silenced it in Alertmanager.",
    Reason.INHIBITED: "The measurements could not be relied on.",
    Reason.MUTED: "It fell outside of the hours in which alerts are sent.",
    Reason.KEPT: "Somebody asked to keep it.",
    Reason.OWNER_UNREACHABLE: "You could not be reached, so your task was left alone.",
    Reason.BREAKER: "Nothing of anybody was stopped at that time.",
    Reason.EXEMPT: "The configuration lets the task be.",
    Reason.OUTSIDE_HOURS: "It fell outside of your waking hours.",
    Reason.NO_NEED: "You were within the limit, or nobody waited for room.",
    Reason.NO_USE: "No job that waited could have begun in its place.",
    Reason.ROOM_UNKNOWN: "It could not be seen where there was room for others.",
    Reason.DETERMINED_UNAVAILABLE: "A stop was due and not made: Determined did not answer.",
    Reason.PROMETHEUS_UNAVAILABLE: "A stop was due and not made: Prometheus did not answer.",
    Reason.ALERTMANAGER_UNAVAILABLE: "A stop was due and not made: Alertmanager did not answer.",
    Reason.SLACK_UNAVAILABLE: "A stop was due and not made: Slack did not say where you are told.",
    Reason.OWNER_UNKNOWN: "A stop was due and not made: it was not known whose task it is.",
    Reason.TYPE_DIFFERS: "A stop was due and not made: its type was not sure.",
    Reason.NOT_STOPPABLE: "A stop was due and not made: tasks of this type cannot be stopped.",
    Reason.NOT_FIRING: "A stop was due and not made: it could not be seen at that moment.",
    Reason.NOT_IN_ALERTMANAGER: "A stop was due and not made: Alertmanager did not know of it.",
    Reason.EXPRESSIONS_MISSING: "A stop was due and not made: nothing said how to prove it.",
    Reason.EVIDENCE_MISSING: "A stop was due and not made: measurements were missing.",
    Reason.EVIDENCE_STALE: "A stop was due and not made: the measurements were too old.",
    Reason.HEARTBEAT_MISSING: "A stop was due and not made: the alerting was not working.",
    Reason.NOT_WARNED: "A stop was not made: you had not been told in time.",
    Reason.GRACE_RUNS: "A stop was not made: your time to answer was not over.",
    Reason.MODE: "A stop was not made: the watchdog is set to stop nothing.",
    Reason.PROOF_OLD: "A stop was due and not made: checking it took too long.",
    Reason.NOBODY_WAITS: "Your time was over and nobody waited for the GPUs: the deadline moved.",
    Reason.NOT_PAUSABLE: "It was not paused: it cannot be, or not without runs that were in use.",
    Reason.STOPS_OTHERS: "It was not stopped: other tasks that it has begun would stop with it.",
    Reason.STOP_ELSEWHERE: "A stop for another reason was already under way.",
}
"""One for each reason; docs/reasons.md says more."""


def story(entry: Entry, zone: tzinfo) -> Told:
    note = entry.detail
    if entry.reason in {Reason.HOLD_BEGAN, Reason.HOLD_CHANGED}:
        note = ", ".join(_readable(part) for part in note.split(", "))
    by = "" if entry.actor == WATCHDOG else clean(entry.actor, 80)
    return Told(Moment(entry.at, zone), SENTENCES[entry.reason], clean(note, _NOTE), by)


def _readable(hold: str) -> str:
    """Spell out the reason of a hold, in the history's own short form."""
    reason, by, who = hold.partition(" by ")
    return f"{reason.replace('_', ' ')}{by}{who}"


def fate(
    incident: Incident, target: Target, deadline: datetime | None, policy: Policy, zone: tzinfo
) -> Saying:
    """Say what has become of a task, or what will and when."""
    if target.outcome:
        return (_outcome(incident, target),)
    match incident.state:
        case IncidentState.NOTIFIED if deadline is not None:
            return _announced(target, Moment(deadline, zone), policy)
        case IncidentState.NOTIFIED:
            return ("Nothing will be stopped. This is only to let you know.",)
        case IncidentState.FIRING if incident.mode is Mode.ENFORCE:
            return ("No deadline runs at the moment. A message comes first, with full time.",)
        case IncidentState.HELD:
            return ("On hold: nothing is stopped. ", *_holds(incident, zone))
        case IncidentState.STOPPING if target.stops_by_pause:
            return ("The time is over. It is being paused now, with time to save a checkpoint.",)
        case IncidentState.STOPPING:
            return ("The time is over. It is being stopped now.",)
        case IncidentState.ESCALATED:
            return ("It could not be stopped. The admins were told, and look at it.",)
        case _:
            return ("Nothing will be stopped.",)


def _outcome(incident: Incident, target: Target) -> str:
    match target.outcome:
        case IncidentState.STOPPED:
            return (
                "Paused by the watchdog." if target.stops_by_pause else "Stopped by the watchdog."
            )
        case IncidentState.RESOLVED if incident.identity.scope is Scope.USER:
            return "Left alone: it is protected, or not needed any more."
        case IncidentState.RESOLVED:
            return f"{condition(incident.identity.alertname).over} Nothing was stopped."
        case _:
            return "It runs no more. The watchdog did not stop it."


def _announced(target: Target, deadline: Moment, policy: Policy) -> Saying:
    paused = policy.action_for(target.task_type) is StopAction.PAUSE
    trial = paused and target.task_type == TaskType.TRIAL
    what = "its experiment" if trial else "it"
    queued = ", if others wait for these GPUs then" if policy.only_when_queued else ""
    done = "paused" if paused else "stopped"
    return (f"Unless something changes, {what} will be {done} on ", deadline, f"{queued}.")


def _holds(incident: Incident, zone: tzinfo) -> Iterator[str | Moment]:
    for hold in incident.holds[:3]:
        yield _HELD.get(hold.reason) or HOLDS.get(hold.reason) or SENTENCES[hold.reason]
        if hold.reason in _NAMED and hold.by:
            yield f" By {clean(hold.by, 80)}."
        if hold.until:
            yield from (" Until ", Moment(hold.until, zone), ".")
        if hold.reason in _NAMED and hold.detail:
            yield f" “{clean(hold.detail, 120)}”"
        yield " "


_NAMED = frozenset({Reason.SILENCED, Reason.KEPT})
_HELD: Mapping[Reason, str] = {
    Reason.SILENCED: "It is silenced in Alertmanager.",
    Reason.KEPT: "It is kept.",
    Reason.INHIBITED: "The measurements cannot be relied on now.",
    Reason.MUTED: "It is outside of the hours in which alerts are sent.",
    Reason.OWNER_UNREACHABLE: "You could not be reached in Slack.",
    Reason.BREAKER: "No task of anybody is stopped now, until an admin allows it again.",
    Reason.EXEMPT: "The configuration lets it be.",
    Reason.OUTSIDE_HOURS: "Outside of your waking hours it waits.",
}


def ending(incident: Incident, zone: tzinfo) -> Saying:
    """Say how a final incident ended."""
    at = Moment(incident.changed_at, zone)
    match incident.state:
        case IncidentState.STOPPED:
            paused = all(
                each.stops_by_pause
                for each in incident.targets
                if each.outcome is IncidentState.STOPPED
            )
            return (f"{'Paused' if paused else 'Stopped'} by the watchdog on ", at, ".")
        case IncidentState.RESOLVED if incident.identity.scope is Scope.USER:
            over = "You are within the limit again, or nobody waits any more: all is well."
        case IncidentState.RESOLVED:
            over = condition(incident.identity.alertname).over
        case IncidentState.DISMISSED:
            over = "An admin looked at it: a false alarm. Sorry for the interruption."
        case _ if incident.relabelled:
            over = "What is watched for was changed: it goes on as another entry, with full time."
        case _:
            over = "It ended, or is no longer watched."
    stopped = any(each.outcome is IncidentState.STOPPED for each in incident.targets)
    nothing = "" if stopped else " Nothing was stopped."
    return (f"{over}{nothing} That was on ", at, ".")


def lines(text: str) -> tuple[str, ...]:
    lines = (clean(line, _TEXT) for line in text[: 4 * _TEXT].splitlines())
    return tuple(line for line in lines if line)


def links(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, words in (("dashboard_url", "Dashboard"), ("runbook_url", "What this means")):
        url = texts.get(name, "")
        if _is_of_the_web(url):
            yield words, url


def _is_of_the_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def span_words(span: timedelta) -> str:
    minutes = max(span // timedelta(minutes=1), 0)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else "less than a minute"
