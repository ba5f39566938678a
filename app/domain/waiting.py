"""Deadlines of a policy that stops only while somebody waits for the GPUs; when reminders wait."""

from collections.abc import Iterator, Sequence

from app.domain.events import DeadlineMoved
from app.domain.incident import Incident, Target
from app.domain.policy import Policy
from app.domain.wanted import is_untold, is_wanted
from app.domain.world import World


def moves(
    incident: Incident, due: Sequence[Target], policy: Policy, world: World
) -> Iterator[DeadlineMoved]:
    """Yield what becomes of deadlines that are over while nobody waits: a grace period more.

    While Determined cannot be read it is not known who waits, and the stop that is due says so.
    """
    if not policy.only_when_queued or world.snapshot is None:
        return
    for target in due:
        wanted = is_wanted(target, policy, world.snapshot, world.now)
        if not wanted or is_untold(incident, target):
            yield DeadlineMoved(target.allocation_id, policy.grace_for(target.task_type))


def is_timely(incident: Incident, policy: Policy, world: World) -> bool:
    """Tell whether a reminder is news: of what will not happen nobody has to be reminded.

    Nothing is stopped whose alert Prometheus does not report. Where it does not answer, the
    deadline still stands.
    """
    if world.firing is not None and incident.identity.key not in world.firing:
        return False
    if not policy.only_when_queued:
        return True
    return any(
        is_wanted(target, policy, world.snapshot, world.now) for target in incident.open_targets
    )
