"""What may happen to the receiver and around it, by name."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from app.errors import UpstreamRejectedError, UpstreamUnavailableError
from tests.machine.breaches import Through
from tests.machine.configurations import CONFIGURATIONS
from tests.machine.tasks import OVER_THE_LIMIT, Task, job
from tests.machine.theatre import Theatre
from tests.receiver.calls import Crash
from tests.receiver.conftest import SECOND
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


def is_unreported(theatre: Theatre, task: Task) -> None:
    """Prometheus, restarted, does not report an alert that Alertmanager still has."""
    for condition in task.conditions():
        theatre.stage.prometheus.firing.pop(condition.key, None)


def works(theatre: Theatre, task: Task) -> None:
    """The GPUs are used; the alert goes on firing for a while."""
    theatre.stage.prometheus.busy.add(task.allocation_id)


def idles(theatre: Theatre, task: Task) -> None:
    theatre.stage.prometheus.busy.discard(task.allocation_id)


def recovers(theatre: Theatre, task: Task) -> None:
    works(theatre, task)
    ceases(theatre, task)


def exporter_is_gone(theatre: Theatre, task: Task) -> None:
    """Nobody sees any more whether the GPUs are used."""
    recovers(theatre, task)
    theatre.stage.prometheus.evidence = ()


def ends(theatre: Theatre, task: Task) -> None:
    if theatre.stage.allocation(task):
        theatre.stage.determined.ends(task.allocation_id)


def container_stays(theatre: Theatre, task: Task) -> None:
    """Once the task has ended, its slot stays occupied."""
    theatre.stage.determined.left_behind |= _gpus(task)


def process_stays(theatre: Theatre, task: Task) -> None:
    """Once the task has ended, something goes on using its GPU."""
    theatre.stage.prometheus.gpus_in_use |= _gpus(task)


def gpu_is_unseen(theatre: Theatre, task: Task) -> None:
    theatre.stage.prometheus.gpus_unseen |= _gpus(task)


def gpus_are_freed(theatre: Theatre, _task: Task) -> None:
    stage = theatre.stage
    for left in (stage.determined.left_behind, stage.prometheus.gpus_in_use):
        left.clear()
    stage.prometheus.gpus_unseen.clear()


def _gpus(task: Task) -> set[str]:
    return {uuid for each in task.allocation().containers for uuid in each.gpu_uuids}


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


def nobody_of(*owners: str) -> Happening:
    def changes(theatre: Theatre, _task: Task) -> None:
        theatre.stage.slack.unknown = set(owners)
        theatre.holds_for(timedelta(hours=1) if owners else timedelta())

    return changes


def fires_anew_unheard(theatre: Theatre, task: Task) -> None:
    """A new warning is due, to somebody whom Slack does not know any more."""
    fires_anew(theatre, task)
    nobody_of("bob")(theatre, task)


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


def kept(span: timedelta) -> Happening:
    return lambda theatre, task: theatre.keeps(task, span)


async def kept_unseen(theatre: Theatre, task: Task) -> None:
    """Alertmanager hears nothing of it: the receiver's own word alone holds."""
    theatre.stage.alertmanagers.fault = DOWN
    await theatre.keeps(task, timedelta(hours=2))


def all_kept(theatre: Theatre, _task: Task) -> Awaitable[None]:
    return theatre.keeps_all(timedelta(hours=1))


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


def breaker(*actions: str) -> Happening:
    async def switches(theatre: Theatre, _task: Task) -> None:
        for action in actions:
            await theatre.presses(action)

    return switches


def webhook(*, firing: bool, of_all: bool = False) -> Happening:
    """Early, late, twice, or without some of its alerts."""

    def comes(theatre: Theatre, task: Task) -> Awaitable[None]:
        conditions = theatre.stage.conditions() if of_all else task.conditions()[-1:]
        return theatre.hears_of(conditions, firing=firing)

    return comes


def configured(name: str) -> Happening:
    return lambda theatre, _task: theatre.follows(CONFIGURATIONS[name])


def allows(stops: int) -> Happening:
    """Let so many stops an hour be allowed from now on, under every configuration."""

    def changes(theatre: Theatre, _task: Task) -> None:
        theatre.most = stops
        theatre.follows(theatre.facts.configuration)

    return changes
