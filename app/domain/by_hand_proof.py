"""The proof before a stop that a person asks for: Determined alone is heard (S2, S5)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from app.domain import events as e
from app.domain.by_hand import is_by_hand
from app.domain.evidence import Readings, evidence_of
from app.domain.incident import Incident, IntentState, Target
from app.domain.policy import Limits, Mode, Policy
from app.domain.proof import UNKNOWN, Verdict, objections, same_allocation
from app.domain.reasons import Reason
from app.domain.wanted import No
from app.domain.world import World

REQUEST_LIFE = timedelta(minutes=15)
"""After that a request is too old to be carried out, whatever has kept it from it."""
_OF_AN_ALERT = {Reason.NOT_FIRING, Reason.NOT_IN_ALERTMANAGER, Reason.EXPRESSIONS_MISSING}
_NOT_ASKED = {Reason.EVIDENCE_MISSING, Reason.SLACK_UNAVAILABLE}
WAITS = UNKNOWN | {Reason.NOT_PAUSABLE, Reason.STOPS_OTHERS, Reason.STOP_ELSEWHERE}
"""What may be otherwise at the next tick: a pause waits until all of an experiment is to pause, and
a generic task until those that descend from it have ended.
"""
_TAKES_BACK = {Reason.NOT_STOPPABLE, Reason.REQUEST_LAPSED, Reason.KEPT}
"""What ends the request, and not the incident."""


def judge(
    incident: Incident,
    target: Target,
    readings: Readings,
    world: World,
    *,
    policy: Policy,
    limits: Limits,
) -> Verdict:
    """Decide whether this allocation may be stopped as was asked: Determined alone is heard."""
    nos = [*same_allocation(target, readings), *_kept_since(incident, target, world)]
    reason, detail = nos[0] if nos else (Reason.PROVEN, "")
    found = against(incident, target, readings, world, policy=policy, limits=limits)
    evidence = {
        **evidence_of(incident, target, readings, world),
        "against": [f"{no}: {why}" if why else str(no) for no, why in found],
    }
    return Verdict(reason, detail, evidence)


def consequence(target: Target, verdict: Verdict, intent_id: str, now: datetime) -> e.Event:
    """Return what the verdict means.

    A request that nobody can judge waits, and then lapses; so does one that no receiver ran for.
    """
    is_old = target.request is None or now - target.request.at > REQUEST_LIFE
    if verdict.is_proven and target.request and is_old and not _is_begun(target):
        verdict = replace(verdict, reason=Reason.REQUEST_LAPSED, detail="asked for too long ago")
    if verdict.is_proven:
        known = target.intent.intent_id if target.intent else intent_id
        return e.StopProven(target.allocation_id, known, verdict.evidence)
    if verdict.reason not in WAITS | _TAKES_BACK:
        return e.AllocationEnded(target.allocation_id, verdict.reason, verdict.evidence)
    if verdict.reason in WAITS and not is_old:
        return e.StopBlocked(verdict.reason, verdict.detail, verdict.evidence)
    why = f"{verdict.reason}: {verdict.detail}"
    if target.intent is None:
        return e.RequestLapsed(target.allocation_id, why)
    return e.StopWithdrawn(target.allocation_id, Reason.REQUEST_LAPSED, why, verdict.evidence)


def _kept_since(incident: Incident, target: Target, world: World) -> Iterator[No]:
    """S13: whoever keeps the task later, through another alert of it, takes the request back.

    So it stays when the keep is over.
    """
    request = target.request
    if request is None:
        return
    for keep in world.keeps:
        mine = (keep.task_id, keep.policy) == (target.task_id, incident.identity.policy)
        if mine and keep.until > request.at and keep.keep_id not in request.despite:
            yield Reason.KEPT, f"by {keep.by}, after the stop was asked for"


def _is_begun(target: Target) -> bool:
    """Tell whether Determined may have been asked to: then it is brought to its end."""
    return target.intent is not None and target.intent.state is not IntentState.RECORDED


def against(
    incident: Incident,
    target: Target,
    readings: Readings,
    world: World,
    *,
    policy: Policy,
    limits: Limits,
) -> Iterator[No]:
    """Yield what would keep the watchdog itself from it. Neither the alert's queries are asked, nor
    Slack.
    """
    for reason, detail in objections(
        incident, target, readings, world, policy=policy, limits=limits
    ):
        if reason not in _NOT_ASKED and not _is_moot(reason, incident, world):
            yield reason, detail


def _is_moot(reason: Reason, incident: Incident, world: World) -> bool:
    """Tell whether it says of an alert, or of its policy, what a stop without an alert has not."""
    if not is_by_hand(incident):
        return False
    return reason in _OF_AN_ALERT or (reason is Reason.MODE and world.mode is Mode.ENFORCE)
