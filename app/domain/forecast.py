"""What would come, and when, if a task idled from now on: the alert, the warning, the stop."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.by_hand_words import objection
from app.domain.cluster import UNSAVED, TaskType
from app.domain.incident import GivenWarning, Hold, Incident, IncidentState, Target
from app.domain.policy import Mode, Policy, StopAction
from app.domain.prospect import Ceiling, Prospect
from app.domain.reasons import Reason
from app.domain.schedule import deadlines, promised
from app.domain.world import World

_CEILINGS = {
    Ceiling.WATCHDOG: "the watchdog's own mode is {mode}",
    Ceiling.POLICY: "the policy's mode is {mode}",
    Ceiling.ACTION: "the policy stops nothing of this type",
    Ceiling.UNCONFIGURED: "the configuration has no policy of this name",
}
_UNDER_WAY = frozenset({IncidentState.STOPPING, IncidentState.ESCALATED})


class Stage(StrEnum):
    ALERT = "alert"
    WARNING = "warning"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Milestone:
    stage: Stage
    at: datetime | None
    """When it was, or will be at the earliest. None: never as things stand, or nobody can say."""
    words: str


@dataclass(frozen=True, slots=True)
class Outset:
    """Where a forecast begins."""

    target: Target
    alert_at: datetime | None
    """When the alert could fire. None: nobody can say."""
    incident: Incident | None = None
    """The open one of that alert."""


def forecast(
    outset: Outset, prospect: Prospect, policy: Policy, world: World
) -> tuple[Milestone, ...]:
    """`policy`: with the action that holds for the type of task."""
    if prospect.never:
        words = "No alert on idle GPUs can be about it, whatever it does."
        return (Milestone(Stage.ALERT, None, words),)
    holds = _holds(outset.incident, prospect)
    alert = _alert(outset)
    warning = _warning(outset, prospect, holds, policy, world)
    return alert, warning, _stop(outset, prospect, warning.at, policy, world)


def _holds(incident: Incident | None, prospect: Prospect) -> tuple[Hold, ...]:
    """Return what holds it, with what only its alert has, such as an inhibition."""
    of_the_alert = incident.holds if incident else ()
    return tuple(dict.fromkeys((*prospect.holds, *of_the_alert)))


def _alert(outset: Outset) -> Milestone:
    if outset.incident:
        words = f"It has fired: incident {outset.incident.incident_id} is open."
        return Milestone(Stage.ALERT, outset.incident.opened_at, words)
    if outset.alert_at is None:
        words = "Not while a condition of the alert is unknown, or cannot be met."
        return Milestone(Stage.ALERT, None, words)
    words = "At the earliest, if nothing works until then and all that has to be seen is seen."
    return Milestone(Stage.ALERT, outset.alert_at, words)


def _warning(
    outset: Outset, prospect: Prospect, holds: Sequence[Hold], policy: Policy, world: World
) -> Milestone:
    given = _given(outset)
    if given:
        return Milestone(Stage.WARNING, given.delivered_at, "Its owner was told.")
    if prospect.mode is Mode.OBSERVE:
        words = f"Its owner is told nothing: {_lowered(prospect)}."
        return Milestone(Stage.WARNING, None, words)
    at = _told_at(outset, holds, policy, world)
    if holds:
        return Milestone(Stage.WARNING, at, f"Not while it is held. {_sentences(holds)}")
    if at is None:
        return Milestone(Stage.WARNING, None, "When the alert fires.")
    return Milestone(Stage.WARNING, at, "Its owner is told, at the earliest then.")


def _given(outset: Outset) -> GivenWarning | None:
    if outset.incident is None:
        return None
    target = outset.incident.target(outset.target.allocation_id)
    return target.warning if target else None


def _told_at(
    outset: Outset, holds: Iterable[Hold], policy: Policy, world: World
) -> datetime | None:
    ends = [world.now if outset.incident else outset.alert_at, *(each.until for each in holds)]
    known = [each for each in ends if each is not None]
    if len(known) < len(ends):
        return None
    at = max(known)
    if outset.target.task_type in UNSAVED and policy.ceiling(world.mode) is Mode.ENFORCE:
        zone = world.rulebook.zone_of(outset.target.username)
        return policy.waking_hours.next_begin(at, zone) or at
    return at


def _stop(
    outset: Outset, prospect: Prospect, told_at: datetime | None, policy: Policy, world: World
) -> Milestone:
    if prospect.mode is not Mode.ENFORCE:
        words = f"Nothing is stopped: {_lowered(prospect)}."
        return Milestone(Stage.STOP, None, words)
    incident = outset.incident
    if incident and incident.state in _UNDER_WAY:
        words = f"Its incident is {incident.state}: it is being stopped, or a person must look."
        return Milestone(Stage.STOP, None, words)
    at = _stop_at(outset, told_at, policy, world)
    words = " ".join(
        [_deed(outset.target, policy), *_provisos(policy), *_prevented(incident, world)]
    )
    return Milestone(Stage.STOP, at, words)


def _stop_at(
    outset: Outset, told_at: datetime | None, policy: Policy, world: World
) -> datetime | None:
    if outset.incident and _given(outset):
        due = deadlines(outset.incident, policy, clock=world.clock, now=world.now)
        return due.get(outset.target.allocation_id)
    if told_at is None:
        return None
    zone = world.rulebook.zone_of(outset.target.username)
    return promised(outset.target, policy, now=told_at, zone=zone)


def _deed(target: Target, policy: Policy) -> str:
    if policy.action is StopAction.PAUSE:
        whole = "Its whole experiment" if target.task_type == TaskType.TRIAL else "It"
        return f"{whole} is paused, at the earliest then, and only if it idles then, too."
    return "It is killed, at the earliest then, and only if it idles then, too."


def _provisos(policy: Policy) -> list[str]:
    return ["Only while somebody else waits for its GPUs."] if policy.only_when_queued else []


def _prevented(incident: Incident | None, world: World) -> list[str]:
    """Return what prevents stops at the moment, and is no hold."""
    found = []
    if incident and incident.block:
        found.append(objection(incident.block.reason).words)
    age = world.now - world.heartbeat_at if world.heartbeat_at else None
    if age is None or age > world.rulebook.limits.heartbeat_age:
        found.append(objection(Reason.HEARTBEAT_MISSING).words)
    return found


def _lowered(prospect: Prospect) -> str:
    return ", and ".join(_CEILINGS[each].format(mode=prospect.mode) for each in prospect.lowered_by)


def _sentences(holds: Iterable[Hold]) -> str:
    return " ".join(objection(each.reason, _by(each)).words for each in holds)


def _by(hold: Hold) -> str:
    return f"by {hold.by}" if hold.by else hold.detail
