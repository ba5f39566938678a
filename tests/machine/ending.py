"""The end of a sequence: all is well again. What idles on is stopped, what is used again is closed.

Else the oracles could be satisfied by doing nothing.
"""

from datetime import timedelta

from app.domain.incident import IncidentState
from app.domain.release import Release
from tests.machine.configurations import BASE, MANY
from tests.machine.mending import all_is_well
from tests.machine.mischief import recovers, within_the_limit
from tests.machine.tasks import Condition, Task
from tests.machine.theatre import Theatre
from tests.receiver.conftest import MINUTE, SECOND

LONG = timedelta(hours=6)
"""Longer than any keep, silence and wait for an owner out of reach."""
ROUNDS = 14


async def idles_on(theatre: Theatre) -> list[str]:
    """Mend all, let the alerts fire on, and say what was not stopped."""
    await _is_mended(theatre)
    idle = await _fires_on(theatre)
    for _ in range(ROUNDS):
        await theatre.ticks()
        await theatre.delivers()
        left = [each for each in idle if _is_left(theatre, each)]
        if not left:
            silent = await _is_silent(theatre)
            return [*_awaited(theatre), *([] if silent else ["liveness: a message waits for ever"])]
        theatre.stage.time.passes(30 * MINUTE)
    return [f"liveness: {each.allocation_id} is never stopped" for each in left]


async def is_used_again(theatre: Theatre) -> list[str]:
    """Mend all, let everybody work again, and say which incidents stay open all the same (S8)."""
    await _is_mended(theatre)
    for task in theatre.stage.tasks:
        recovers(theatre, task)
    for _ in range(ROUNDS):
        await theatre.ticks()
        await theatre.delivers()
        theatre.violations += theatre.books.audit()
        left = theatre.books.left_open()
        if not left:
            return [] if await _is_silent(theatre) else ["liveness: a message waits for ever"]
        theatre.stage.time.passes(30 * MINUTE)
    return [f"liveness: {each} is never closed" for each in left]


async def _is_mended(theatre: Theatre) -> None:
    stage = theatre.stage
    for task in stage.tasks:
        all_is_well(theatre, task)
    theatre.trouble.happening = None
    within_the_limit(theatre, stage.tasks[0])
    stage.time.jumps(max(stage.stamps.latest - stage.time.wall, timedelta()))
    stage.time.passes(LONG)
    theatre.most = MANY
    theatre.follows(BASE)
    await theatre.presses("reset")
    # What fired for owners and runs of before is over.
    stage.prometheus.firing.clear()
    for peer in stage.alertmanagers.peers:
        peer.alerts.clear()


async def _fires_on(theatre: Theatre) -> list[Condition]:
    """Return what idles on: of each task that was ever reported, one thing."""
    stage = theatre.stage
    idle = [task.conditions()[0] for task in stage.tasks if _is_concerned(theatre, task)]
    for condition in idle:
        stage.begins(condition)
    await theatre.ticks()
    stage.time.passes(SECOND)
    return idle


def _is_concerned(theatre: Theatre, task: Task) -> bool:
    reported = {condition.identity.key for condition in task.conditions()}
    return theatre.stage.runs(task) and bool(reported & theatre.stage.memory.reported.keys())


def _is_left(theatre: Theatre, condition: Condition) -> bool:
    stage = theatre.stage
    if not stage.determined.runs_on(condition.allocation_id):
        return False
    of_it = [each for each in stage.conditions() if each.allocation_id == condition.allocation_id]
    # Where the attempts of one incident are used up, a person has to look; one has done so where an
    # alert was called false.
    left_alone = {IncidentState.ESCALATED, IncidentState.DISMISSED}
    return not any(theatre.books.last_state(each) in left_alone for each in of_it)


def _awaited(theatre: Theatre) -> list[str]:
    """Say of which stops the GPUs are awaited though everybody can see them (0019)."""
    rows = theatre.books.database.rows("SELECT incident_id, body FROM incidents")
    return [
        f"liveness: the GPUs of {incident_id} are awaited for ever"
        for incident_id, body in rows
        if f'"release":"{Release.AWAITED}"' in body
    ]


async def _is_silent(theatre: Theatre) -> bool:
    theatre.stage.time.passes(2 * MINUTE)
    await theatre.ticks()
    await theatre.delivers()
    return theatre.books.waiting() == 0
