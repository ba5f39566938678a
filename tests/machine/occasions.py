"""How often a sequence comes to a stop, and how often one rule alone forbids a stop that is due.

Sequences in which nothing is ever due keep every rule. That none was broken says as much as this
says of it.
"""

from collections import Counter
from collections.abc import Iterator

from tests.machine.theatre import Theatre
from tests.machine.witness import Call

UNASKED = ("was not asked", "was not read")
"""Of a stop that is not even tried, nobody asks."""
WHATEVER_HOLDS = "S9"
"""Ends the round besides, and so speaks against a stop together with each of the others."""


class Occasions:
    def __init__(self) -> None:
        self.sequences = 0
        self.stops = 0
        self.with_stops = 0
        self.forbidden: Counter[str] = Counter()
        """By rule, the sequences in which it forbade a stop, and no other did."""
        self._now: set[str] = set()

    def look(self, theatre: Theatre) -> None:
        """Ask of whatever runs what would speak against a stop of it now."""
        for allocation in theatre.stage.determined.running.values():
            now = theatre.stage.stamps.now()
            call = Call(now, allocation.allocation_id, allocation.username)
            objections = theatre.court.of_call(call)
            self._now |= set(_alone(objections))

    def end(self, theatre: Theatre) -> None:
        calls = {(each.at, each.allocation_id) for each in theatre.stage.memory.calls}
        self.sequences += 1
        self.stops += len(calls)
        self.with_stops += bool(calls)
        self.forbidden.update(self._now)
        self._now = set()

    def add(self, others: "Occasions") -> None:
        self.sequences += others.sequences
        self.stops += others.stops
        self.with_stops += others.with_stops
        self.forbidden += others.forbidden

    def lines(self) -> Iterator[str]:
        many = max(self.sequences, 1)
        yield f"{self.stops / many:.2f} stops a sequence, some in {self.with_stops / many:.0%}"
        # S2 before S10, and last what is no safety rule, such as that of a press.
        shares = sorted(self.forbidden.items(), key=lambda each: (len(each[0]), each[0]))
        told = ", ".join(f"{rule} {number / many:.0%}" for rule, number in shares)
        yield f"a stop forbidden by one rule alone: {told} of the sequences"


def _alone(objections: list[str]) -> Iterator[str]:
    said = [each for each in objections if not any(unasked in each for unasked in UNASKED)]
    rules = {each.partition(":")[0] for each in said}
    if not said and objections:
        # All that is missing is an answer.
        rules = {"S5"}
    others = rules - {WHATEVER_HOLDS}
    if len(others or rules) == 1:
        yield from others or rules
