"""What is due for an incident, from the answer clock's reading."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from operator import itemgetter

from app.domain.breaker import PlannedStop
from app.domain.cluster import UNSAVED
from app.domain.incident import OPEN_INTENTS, Incident, IncidentState, IntentState, Target
from app.domain.policy import Limits, Mode, Policy, StopAction

_LONGEST_NAME = 40
_WARNED = frozenset({IncidentState.NOTIFIED, IncidentState.STOPPING})


def promised(target: Target, policy: Policy, *, now: datetime, zone: tzinfo) -> datetime:
    """Return the deadline that a warning given now has to name: no earlier one could hold (S10).

    A grace period that the evening would break begins again in the morning.
    """
    grace = policy.grace_for(target.task_type)
    if target.task_type in UNSAVED:
        return policy.waking_hours.earliest_end(grace, now, zone)
    return now + grace


def remaining(
    target: Target, policy: Policy, *, clock: timedelta, now: datetime
) -> timedelta | None:
    """Return what is left of the grace period; zero or less when it is over, None without warning.

    Both the answer clock and the wall must have gone through the whole period, and the deadline
    that the message named must have passed.
    """
    if target.warning is None:
        return None
    warning = target.warning
    # What the messages promised holds, whatever the configuration says by now.
    promised = warning.deadline - warning.delivered_at
    grace = max(policy.grace_for(target.task_type), promised) + warning.moved
    by_clock = grace - (clock - warning.clock)
    by_wall = warning.delivered_at + grace - now
    return max(by_clock, by_wall)


def soonest(
    incident: Incident, policy: Policy, *, clock: timedelta, now: datetime
) -> tuple[timedelta, Target] | None:
    """Return which of the warned targets is due first, and in how long; None: none ever is."""
    found = _running(incident, policy, clock=clock, now=now)
    return min(found, key=itemgetter(0), default=None)


def deadlines(
    incident: Incident, policy: Policy, *, clock: timedelta, now: datetime
) -> dict[str, datetime]:
    """Return when each warned target is due if nothing happens; empty where nothing is stopped."""
    found = _running(incident, policy, clock=clock, now=now)
    return {target.allocation_id: now + left for left, target in found}


def _running(
    incident: Incident, policy: Policy, *, clock: timedelta, now: datetime
) -> Iterator[tuple[timedelta, Target]]:
    """Yield each warned target, and what is left of its grace period.

    A target that its policy spares by now stays where it was called once, to be followed to its
    end. It has no deadline: what will not happen is not announced (S10).
    """
    if incident.mode is not Mode.ENFORCE:
        return
    for target in incident.open_targets:
        left = remaining(target, policy, clock=clock, now=now)
        if left is not None and not policy.spares(target.task_type):
            yield left, target


def due_targets(
    incident: Incident, policy: Policy, *, clock: timedelta, now: datetime
) -> list[Target]:
    """Return the targets whose grace period is over and for which no intent exists yet."""
    if incident.mode is not Mode.ENFORCE or incident.state not in _WARNED:
        return []
    return [
        target
        for target in incident.open_targets
        if target.intent is None and target.request is None and _is_over(target, policy, clock, now)
    ]


def _is_over(target: Target, policy: Policy, clock: timedelta, now: datetime) -> bool:
    if target.warning is None or now < target.warning.deadline:
        # So it is with nearly all: what the message named is the least that is waited for.
        return False
    left = remaining(target, policy, clock=clock, now=now)
    return left is not None and left <= timedelta()


def is_unsettled(target: Target, limits: Limits, now: datetime) -> bool:
    """Tell whether the fate of its intent is unknown, and it was given the time to show.

    Determined that could not do it a minute ago is given more time with every attempt. Who asks for
    the stop since the last one is not kept waiting for that.
    """
    intent = target.intent
    if intent is None or intent.state not in OPEN_INTENTS:
        return False
    if intent.attempted_at is None:
        return True
    is_asked_anew = target.request is not None and target.request.at > intent.attempted_at
    retry = limits.retry_after(1 if is_asked_anew else intent.attempts)
    may_save = intent.state in {IntentState.SENDING, IntentState.SENT}
    if intent.action is StopAction.PAUSE and may_save:
        retry = max(retry, limits.pause_retry)
    return now - intent.attempted_at >= retry


def planned_stop(incident: Incident, target: Target) -> PlannedStop:
    """Say in one line, which no name that a user chose can make longer, what is to be stopped."""
    name = " ".join(target.name.replace("`", "").split())
    named = f" “{name[:_LONGEST_NAME]}”" if name else ""
    owner = target.username[:_LONGEST_NAME]
    task = f"{target.task_type} {target.task_id}{named} of {owner}"
    return PlannedStop(incident.incident_id, target.allocation_id, task)
