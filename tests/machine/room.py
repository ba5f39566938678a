"""Whether anybody has something of a stop, by Determined's last answer to "what runs, who waits?".

The machine's cluster is simple on purpose: one agent, tasks of one slot, and one job that waits.
"""

from datetime import timedelta

from app.domain.cluster import QueuedJob, Snapshot
from tests.machine.configurations import QUEUED_FOR, Law
from tests.machine.tasks import AGENT, Condition
from tests.machine.witness import Call, Memory

SNAPSHOT_AGE = timedelta(seconds=70)
"""With the ten seconds that a proof may take."""


def why_unwanted(call: Call, condition: Condition, law: Law, memory: Memory) -> str:
    """Return why the stop helps nobody. Empty: it does, or need not."""
    owner, is_of_user = condition.identity.username, not condition.allocation_id
    if not is_of_user and not law.asks_for_queue(condition.identity.policy):
        return ""
    told = memory.snapshot
    if told is None or call.at.true - told.at.true > SNAPSHOT_AGE:
        return "S5: who waits is not known"
    queue = [job for each in told.what.queue.values() for job in each]
    waiting = [job for job in queue if job.username != owner and _begins(job, told.what)]
    if not waiting:
        return "S10: nobody who waits can begin then"
    held = [each for each in told.what.allocations.values() if each.username == owner]
    if is_of_user:
        is_over = law.limit is not None and len(held) > law.limit
        return "" if is_over else f"S10: {owner} holds {len(held)} of {law.limit}"
    waited = [call.at.wall - job.since for job in waiting if job.since]
    return "" if any(each >= QUEUED_FOR for each in waited) else "S10: nobody has waited for long"


def _begins(job: QueuedJob, snapshot: Snapshot) -> bool:
    """Tell whether it lacks one slot."""
    return job.least == snapshot.rooms[AGENT].free + 1
