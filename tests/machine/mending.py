"""How whatever may happen is taken back, so that a stop can be due."""

from datetime import timedelta

from app.domain.incident import IncidentState
from tests.machine.configurations import (
    BASE,
    CONFIGURATIONS,
    NOTHING_OF_A_USER,
    OF_A_USER,
    Configuration,
)
from tests.machine.mischief import (
    ceases,
    gpus_are_freed,
    idles,
    over_the_limit,
    owner_known,
    restarts,
    silences_end,
    waits,
)
from tests.machine.tasks import Task
from tests.machine.theatre import Theatre


def all_is_well(theatre: Theatre, task: Task) -> None:
    """Whatever fails works again. What people decided stays."""
    stage = theatre.stage
    stage.heart_beats = True
    theatre.trouble.slow.clear()
    theatre.trouble.database_down = False
    stage.determined.fault = stage.determined.refusal = stage.determined.lost_answer = None
    stage.determined.deaf, stage.determined.latency = False, timedelta()
    stage.prometheus.fault = stage.prometheus.query_fault = None
    stage.prometheus.evidence = (12.0,)
    stage.slack.fault = stage.alertmanagers.fault = None
    stage.slack.is_open = True
    # Not cleared: the set is shared by all sequences.
    stage.slack.unknown = set()
    for peer in stage.alertmanagers.peers:
        peer.error, peer.inhibited_by, peer.muted_by = "", (), ()
    owner_known(theatre, task)
    gpus_are_freed(theatre, task)
    idles(theatre, task)


async def nothing_speaks_against_it(
    theatre: Theatre, task: Task, configuration: Configuration = BASE
) -> None:
    """What people decided is taken back, too."""
    all_is_well(theatre, task)
    for other in theatre.stage.tasks:
        owner_known(theatre, other)
    silences_end(theatre, task)
    theatre.follows(configuration)
    await theatre.presses("reset")
    for condition in task.conditions()[:1]:
        if not theatre.stage.is_firing(condition):
            theatre.stage.goes_on_firing(condition)


async def all_is_set_for_a_stop(theatre: Theatre, task: Task, name: str) -> None:
    """Let what a configuration is about come about."""
    outlasts_what_nobody_takes_back(theatre)
    tasks = [task]
    if name.startswith("pause"):
        tasks += [each for each in theatre.stage.tasks if each.is_trial and each is not task]
    for each in tasks:
        runs_and_is_reported(theatre, each)
        await nothing_speaks_against_it(theatre, each, CONFIGURATIONS[name])
    if name == "only when queued":
        waits(1)(theatre, task)
    if name in {OF_A_USER, NOTHING_OF_A_USER}:
        over_the_limit(theatre, task)


def outlasts_what_nobody_takes_back(theatre: Theatre) -> None:
    """Let keeps, and the wait for an owner out of reach, be over; set the clock right."""
    time = theatre.stage.time
    theatre.trouble.happening = None
    time.jumps(max(theatre.stage.stamps.latest - time.wall, timedelta()))
    if time.wall < theatre.held_until:
        time.passes(theatre.held_until - time.wall)


def runs_and_is_reported(theatre: Theatre, task: Task) -> None:
    # What was called false counts again in the next run.
    states = {theatre.books.last_state(each) for each in task.conditions()}
    is_false = IncidentState.DISMISSED in states
    if is_false or not theatre.stage.determined.runs_on(task.allocation_id):
        ceases(theatre, task)
        restarts(theatre, task)
