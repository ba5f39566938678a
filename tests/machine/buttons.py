"""Buttons that people press: who may, what it means to the oracles, and deliveries of it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from app.domain.press import Press, Verb
from app.durations import parse_duration
from app.owner_actions import TWICE, OwnerActions
from app.presses import Presses
from app.store.people import SqlPressBook
from tests.machine.by_hand import Pressed, Promise, Wish
from tests.machine.configurations import ADMIN, delegate_of, slack_id_of
from tests.machine.stamps import Stamp
from tests.machine.tasks import OVER_THE_LIMIT, Condition, Task
from tests.machine.theatre import Theatre
from tests.receiver.conftest import Receiver

ABOUT_ALLOCATIONS = frozenset({Verb.STOP, Verb.ALLOW})
ELSEWHERE = "C-team"
Happening = Callable[[Theatre, Task], Awaitable[None] | None]
PEOPLE: dict[str, Callable[[str], tuple[str, str]]] = {
    "owner": lambda owner: (slack_id_of(owner), ELSEWHERE),
    "owner in the own messages": lambda owner: ("U-unknown", f"D-{owner}"),
    "delegate": lambda owner: (delegate_of(owner), ELSEWHERE),
    "admin": lambda _owner: (ADMIN, ELSEWHERE),
    "passer-by": lambda _owner: ("U-eve", "D-eve"),
    "neighbour": lambda owner: (slack_id_of("alice" if owner != "alice" else "bob"), ELSEWHERE),
}
"""Who presses, and where: Slack's ids of both, by the owner of what it is about."""
_WANTED = "It is being stopped, once"
_DONE = ("Kept until ", "Closed as a false alarm", "The breaker is reset", _WANTED)
_HOLDINGS = """
SELECT (SELECT count(*) FROM history WHERE reason <> 'press_refused'),
    (SELECT count(*) FROM keeps), (SELECT count(*) FROM outbox), (SELECT count(*) FROM dismissals),
    (SELECT tripped FROM breaker)
"""


def presses(who: str, verb: Verb, argument: str = "", *, of_user: bool = False) -> Happening:
    async def happens(theatre: Theatre, task: Task) -> None:
        conditions = (OVER_THE_LIMIT,) if of_user else tuple(task.conditions())
        pressed = _pressed(theatre, who, verb, argument, conditions)
        if pressed is not None:
            theatre.pressed.append(pressed)
            await delivers(theatre, pressed)

    return happens


async def trips_and_resets(theatre: Theatre, task: Task) -> None:
    await theatre.presses("trip")
    result = presses("admin", Verb.RESET)(theatre, task)
    if result is not None:
        await result


async def is_delivered_again(theatre: Theatre, _task: Task) -> None:
    """Slack got no answer in time, or somebody keeps what was signed."""
    for pressed in theatre.pressed[-1:]:
        await delivers(theatre, pressed)


def _pressed(
    theatre: Theatre, who: str, verb: Verb, argument: str, conditions: Sequence[Condition]
) -> Pressed | None:
    """Return the button of the newest message about it; None if there was none."""
    theatre.violations += theatre.books.audit()
    known = [(theatre.books.newest(each), each) for each in conditions]
    found = [(incident_id, each) for incident_id, each in known if incident_id]
    if not found:
        return None
    subjects = [
        f"{incident_id}/{each.allocation_id}" if verb in ABOUT_ALLOCATIONS else incident_id
        for incident_id, each in found
    ]
    user_id, channel = PEOPLE[who](conditions[0].identity.username)
    press = Press(
        f"p{len(theatre.pressed)}", user_id, channel, "1.0", verb, argument, tuple(subjects)
    )
    about = tuple(each for _, each in found)
    return Pressed(who, press, about, theatre.stage.stamps.now())


async def delivers(theatre: Theatre, pressed: Pressed) -> None:
    """Let the receiver take a delivery, whatever happens to it meanwhile."""
    now, before = theatre.stage.stamps.now(), _holdings(theatre)
    coming, verb, facts = theatre.trouble.happening, pressed.press.verb, theatre.facts
    wishes: list[Wish] = []
    if pressed.may and verb in ABOUT_ALLOCATIONS:
        wishes = [Wish(now, each) for each in pressed.conditions]
        facts.wishes += wishes
    if pressed.may and verb is Verb.DISMISS:
        facts.may_be_false |= {each.key for each in pressed.conditions}
    said: list[str] = []

    async def handle() -> None:
        said.extend((await _desk(theatre.receiver).handle(pressed.press)).split("\n"))

    await theatre.does(handle)
    if theatre.trouble.happening is coming and _holdings(theatre) != before:
        # Nothing else has happened meanwhile.
        if not pressed.may:
            theatre.violations.append(f"press: {pressed.who} has changed something by {verb}")
        if pressed.has_acted:
            theatre.violations.append(f"press: one press of {verb} has acted twice")
    _note(theatre, pressed, now, said, wishes)


def _desk(receiver: Receiver) -> Presses:
    book = receiver.calls.guard("store", SqlPressBook(receiver.database.engine))
    context, store, answers = receiver.context, receiver.store, receiver.answers
    owner_actions = OwnerActions(answers, store, book, context)
    slack = receiver.world.slack
    return Presses(owner_actions, answers, store, book, receiver.recorder, slack, context)


def _holdings(theatre: Theatre) -> object:
    """Return what no press may change that is refused, or was taken before."""
    return theatre.books.database.rows(_HOLDINGS)


def _note(
    theatre: Theatre, pressed: Pressed, now: Stamp, said: list[str], wishes: list[Wish]
) -> None:
    """Note what holds from now on, by what was answered."""
    if not said or not pressed.may:
        return
    # Of what was taken before, the first delivery may have done it.
    since = pressed.began if TWICE in said else now
    verb, facts = pressed.press.verb, theatre.facts
    if verb is Verb.KEEP and _all_say(said, "Kept until "):
        _is_kept(theatre, pressed, since, anew=TWICE not in said)
    elif verb is Verb.DISMISS and _all_say(said, "Closed as a false alarm"):
        facts.called_false |= {each.key: since for each in pressed.conditions}
    elif verb in ABOUT_ALLOCATIONS and not any(each.startswith(_WANTED) for each in said):
        facts.wishes = [each for each in facts.wishes if each not in wishes]
    pressed.has_acted = pressed.has_acted or _all_say(said, _DONE)


def _all_say(said: list[str], beginning: str | tuple[str, ...]) -> bool:
    return all(each == TWICE or each.startswith(beginning) for each in said)


def _is_kept(theatre: Theatre, pressed: Pressed, since: Stamp, *, anew: bool) -> None:
    span = parse_duration(pressed.press.argument)
    if not isinstance(span, timedelta):
        return
    until = min(since.wall, theatre.stage.time.wall) + span
    theatre.holds_for(span)
    for each in pressed.conditions:
        theatre.facts.keeps.append(Promise(since, each, until))
        if anew:
            theatre.breaks("kept", key=each.key, rule="S13")


KEEPS = {
    f"{who} keeps {argument}": presses(who, Verb.KEEP, argument)
    for who in PEOPLE
    for argument in ("1m", "2h")
}
STOPS = {f"{who} presses stop": presses(who, Verb.STOP) for who in PEOPLE}
VERBS_OF_ADMINS = (Verb.DISMISS, Verb.ALLOW, Verb.RESET)
BY_ADMINS = {
    **{f"admin presses {verb}": presses("admin", verb) for verb in VERBS_OF_ADMINS},
    "admin presses reset of a breaker that is tripped": trips_and_resets,
}
REFUSED = {
    f"{who} presses {verb}": presses(who, verb)
    for who in ("owner", "passer-by")
    for verb in VERBS_OF_ADMINS
}
DELIVERED_AGAIN = "it is delivered again"
OF_A_USER = {"owner keeps what was chosen": presses("owner", Verb.KEEP, "1h", of_user=True)}
PRESSES: dict[str, Happening] = KEEPS | STOPS | BY_ADMINS | REFUSED | OF_A_USER
PRESSES[DELIVERED_AGAIN] = is_delivered_again
