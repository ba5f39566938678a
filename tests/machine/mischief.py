"""What may happen to the receiver and around it, by name."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from app.errors import UpstreamRejectedError, UpstreamUnavailableError
from tests.machine.breaches import Through
from tests.machine.configurations import BASE, CONFIGURATIONS, GRACE, OF_A_USER, Configuration
from tests.machine.tasks import OVER_THE_LIMIT, Task, job
from tests.machine.theatre import Theatre
from tests.receiver.calls import Crash
from tests.receiver.conftest import MINUTE, SECOND
from tests.receiver.world import FakePeer

DOWN = UpstreamUnavailableError("time-out")
REFUSED = UpstreamRejectedError("Determined answered 500", code="500")
Happening = Callable[[Theatre, Task], Awaitable[None] | None]


def fires_anew(theatre: Theatre, task: Task) -> None:
    for condition in task.conditions():
        theatre.stage.begins(condition)
        wall = theatre.stage.time.wall
        theatre.breaks("a new episode", key=condition.key, through=Through.PROMETHEUS, wall=wall)


def ceases(theatre: Theatre, task: Task) -> None:
    for condition in task.conditions():
        theatre.stage.ceases(condition.identity)


def is_lost_and_found(theatre: Theatre, task: Task) -> None:
    """Prometheus, restarted, reports an alert later, as if nothing had been."""
    for condition in task.conditions():
        theatre.stage.goes_on_firing(condition)


def works(theatre: Theatre, task: Task) -> None:
    """The GPUs are used; the alert goes on firing for a while."""
    theatre.stage.prometheus.busy.add(task.allocation_id)


def idles(theatre: Theatre, task: Task) -> None:
    theatre.stage.prometheus.busy.discard(task.allocation_id)


def recovers(theatre: Theatre, task: Task) -> None:
    works(theatre, task)
    ceases(theatre, task)


def ends(theatre: Theatre, task: Task) -> None:
    if theatre.stage.allocation(task):
        theatre.stage.determined.ends(task.allocation_id)


def restarts(theatre: Theatre, task: Task) -> None:
    """The task runs on in another allocation, and its old alert fires on."""
    ends(theatre, task)
    task.run += 1
    theatre.stage.determined.starts(task.allocation())
    for condition in task.conditions():
        theatre.knows(condition)


def changes_hands(theatre: Theatre, task: Task) -> None:
    if theatre.stage.allocation(task):
        owner = "carol" if task.owner != "carol" else "bob"
        theatre.stage.determined.starts(task.allocation(username=owner))


def owner_unknown(theatre: Theatre, task: Task) -> None:
    if theatre.stage.allocation(task):
        theatre.stage.determined.starts(task.allocation(username=None))


def owner_known(theatre: Theatre, task: Task) -> None:
    if theatre.stage.allocation(task):
        theatre.stage.determined.starts(task.allocation())


def is_silenced(theatre: Theatre, task: Task, *, on: Sequence[int], span: timedelta) -> None:
    peers = theatre.stage.alertmanagers.peers
    theatre.stage.silences(task, span, tuple(peers[number] for number in on))
    theatre.breaks(
        "a silence",
        allocation_id=task.allocation_id,
        through=Through.ALERTMANAGER,
        wall=theatre.stage.time.wall + span,
    )


def silences_end(theatre: Theatre, _task: Task) -> None:
    theatre.stage.time.passes(SECOND)
    for peer in theatre.stage.alertmanagers.peers:
        theatre.stage.end_silences(peer)


def on_peer(number: int, **values: object) -> Happening:
    def changes(theatre: Theatre, _task: Task) -> None:
        peer: FakePeer = theatre.stage.alertmanagers.peers[number]
        for name, value in values.items():
            setattr(peer, name, value)

    return changes


def on(system: str, **values: object) -> Happening:
    def changes(theatre: Theatre, _task: Task) -> None:
        for name, value in values.items():
            setattr(getattr(theatre.stage, system), name, value)

    return changes


def slow(role: str, seconds: int) -> Happening:
    def changes(theatre: Theatre, _task: Task) -> None:
        theatre.trouble.slow[role] = timedelta(seconds=seconds)

    return changes


def database(*, down: bool) -> Happening:
    def changes(theatre: Theatre, _task: Task) -> None:
        theatre.trouble.database_down = down

    return changes


def database_answer_lost(in_calls: int) -> Happening:
    def changes(theatre: Theatre, _task: Task) -> None:
        theatre.trouble.lost_answer_in = in_calls

    return changes


def heart(*, beats: bool) -> Happening:
    def changes(theatre: Theatre, _task: Task) -> None:
        theatre.stage.heart_beats = beats

    return changes


def clock_jumps(span: timedelta) -> Happening:
    def changes(theatre: Theatre, _task: Task) -> None:
        theatre.stage.time.jumps(span)

    return changes


def process_ends(theatre: Theatre, _task: Task) -> None:
    theatre.ends()


async def process_crashes(_theatre: Theatre, _task: Task) -> None:
    """Wherever it is. Between two steps it makes no difference."""
    raise Crash


def kept(span: str) -> Happening:
    return lambda theatre, task: theatre.keeps(task, span)


def all_kept(theatre: Theatre, _task: Task) -> Awaitable[None]:
    return theatre.keeps_all("1h")


def waits(*slots: int, username: str = "carol") -> Happening:
    """Others, or bob himself, wait for room; without a number nobody does."""

    def changes(theatre: Theatre, _task: Task) -> None:
        since = theatre.stage.time.wall
        theatre.stage.determined.queue = [job(each, username, since=since) for each in slots]

    return changes


def over_the_limit(theatre: Theatre, task: Task) -> None:
    waits(1)(theatre, task)
    if not theatre.stage.is_firing(OVER_THE_LIMIT):
        theatre.stage.begins(OVER_THE_LIMIT)
        theatre.stage.prometheus.busy.discard(OVER_THE_LIMIT.subject)


def within_the_limit(theatre: Theatre, task: Task) -> None:
    waits()(theatre, task)
    theatre.stage.ceases(OVER_THE_LIMIT.identity)
    theatre.stage.prometheus.busy.add(OVER_THE_LIMIT.subject)


def breaker(action: str) -> Happening:
    return lambda theatre, _task: theatre.presses(action)


def webhook(*, firing: bool, of_all: bool = False) -> Happening:
    """Early, late, twice, or without some of its alerts."""

    def comes(theatre: Theatre, task: Task) -> Awaitable[None]:
        conditions = theatre.stage.conditions() if of_all else task.conditions()[-1:]
        return theatre.hears_of(conditions, firing=firing)

    return comes


def configured(name: str) -> Happening:
    return lambda theatre, _task: theatre.follows(CONFIGURATIONS[name])


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
    stage.slack.unknown.clear()
    for peer in stage.alertmanagers.peers:
        peer.error, peer.inhibited_by, peer.muted_by = "", (), ()
    owner_known(theatre, task)
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
    await nothing_speaks_against_it(theatre, task, CONFIGURATIONS[name])
    if name == "only when queued":
        waits(1)(theatre, task)
    if name == OF_A_USER:
        over_the_limit(theatre, task)
    if name.startswith("pause"):
        for trial in [each for each in theatre.stage.tasks if each.is_trial]:
            await nothing_speaks_against_it(theatre, trial, CONFIGURATIONS[name])


CLUSTER: dict[str, Happening] = {
    "fires anew": fires_anew,
    "ceases": ceases,
    "fires on": is_lost_and_found,
    "works": works,
    "idles": idles,
    "recovers": recovers,
    "ends": ends,
    "restarts": restarts,
    "changes hands": changes_hands,
    "owner unknown": owner_unknown,
    "owner known": owner_known,
}
QUEUE: dict[str, Happening] = {
    "carol waits": waits(1),
    "carol waits for more": waits(2),
    "bob waits": waits(1, username="bob"),
    "nobody waits": waits(),
    "over the limit": over_the_limit,
    "within the limit": within_the_limit,
}
ALERTMANAGER: dict[str, Happening] = {
    "silence": lambda t, task: is_silenced(t, task, on=(0, 1), span=2 * GRACE),
    "silence on a peer": lambda t, task: is_silenced(t, task, on=(1,), span=2 * GRACE),
    "short silence": lambda t, task: is_silenced(t, task, on=(0,), span=5 * SECOND),
    "silences end": silences_end,
    "inhibited": on_peer(0, inhibited_by=("c0ffee",)),
    "inhibited no more": on_peer(0, inhibited_by=()),
    "muted": on_peer(1, muted_by=("night",)),
    "muted no more": on_peer(1, muted_by=()),
    "peer down": on_peer(1, error="time-out"),
    "peer up": on_peer(1, error=""),
    "no silence can be made": on("alertmanagers", fault=DOWN),
}
SYSTEMS: dict[str, Happening] = {
    "Determined down": on("determined", fault=DOWN),
    "Prometheus down": on("prometheus", fault=DOWN),
    "queries fail": on("prometheus", query_fault=DOWN),
    "Slack down": on("slack", fault=DOWN),
    "database down": database(down=True),
    "samples stale": on("prometheus", evidence=(12.0, 31.0)),
    "samples missing": on("prometheus", evidence=()),
    "samples not a number": on("prometheus", evidence=(float("nan"),)),
    "samples fresh": on("prometheus", evidence=(12.0,)),
    "no heartbeat": heart(beats=False),
    "heartbeat": heart(beats=True),
    "stops refused": on("determined", refusal=REFUSED),
    "stops without answer": on("determined", lost_answer=DOWN),
    "stops without effect": on("determined", deaf=True),
    "stops take time": on("determined", latency=90 * SECOND),
    "Slack's answer lost": on("slack", lost_answers=1),
    "bob is not in Slack": on("slack", unknown={"bob"}),
    "bob is in Slack": on("slack", unknown=set()),
    "Prometheus slow": slow("rules", 4),
    "Determined slow": slow("cluster", 8),
    "Alertmanager slow": slow("peers", 12),
    "Slack slow": slow("messenger", 20),
    "database's answer lost": database_answer_lost(6),
    "clock forward": clock_jumps(GRACE),
    "clock a little back": clock_jumps(-2 * MINUTE),
    "clock back": clock_jumps(-2 * GRACE),
}
PEOPLE: dict[str, Happening] = {
    "kept": kept("2h"),
    "kept for a moment": kept("1m"),
    "all kept": all_kept,
    "breaker tripped": breaker("trip"),
    "breaker reset": breaker("reset"),
    **{f"configuration: {name}": configured(name) for name in CONFIGURATIONS},
}
RECEIVER: dict[str, Happening] = {
    "process ends": process_ends,
    "process crashes": process_crashes,
    "webhook": webhook(firing=True),
    "webhook of all": webhook(firing=True, of_all=True),
    "webhook of an end": webhook(firing=False),
}
MENDING: dict[str, Happening] = {
    "all is well": all_is_well,
    "nothing speaks against it": nothing_speaks_against_it,
}
GROUPS = (CLUSTER, QUEUE, ALERTMANAGER, SYSTEMS, PEOPLE, RECEIVER, MENDING, MENDING)
AGAINST = (
    "silence",
    "silence on a peer",
    "peer down",
    "inhibited",
    "samples stale",
    "samples missing",
    "changes hands",
    "owner unknown",
    "ceases",
    "works",
    "fires anew",
    "Prometheus slow",
    "kept",
    "breaker tripped",
    "clock forward",
    "no heartbeat",
    "configuration: warn",
    "configuration: policy warns",
    "configuration: bob is exempt",
    "configuration: observe",
    "configuration: nights",
)
"""What forbids a stop that is due, or should not bring it about."""
BETWEEN_TICKS = frozenset(
    {*(f"configuration: {name}" for name in CONFIGURATIONS), "nothing speaks against it"}
)
"""The configuration is followed between two ticks, and never within one."""
HAPPENINGS = {name: happening for group in GROUPS for name, happening in group.items()}


async def happens(name: str, theatre: Theatre, task: Task) -> None:
    result = HAPPENINGS[name](theatre, task)
    if result is not None:
        await result
