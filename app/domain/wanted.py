"""Does anybody wait for what a stop would free? For policies that stop only then."""

from collections import Counter
from datetime import datetime

from app.domain.cluster import Snapshot
from app.domain.incident import Incident, Target
from app.domain.placing import Line, freed
from app.domain.policy import Policy
from app.domain.world import World


def is_wanted(target: Target, policy: Policy, snapshot: Snapshot | None, now: datetime) -> bool:
    """Tell whether the policy's stop may be made, as far as those who wait are concerned.

    Always for a policy that does not ask. Else while a job of somebody else, that has waited long
    enough, would begin on what the target gives back. What is not known serves nobody (S5).
    """
    if not policy.only_when_queued:
        return True
    allocation = snapshot.allocations.get(target.allocation_id) if snapshot else None
    if snapshot is None or allocation is None:
        return False
    held: Counter[str] = Counter()
    for each in allocation.containers:
        held[each.agent_id] += len(each.gpu_uuids)
    line = Line.of(snapshot.queue.get(allocation.resource_pool, ()), target.username)
    begin_anyway = line.beginning(snapshot.rooms)
    begin = line.beginning(freed(snapshot.rooms, [held])) - begin_anyway
    since = {job.job_id: job.since for job in line.jobs}
    return any(
        (at := since[job_id]) is not None and now - at >= policy.queued_for for job_id in begin
    )


def is_untold(incident: Incident, target: Target) -> bool:
    """Tell whether the deadline was moved, and no new post has named it since.

    To move one rewrites a message, which notifies nobody.
    """
    return bool(target.warning and target.warning.moved and not incident.reminders)


def why_unwanted(incident: Incident, target: Target, policy: Policy, world: World) -> str:
    """Return why nobody has anything of the stop now, or was told in vain. Empty: somebody has."""
    if not is_wanted(target, policy, world.snapshot, world.now):
        return "nobody waits for these GPUs"
    if is_untold(incident, target):
        return "nobody waited when the owner was to be reminded"
    return ""
