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
FOLLOWED = timedelta(seconds=40)
"""For so long a call that was taken is awaited, whatever comes: less than until it is repeated."""


def why_unwanted(call: Call, condition: Condition, law: Law, memory: Memory) -> str:
    """Return why the stop helps nobody. Empty: it does, or need not."""
    owner, is_of_user = condition.identity.username, not condition.allocation_id
    if not is_of_user and not law.asks_for_queue(condition.identity.policy):
        return ""
    told = memory.snapshot
    if told is None or call.at.true - told.at.true > SNAPSHOT_AGE:
        return "S5: who waits is not known"
    others = [job for each in told.what.queue.values() for job in each if job.username != owner]
    if is_of_user:
        free = told.what.rooms[AGENT].free
        if not any(job.least == free + 1 for job in others):
            return "S10: nobody who waits can begin then"
        held = [each for each in told.what.allocations.values() if each.username == owner]
        is_over = law.limit is not None and len(held) > law.limit
        return "" if is_over else f"S10: {owner} holds {len(held)} of {law.limit}"
    waiting = [job for job in others if _begins(job, call, told.what, memory)]
    if not waiting:
        return "S10: nobody who waits can begin then"
    waited = [call.at.wall - job.since for job in waiting if job.since]
    return "" if any(each >= QUEUED_FOR for each in waited) else "S10: nobody has waited for long"


def _begins(job: QueuedJob, call: Call, snapshot: Snapshot, memory: Memory) -> bool:
    """Tell whether it begins with what the call gives back, and what may follow; not without."""
    own = {call.allocation_id, *call.together}
    going = _going(call, snapshot, memory) - own
    free = snapshot.rooms[AGENT].free + len(going)
    follow = {
        each.allocation_id
        for each in snapshot.running
        if each.allocation_id not in own | going
        and each.username != job.username
        and _is_over(each.allocation_id, call, memory)
    }
    return job.least is not None and free < job.least <= free + len(own) + len(follow)


def _going(call: Call, snapshot: Snapshot, memory: Memory) -> set[str]:
    """Return what still runs and was just told to stop, as Determined has confirmed."""
    found = set()
    for before in memory.calls:
        one = snapshot.allocations.get(before.allocation_id)
        ages = (call.at.wall - before.at.wall, call.at.true - before.at.true)
        is_recent = all(timedelta() <= age < FOLLOWED for age in ages)
        if before.is_taken and is_recent and one and one.username == before.owner:
            found.add(before.allocation_id)
    return found


def _is_over(allocation_id: str, call: Call, memory: Memory) -> bool:
    """Tell whether a deadline that its owner was told is over."""
    named = (told.post.deadlines.get(allocation_id) for told in memory.told)
    return any(each is not None and each <= call.at.wall for each in named)
