"""What people have asked for by a button, and what they were answered, as the machine has it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.press import Press, Verb
from tests.machine.stamps import Stamp
from tests.machine.tasks import Condition
from tests.machine.witness import Call

OF_OWNERS = frozenset({Verb.KEEP, Verb.STOP})
NOBODY = frozenset({"passer-by", "neighbour"})


@dataclass
class Pressed:
    """A button that was pressed, to be delivered once or again and again."""

    who: str
    press: Press
    conditions: tuple[Condition, ...]
    began: Stamp
    has_acted: bool = False
    """Whether it was answered that it is done."""

    @property
    def may(self) -> bool:
        return self.who == "admin" or (self.who not in NOBODY and self.press.verb in OF_OWNERS)


@dataclass(frozen=True, slots=True)
class Wish:
    """A stop that may be wanted: somebody who may has pressed, and was not told that it is not."""

    at: Stamp
    condition: Condition

    def is_about(self, call: Call) -> bool:
        return self.condition.allocation_id == call.allocation_id and self.at < call.at


@dataclass(frozen=True, slots=True)
class Promise:
    """Somebody was told until when nothing happens to it."""

    at: Stamp
    condition: Condition
    until: datetime

    def holds(self, condition: Condition) -> bool:
        """Tell whether it is about the same task, under the same policy."""
        mine, other = self.condition.identity, condition.identity
        is_same = mine.task_id == other.task_id and mine.policy == other.policy
        return bool(mine.task_id) and is_same

    def takes_back(self, wish: Wish, now: datetime) -> bool:
        if self.at < wish.at:
            return False
        is_same = self.condition.key == wish.condition.key
        return is_same or (self.holds(wish.condition) and now < self.until)


def objections(
    wish: Wish, call: Call, promises: Sequence[Promise], called_false: Mapping[str, Stamp]
) -> Iterator[str]:
    """Say what speaks against a call that rests on this wish alone."""
    owner = wish.condition.identity.username
    if call.owner != owner:
        yield f"S2: it is {call.owner}'s, and a stop of {owner}'s was asked for"
    if any(each.takes_back(wish, call.at.wall) for each in promises):
        yield "S13: it was kept after the stop was asked for"
    dismissed = called_false.get(wish.condition.key)
    if dismissed is not None and wish.at < dismissed:
        yield "press: it was called a false alarm after the stop was asked for"
