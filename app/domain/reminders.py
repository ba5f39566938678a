"""When an owner is reminded within a grace period, and what holds from then on."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from app.domain.actions import MessageKind, SendMessage
from app.domain.events import ReminderDue
from app.domain.incident import Incident, IncidentState, Target
from app.domain.policy import Policy, Reminder
from app.domain.reasons import Reason
from app.domain.schedule import soonest
from app.domain.steps import Step


def due_reminder(
    incident: Incident, policy: Policy, *, clock: timedelta, now: datetime
) -> ReminderDue | None:
    """Return the reminder whose time has come, unless this round has had it.

    What was missed meanwhile is not made up for: the last of them says it all.
    """
    if incident.state is not IncidentState.NOTIFIED:
        return None
    first = soonest(incident, policy, clock=clock, now=now)
    if first is None:
        return None
    left, target = first
    if left <= timedelta():
        return None
    moments = _moments(policy.reminders, policy.grace_for(target.task_type))
    past = [moment for moment, begins in moments if left <= begins]
    if not past or past[-1] in incident.reminders:
        return None
    is_last = len(moments) > 1 and past[-1] == moments[-1][0]
    return ReminderDue(MessageKind.LAST_CALL if is_last else MessageKind.REMINDER, past[-1])


def reminded(incident: Incident, event: ReminderDue, policy: Policy) -> Step | None:
    """Send it. The grace period by which it names deadlines holds, if it is shortened again.

    That is asked again when it goes out: the configuration may have changed while it waited.
    """
    targets = tuple(_promised(each, policy) for each in incident.targets)
    if event.goes_out:
        held = replace(incident, targets=targets)
        why = "it names a later deadline than when it was queued"
        return None if held == incident else Step(held, Reason.REMINDER_QUEUED, detail=why)
    if event.moment in incident.reminders:
        return None
    after = replace(incident, targets=targets, reminders=(*incident.reminders, event.moment))
    told = (SendMessage(MessageKind(event.kind)),)
    return Step(after, Reason.REMINDER_QUEUED, told, event.kind)


def _promised(target: Target, policy: Policy) -> Target:
    warning = target.warning
    if warning is None:
        return target
    deadline = warning.delivered_at + policy.grace_for(target.task_type)
    return replace(target, warning=replace(warning, deadline=max(warning.deadline, deadline)))


@lru_cache(maxsize=256)
def _moments(
    reminders: tuple[Reminder, ...], grace: timedelta
) -> tuple[tuple[str, timedelta], ...]:
    """Return each reminder, and how much of the grace period is left when its time has come.

    Where one would come no later than the one before it, or than the warning, it is left out: of
    "at half, and 10 min before the end" a grace period of a quarter of an hour has the half alone.
    A tick asks the same for every incident.
    """
    moments, earlier = [], grace
    for each in reminders:
        left = each if isinstance(each, timedelta) else grace * (1 - each)
        if left < earlier:
            moments.append((str(each), left))
            earlier = left
    return tuple(moments)
