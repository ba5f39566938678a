"""What was announced to whom, and what would be done, and who be told, by now (S1, S10).

Who was told that it is paused is not killed because the configuration has changed meanwhile: that
takes a new warning, and a full grace period. What is milder than announced takes none. And whom
the configuration has corrected since was never told.
"""

from collections.abc import Iterator
from dataclasses import replace

from app.domain.events import ActionEased
from app.domain.incident import GivenWarning, Incident, RecipientKind, Target
from app.domain.outbox import Recipient
from app.domain.policy import Announcement, Mode, Rulebook
from app.domain.reasons import Reason
from app.domain.steps import Step, status


def has_changed(incident: Incident, rulebook: Rulebook) -> bool:
    """Tell whether anything else than was announced would be done by now, harsher or milder."""
    now = rulebook.policy_for(incident.identity).announcement
    return any(each.warning and each.warning.announced != now for each in incident.targets)


def harsher(incident: Incident, target: Target, rulebook: Rulebook) -> Announcement | None:
    """Return what would be done by now, where that is more than was announced; else None.

    Of a warning that was given before anybody noted what it announces it is not known: that counts
    as nothing at all (S5).
    """
    warning = _held_to(incident, target)
    if warning is None:
        return None
    now = rulebook.policy_for(incident.identity).announcement
    told = warning.announced
    return now if told is None or now.exceeds(told, target.task_type) else None


def eases(incident: Incident, rulebook: Rulebook) -> Iterator[ActionEased]:
    """Yield what is announced from now on, where that is less. It must not grow again unnoticed."""
    now = rulebook.policy_for(incident.identity).announcement
    for target in incident.targets:
        warning = _held_to(incident, target)
        told = warning.announced if warning else None
        if told and told != now and told.exceeds(now, target.task_type):
            yield ActionEased(now)
            return


def is_announced(incident: Incident, rulebook: Rulebook) -> bool:
    """Tell whether what would be done by now is what was announced, where anything was."""
    more = any(harsher(incident, each, rulebook) for each in incident.targets)
    return not more and not any(eases(incident, rulebook))


def told_elsewhere(target: Target, recipient: Recipient) -> bool:
    """Tell whether the owner would be told in another conversation than the warning was given in.

    Whoever reads that one need not be the owner (S1). Where the admins would be told by now instead
    of the owner, nobody would be.
    """
    warning = target.warning
    if warning is None or target.outcome:
        return False
    return recipient.kind is RecipientKind.ADMINS or warning.channel != recipient.channel


def is_told_elsewhere(incident: Incident, recipient: Recipient) -> bool:
    return any(told_elsewhere(each, recipient) for each in incident.targets)


def eased(incident: Incident, event: ActionEased) -> Step | None:
    """Hold the owner's messages to what is milder."""
    targets = tuple(_eased(each, event.announcement) for each in incident.targets)
    if targets == incident.targets:
        return None
    after = replace(incident, targets=targets)
    return Step(after, Reason.ACTION_CHANGED, status(after), event.announcement.action)


def _held_to(incident: Incident, target: Target) -> GivenWarning | None:
    """Return the warning that a stop of the target would rest on."""
    return None if target.outcome or incident.mode is not Mode.ENFORCE else target.warning


def _eased(target: Target, now: Announcement) -> Target:
    warning = target.warning
    if warning is None or warning.announced is None:
        return target
    announced = warning.announced.milder_of(now)
    return replace(target, warning=replace(warning, announced=announced))
