"""S1: an owner whose address was wrong was not told, whatever was posted there."""

from dataclasses import replace

import pytest

from app.domain.actions import MessageKind
from app.domain.authority import Authority
from app.domain.incident import IncidentState
from app.domain.press import Press, Verb
from app.domain.reasons import Reason
from app.errors import UpstreamUnavailableError
from app.owner_actions import OwnerActions
from app.presses import Presses
from app.store.people import SqlPressBook
from tests.domain.examples import ALLOCATION
from tests.receiver.calls import crash
from tests.receiver.conftest import GRACE, MINUTE, SECOND, Receiver
from tests.receiver.world import World

S = IncidentState
K = MessageKind
OWN = "D-bob"
MALLORYS = "D-mallory"
DOWN = UpstreamUnavailableError("Slack did not answer in time")


def mistaken(world: World) -> None:
    """`users.bob.slack_id` is mallory's."""
    world.slack.mistaken["bob"] = "mallory"


def in_a_channel(world: World) -> None:
    world.slack.delegates["bob"] = "C-of-another-team"


def corrected(world: World) -> None:
    world.slack.mistaken.clear()
    world.slack.delegates.clear()


def own(world: World) -> list[MessageKind]:
    """Return what bob was told."""
    return [post.kind for post in world.slack.posts if post.channel == OWN]


@pytest.mark.parametrize("wrongly", [mistaken, in_a_channel], ids=["slack_id", "channel"])
async def test_s1_who_was_told_at_an_address_that_is_no_longer_the_owners_was_not_told(
    wrongly: object, world: World, receiver: Receiver
) -> None:
    assert callable(wrongly)
    wrongly(world)
    await receiver.warns()
    await receiver.run(GRACE - SECOND)
    assert own(world) == []

    corrected(world)
    await receiver.run(SECOND)

    assert world.determined.calls == []
    assert own(world) == [K.WARNING]
    assert Reason.RECIPIENT_CHANGED in await receiver.reasons()
    await receiver.run(GRACE - SECOND)
    assert world.determined.calls == []
    await receiver.run(SECOND)
    assert len(world.determined.calls) == 1


async def test_s1_an_owner_who_would_be_reminded_of_what_another_was_told_is_warned_instead(
    world: World, receiver: Receiver
) -> None:
    mistaken(world)
    await receiver.warns()
    await receiver.run(GRACE / 2 - MINUTE)

    corrected(world)
    await receiver.run(2 * MINUTE, every=MINUTE)

    assert own(world) == [K.WARNING]
    [old] = [receipt for receipt, _ in world.slack.updates if receipt.channel == MALLORYS]
    assert old.channel == MALLORYS, "its deadline is taken back there"
    assert (await receiver.incident()).state is S.NOTIFIED


async def test_s1_where_the_owner_is_to_be_reached_no_more_a_due_stop_is_held(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()
    await receiver.run(GRACE - SECOND)
    world.slack.unknown.add("bob")

    await receiver.run(SECOND)

    assert world.determined.calls == []
    assert (await receiver.incident()).holds[0].reason is Reason.OWNER_UNREACHABLE


async def test_s5_while_nobody_can_say_where_the_owner_is_told_a_due_stop_waits(
    world: World, receiver: Receiver
) -> None:
    await receiver.warns()

    async def slack_is_down() -> None:
        world.slack.fault = DOWN

    receiver.calls.before("rules.query", slack_is_down)
    await receiver.run(GRACE)

    incident = await receiver.incident()
    assert world.determined.calls == []
    assert incident.block
    assert incident.block.reason is Reason.SLACK_UNAVAILABLE
    world.slack.fault = None
    await receiver.run(MINUTE)
    assert len(world.determined.calls) == 1


async def test_s6_an_intent_on_record_of_whom_the_owner_never_heard_is_taken_back(
    world: World, receiver: Receiver
) -> None:
    mistaken(world)
    await receiver.warns()
    receiver.calls.before("store.commit", crash, nth=2)
    assert not await receiver.survives(lambda: receiver.run(GRACE))
    await receiver.restart()
    corrected(world)

    await receiver.run(4 * MINUTE, every=MINUTE)

    assert world.determined.calls == []
    assert Reason.STOP_WITHDRAWN in await receiver.reasons()
    assert own(world) == [K.WARNING]


@pytest.fixture
def presses(world: World, receiver: Receiver) -> Presses:
    """Owners are known by their e-mail address alone."""
    receiver.context.rulebook = replace(receiver.context.rulebook, authority=Authority())
    book = SqlPressBook(receiver.database.engine)
    actions = OwnerActions(receiver.answers, receiver.seen, book, receiver.context)
    given = (book, receiver.recorder, world.slack, receiver.context)
    return Presses(actions, receiver.answers, receiver.seen, *given)


async def pressed(presses: Presses, receiver: Receiver, verb: Verb, *, in_: str = MALLORYS) -> str:
    incident = await receiver.incident()
    subject = f"{incident.incident_id}/{ALLOCATION}"
    argument = "2h" if verb is Verb.KEEP else ""
    return await presses.handle(Press(f"p-{verb}", "U-who", in_, "1.0", verb, argument, (subject,)))


@pytest.mark.parametrize("verb", [Verb.KEEP, Verb.STOP])
async def test_who_was_taken_for_the_owner_by_mistake_presses_no_more_buttons_once_that_is_mended(
    verb: Verb, world: World, receiver: Receiver, presses: Presses
) -> None:
    """The message is still there, with its buttons: no other one was posted yet."""
    mistaken(world)
    await receiver.warns()
    corrected(world)

    said = await pressed(presses, receiver, verb)

    incident = await receiver.incident()
    assert "Only its owner" in said
    assert (incident.state, incident.targets[0].request) == (S.NOTIFIED, None)
    assert (await receiver.reasons())[-1] is Reason.PRESS_REFUSED


async def test_s13_while_slack_does_not_say_whose_messages_they_are_the_owner_can_say_no(
    world: World, receiver: Receiver, presses: Presses
) -> None:
    await receiver.warns()
    world.slack.fault = DOWN

    await pressed(presses, receiver, Verb.STOP, in_=OWN)
    assert (await receiver.incident()).targets[0].request is None
    await pressed(presses, receiver, Verb.KEEP, in_=OWN)

    assert (await receiver.incident()).state is S.HELD
