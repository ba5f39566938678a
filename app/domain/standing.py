"""What the configuration itself forbids: exempt tasks (S11), and the night (S13)."""

from collections.abc import Iterator
from datetime import datetime

from app.domain.cluster import UNSAVED, Snapshot
from app.domain.exemption import WORKSPACE, Exemption, exemption_of
from app.domain.incident import Hold, Incident
from app.domain.policy import Mode, Rulebook
from app.domain.reasons import Reason


def standing_holds(
    incident: Incident, rulebook: Rulebook, snapshot: Snapshot | None, now: datetime
) -> Iterator[Hold]:
    yield from exempt_holds(incident, rulebook, snapshot, now)
    yield from night_holds(incident, rulebook, now)


def exempt_holds(
    incident: Incident, rulebook: Rulebook, snapshot: Snapshot | None, now: datetime
) -> Iterator[Hold]:
    for target in incident.open_targets:
        allocation = snapshot.allocations.get(target.allocation_id) if snapshot else None
        if allocation is None:
            # Nothing is stopped before Determined has told of it; nor does what was exempt cease to
            # be so because it does not tell.
            yield from (hold for hold in incident.holds if hold.reason is Reason.EXEMPT)
            continue
        policy = incident.identity.policy
        exemption = exemption_of(allocation, policy, rulebook.exempt, now)
        if exemption is not None:
            yield exempt_hold(exemption)


def may_be_exempt(incident: Incident, rulebook: Rulebook, now: datetime) -> bool:
    """Tell whether an exemption could cover a target, by what is known without Determined (S5)."""
    unknown = dict.fromkeys(("resource_pool", "experiment_label", WORKSPACE))
    own = {"policy": (incident.identity.policy,)}
    return any(
        one.covers({**unknown, **own, "username": (each.username,), "task_type": (each.task_type,)})
        for one in rulebook.exempt
        if not one.is_over(now)
        for each in incident.open_targets
    )


def exempt_hold(exemption: Exemption) -> Hold:
    return Hold(Reason.EXEMPT, by=exemption.reason, until=exemption.until)


def night_holds(incident: Incident, rulebook: Rulebook, now: datetime) -> Iterator[Hold]:
    """Nobody is woken by a deadline: what would be lost can be saved by its owner alone."""
    if not any(target.task_type in UNSAVED for target in incident.open_targets):
        return
    policy = rulebook.policy_for(incident.identity)
    begin = policy.waking_hours.next_begin(now, rulebook.zone_of(incident.identity.username))
    # Where nothing would be stopped, the message is a mere hint, and may come at any hour.
    if begin is not None and policy.ceiling(rulebook.mode) is Mode.ENFORCE:
        yield Hold(Reason.OUTSIDE_HOURS, until=begin)
