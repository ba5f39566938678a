"""What a verdict means: for a stop that is due, and for an intent that is open already (S6)."""

from app.domain import events as e
from app.domain.incident import Hold, Incident, Target
from app.domain.proof import OVER, UNKNOWN, Verdict
from app.domain.reasons import Reason

_BEGINS_ANEW = frozenset(
    {
        Reason.NEW_EPISODE,
        Reason.HOLD_ENDED,
        Reason.ACTION_CHANGED,
        Reason.RECIPIENT_CHANGED,
        # Whoever comes back has not read what was said meanwhile.
        Reason.OWNER_UNREACHABLE,
    }
)


def consequence(incident: Incident, target: Target, verdict: Verdict, intent_id: str) -> e.Event:
    """Return what the verdict means for the incident.

    What is not known is asked again: of an open intent until the admins were told that it is not,
    for nobody else may stop the allocation meanwhile. A rule that says no takes an intent of
    unknown fate back, and ends what is over.
    """
    if verdict.is_proven:
        known = target.intent.intent_id if target.intent else intent_id
        return e.StopProven(target.allocation_id, known, verdict.evidence)
    if verdict.reason in OVER:
        return e.AllocationEnded(target.allocation_id, verdict.reason, verdict.evidence)
    if verdict.reason in UNKNOWN and not (target.intent and _is_stuck(incident)):
        return e.StopBlocked(verdict.reason, verdict.detail, verdict.evidence)
    if target.intent is not None:
        return e.StopWithdrawn(
            target.allocation_id, verdict.reason, verdict.detail, verdict.evidence
        )
    if verdict.reason is Reason.EXEMPT:
        return e.HoldsObserved((Hold(verdict.reason, by=verdict.detail),))
    if verdict.reason is Reason.RECOVERED:
        return e.RecoveryObserved(verdict.evidence)
    if verdict.reason in _BEGINS_ANEW:
        return e.EpisodeBegan(verdict.evidence, verdict.reason)
    return e.StopBlocked(verdict.reason, verdict.detail, verdict.evidence)


def _is_stuck(incident: Incident) -> bool:
    """Tell whether the admins know that a stop of it cannot be proven."""
    block = incident.block
    return block is not None and block.due and block.admins_told
