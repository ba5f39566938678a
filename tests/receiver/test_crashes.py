"""S6, S8: `kill -9` between any two calls loses nothing, repeats nothing and shortens nothing."""

import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

import pytest

from app.domain.actions import MessageKind
from app.domain.incident import IncidentState
from app.domain.reasons import Reason
from app.errors import UpstreamRejectedError
from tests.receiver.calls import Calls
from tests.receiver.conftest import GRACE, MINUTE, POLICY, RULEBOOK, SECOND, Receiver
from tests.receiver.database import Database
from tests.receiver.world import World

S = IncidentState
K = MessageKind
# One heartbeat lasts: each that arrives is one more gap to crash in, and of no interest.
CALM = replace(RULEBOOK, limits=replace(RULEBOOK.limits, heartbeat_age=timedelta(days=1)))
Chapter = Callable[[World, Receiver], Awaitable[None]]


@dataclass(frozen=True)
class Image:
    """What a crash leaves behind: the database, and the world, which goes on."""

    name: str
    """Which call was not made any more."""
    stored: object
    """What the database holds."""
    world: World


class Camera:
    """Takes an image before each call of a receiver, as if its process ended there.

    Where the call before has changed nothing, the image before that one shows the same.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._shown: object = None
        self.images: list[Image] = []

    async def take(self, call: str) -> None:
        world, stored = self._receiver.world, await self._receiver.database.image()
        if (stored, world.changes()) == self._shown:
            return
        self._shown = (stored, world.changes())
        name = f"{len(self.images)} before {call}"
        self.images.append(Image(name, stored, copy.deepcopy(world)))


@dataclass(frozen=True)
class Story:
    begins: Chapter
    """What happens before a crash may come."""
    goes_on: Chapter
    """The rest, of which every gap is met."""
    ends: IncidentState


async def calms_down(world: World, receiver: Receiver) -> None:
    receiver.rulebook = CALM
    await receiver.restart()
    await receiver.settles()
    world.heart_beats = False


async def is_warned(world: World, receiver: Receiver) -> None:
    world.determined.latency = 90 * SECOND
    world.fires()
    await receiver.hears_of()


async def is_stopped(_world: World, receiver: Receiver) -> None:
    await receiver.tick()
    for span in (50, 10, 2):
        await receiver.run(span * MINUTE)


async def is_kept(world: World, receiver: Receiver) -> None:
    await is_warned(world, receiver)
    await receiver.tick()
    await receiver.run(GRACE / 2)
    await receiver.keep("10m")


async def is_stopped_after_the_keep(_world: World, receiver: Receiver) -> None:
    await receiver.run(10 * MINUTE)
    await receiver.run(GRACE)
    await receiver.run(2 * MINUTE)


async def is_due_and_will_be_refused(world: World, receiver: Receiver) -> None:
    world.determined.refusal = UpstreamRejectedError("Determined answered 500", code="500")
    await receiver.warns()
    world.time.passes(GRACE)


async def is_given_up(_world: World, receiver: Receiver) -> None:
    await receiver.tick()
    for number in range(POLICY.attempts - 1):
        await receiver.run(2**number * MINUTE)


STORIES = {
    "a stop": Story(is_warned, is_stopped, S.STOPPED),
    "a keep and a stop": Story(is_kept, is_stopped_after_the_keep, S.STOPPED),
    "a stop that is refused": Story(is_due_and_will_be_refused, is_given_up, S.ESCALATED),
}
NEWS = {Reason.WARNING_DELIVERED, Reason.HOLD_BEGAN, Reason.STOP_VERIFIED, Reason.STOP_SENT}


@dataclass(frozen=True)
class Ending:
    """What must be the same with and without a crash."""

    state: IncidentState
    kills: int
    is_early: bool
    """Whether something was stopped before a full grace period since the last warning."""
    is_repeated: bool
    """Whether a message was posted twice, or a stop was called more often than allowed."""
    warnings: int
    closings: int
    told_admins: int
    waits: bool
    """Whether a message was forgotten in the outbox."""
    news: frozenset[Reason]
    is_explained: bool
    """Whether each entry of the history goes on from the one before it (S12)."""

    @classmethod
    async def of(cls, receiver: Receiver) -> "Ending":
        determined, slack = receiver.world.determined, receiver.world.slack
        warned_at = [post.at for post in slack.posts if post.kind is K.WARNING]
        messages = [each for post in slack.posts for each in post.message_ids]
        history = await receiver.history()
        return cls(
            state=(await receiver.incident()).state,
            kills=len(determined.kills),
            is_early=any(call.at - max(warned_at) < GRACE for call in determined.calls),
            is_repeated=len(set(messages)) < len(messages)
            or len(determined.calls) > POLICY.attempts,
            warnings=slack.told().count(K.WARNING),
            closings=slack.told().count(K.CLOSING),
            told_admins=len(slack.told_admins()),
            waits=await receiver.outbox.oldest() is not None,
            news=frozenset(entry.reason for entry in history) & NEWS,
            is_explained=all(old.after is new.before for old, new in pairwise(history)),
        )


async def comes_to_its_end(receiver: Receiver) -> None:
    await receiver.settles()
    for _ in range(8):
        is_over = (await receiver.incident()).state in {S.STOPPED, S.ESCALATED}
        if is_over and await receiver.outbox.oldest() is None:
            return
        await receiver.run(GRACE)


async def ending_after(image: Image, database: Database) -> Ending:
    await database.restore(image.stored)
    receiver = Receiver(image.world, database, CALM)
    receiver.start()
    await comes_to_its_end(receiver)
    return await Ending.of(receiver)


IN_MEMORY = [pytest.param(each, "empty_memory", id=name) for name, each in STORIES.items()]
# One of them has every kind of write in it; each of its gaps takes longer there.
MOST = STORIES["a keep and a stop"]
ELSEWHERE = [
    pytest.param(MOST, "empty_sqlite", id="in a file"),
    pytest.param(MOST, "empty_postgres", id="on PostgreSQL"),
]


@pytest.mark.parametrize(
    ("story", "empty_database"), [*IN_MEMORY, *ELSEWHERE], indirect=["empty_database"]
)
async def test_a_crash_between_any_two_calls_changes_nothing_of_the_end(
    story: Story, world: World, receiver: Receiver, database: Database
) -> None:
    await calms_down(world, receiver)
    await story.begins(world, receiver)
    camera = Camera(receiver)
    receiver.calls.before_each = camera.take
    await story.goes_on(world, receiver)
    undisturbed = await Ending.of(receiver)

    endings = {image.name: await ending_after(image, database) for image in camera.images}

    assert len(endings) > 20
    assert undisturbed.state is story.ends
    assert not undisturbed.is_early
    assert not undisturbed.is_repeated
    assert {name: each for name, each in endings.items() if each != undisturbed} == {}


@pytest.mark.parametrize(
    ("calls", "empty_database"),
    [(47, "empty_memory"), (54, "empty_sqlite"), (61, "empty_memory"), (54, "empty_postgres")],
    indirect=["empty_database"],
)
async def test_a_receiver_that_crashes_again_and_again_comes_to_the_same_end(
    calls: int, world: World, receiver: Receiver
) -> None:
    await calms_down(world, receiver)
    await is_warned(world, receiver)
    crashes = 0
    while not world.determined.kills and crashes < 100:
        await receiver.restart(calls=Calls(crash_at=calls))
        while await receiver.survives(receiver.tick):
            world.time.passes(GRACE / 4)
        crashes += 1

    await receiver.restart()
    await comes_to_its_end(receiver)

    assert crashes > 1
    assert await Ending.of(receiver) == Ending(
        state=S.STOPPED,
        kills=1,
        is_early=False,
        is_repeated=False,
        warnings=1,
        closings=1,
        told_admins=1,
        waits=False,
        news=frozenset(NEWS - {Reason.HOLD_BEGAN}),
        is_explained=True,
    )
