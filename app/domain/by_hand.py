"""What people ask for: a stop now, or that the alert be dismissed.

The person takes the place of the alert, the warning and the grace period. What has to be true all
the same: it is the same allocation of the same owner, Determined says so now, and it is called for
once (S2, S5, S6). Whatever else speaks against it is in the history (S12).
"""

from dataclasses import replace

from app.domain import events as e
from app.domain.alert import BY_HAND
from app.domain.history import WATCHDOG
from app.domain.incident import Incident, IncidentState, StopRequest, Target
from app.domain.policy import StopAction
from app.domain.reasons import Reason
from app.domain.steps import Step, is_under_way, open_intents, status


def is_wanted(incident: Incident, allocation_id: str) -> bool:
    target = incident.target(allocation_id)
    return target is not None and target.request is not None


def is_by_hand(incident: Incident) -> bool:
    """Tell whether the incident is about what a person has asked for, and no alert."""
    return incident.identity.alertname == BY_HAND


def is_forgotten(incident: Incident) -> bool:
    """Tell whether it is about a request that was taken back, or has lapsed."""
    if not is_by_hand(incident) or open_intents(incident):
        return False
    return not any(each.request for each in incident.open_targets)


def takes_back(incident: Incident, actor: str) -> bool:
    """Tell whether a hold by this actor ends what somebody has asked for."""
    return actor != WATCHDOG and any(each.request for each in incident.open_targets)


def requested(incident: Incident, event: e.StopRequested) -> Step | None:
    """Note the request on each of the targets that are open and not being called already."""
    after = incident
    for target in incident.open_targets:
        named = target.allocation_id in event.allocation_ids
        if named and not is_under_way(target) and is_news(target, event.request):
            after = after.with_target(replace(target, request=event.request))
    if after == incident:
        return None
    step = Step(after, Reason.STOP_REQUESTED, status(after), event.detail, event.evidence)
    return replace(step, actor=event.request.by)


def is_news(target: Target, request: StopRequest) -> bool:
    """Tell whether nobody has asked for it yet; or for a pause, while nothing is begun of it."""
    before = target.request
    if before is None:
        return True
    is_more = (before.action, request.action) == (StopAction.PAUSE, StopAction.KILL)
    return is_more and target.intent is None


def without_requests(incident: Incident) -> Incident:
    targets = tuple(replace(each, request=None) for each in incident.targets)
    return replace(incident, targets=targets)


def noted(incident: Incident, event: e.RequestLapsed | e.PressRefused) -> Step | None:
    if isinstance(event, e.PressRefused):
        return Step(incident, Reason.PRESS_REFUSED, detail=event.verb, actor=event.by)
    target = incident.target(event.allocation_id)
    if target is None or target.request is None or target.intent is not None:
        # Once the intent is on record, it is the intent that is withdrawn, and its request with it.
        return None
    after = incident.with_target(replace(target, request=None))
    return Step(after, Reason.REQUEST_LAPSED, status(after), event.detail)


def wanted(incident: Incident) -> list[Target]:
    """Return the targets that a person wants stopped, and for which no intent exists yet."""
    if incident.state is IncidentState.ESCALATED:
        return []
    return [each for each in incident.open_targets if each.request and each.intent is None]
