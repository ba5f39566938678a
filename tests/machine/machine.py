"""Drives the whole receiver through whatever may happen, in any order."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.machine.configurations import OF_A_USER
from tests.machine.database import MemoryDatabase
from tests.machine.ending import comes_to_its_end
from tests.machine.logs import Bugs
from tests.machine.mischief import AGAINST, BETWEEN_TICKS, GROUPS, all_is_set_for_a_stop, happens
from tests.machine.tasks import Task
from tests.machine.theatre import Theatre
from tests.receiver.calls import Crash
from tests.receiver.conftest import MINUTE, SECOND

WHICH = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3])
"""The first task is where most happens, so that much happens to one."""
HAPPENING = st.tuples(st.one_of([st.sampled_from(sorted(group)) for group in GROUPS]), WHICH)
MEANWHILE = HAPPENING.filter(lambda happening: happening[0] not in BETWEEN_TICKS)
SPANS = st.sampled_from(
    [SECOND, 15 * SECOND, MINUTE, 6 * MINUTE, 15 * MINUTE, 30 * MINUTE, 31 * MINUTE, 180 * MINUTE]
)
LAST = st.sampled_from([SECOND, 15 * SECOND, 2 * MINUTE, 10 * MINUTE])
MENDED = st.sampled_from(
    [
        "",
        "",
        "as before",
        "as before",
        OF_A_USER,
        "only when queued",
        "pause",
        "pause or kill",
        "nights",
    ]
)
"""Empty: all stays as it is."""
STEPS = 4
"""How many of the rules make a sequence."""
SOON = st.integers(1, 45)
"""After how many calls something happens: a tick has about twenty, a stop twenty more."""


@cache
def empty_database() -> tuple[asyncio.AbstractEventLoop, MemoryDatabase, bytes]:
    """Return what all sequences share: to make it takes longer than most of them."""
    loop = asyncio.new_event_loop()
    database = MemoryDatabase()
    return loop, database, loop.run_until_complete(database.migrated())


def demand_none(violations: Sequence[str]) -> None:
    """Raise what was done against the rules, in words that are seen without pytest, too."""
    if violations:
        raise AssertionError("; ".join(violations))


class Machine(RuleBasedStateMachine):
    """One process for now: a second replica is another receiver on the theatre's database."""

    def __init__(self) -> None:
        super().__init__()
        self.loop, database, empty = empty_database()
        self.bugs = Bugs()
        self.bugs.begin()
        self.run(database.restore(empty))
        self.theatre = Theatre(database)
        self.comes_to_an_end = False
        """To mend all and wait takes as long as the rest of a sequence: not each of them does."""

    def run(self, work: Coroutine[Any, Any, object]) -> Any:  # noqa: ANN401 -- what it returns.
        return self.loop.run_until_complete(work)

    def task(self, which: int) -> Task:
        return self.theatre.stage.tasks[which]

    def happens(self, happening: tuple[str, int]) -> None:
        name, which = happening
        with suppress(Crash):
            self.run(happens(name, self.theatre, self.task(which)))

    def goes_on(self, span: timedelta, *, delivers: bool = True) -> None:
        self.theatre.stage.time.passes(span)
        self.run(self.theatre.ticks())
        if delivers:
            self.run(self.theatre.delivers())

    def mends(self, which: int, configuration: str) -> None:
        with suppress(Crash):
            self.run(all_is_set_for_a_stop(self.theatre, self.task(which), configuration))

    @initialize(
        others=st.sets(st.sampled_from([1, 2, 3])),
        delivers=st.booleans(),
        comes_to_an_end=st.sampled_from([True, False, False]),
    )
    def alerts_fire(self, others: set[int], *, delivers: bool, comes_to_an_end: bool) -> None:
        self.comes_to_an_end = comes_to_an_end
        for which in sorted({0} | others):
            for condition in self.task(which).conditions():
                self.theatre.stage.begins(condition)
                if which == 0 and 2 not in others:
                    break
        self.goes_on(SECOND, delivers=delivers)

    @rule(happening=HAPPENING, span=SPANS, delivers=st.sampled_from([True, True, False]))
    def something_happens(
        self, happening: tuple[str, int], span: timedelta, *, delivers: bool
    ) -> None:
        self.happens(happening)
        self.goes_on(span, delivers=delivers)

    @rule(
        mended=MENDED,
        which=WHICH,
        happenings=st.lists(st.tuples(st.integers(0, 2), HAPPENING), max_size=3),
        last=LAST,
    )
    def grace_period_goes_by(
        self,
        mended: str,
        which: int,
        happenings: Sequence[tuple[int, tuple[str, int]]],
        last: timedelta,
    ) -> None:
        """Go on towards a stop, with something in between: chance alone hardly ever gets there."""
        if mended:
            self.mends(which, mended)
            self.goes_on(SECOND)
        for number, span in enumerate((10 * MINUTE, 20 * MINUTE, last)):
            for when, happening in happenings:
                if when == number:
                    self.happens(happening)
            self.goes_on(span)

    @rule(which=WHICH, against=st.sampled_from(AGAINST), before=st.sampled_from([SECOND, MINUTE]))
    def something_speaks_against_a_stop_that_is_due(
        self, which: int, against: str, before: timedelta
    ) -> None:
        """Each of them alone: of all that may happen, chance hardly ever picks it just then."""
        self.mends(which, "as before")
        self.goes_on(SECOND)
        self.goes_on(10 * MINUTE)
        self.goes_on(20 * MINUTE - before)
        self.happens((against, which))
        self.goes_on(before + SECOND)

    @rule(happening=MEANWHILE, calls=SOON, span=SPANS)
    def something_happens_in_a_tick(
        self, happening: tuple[str, int], calls: int, span: timedelta
    ) -> None:
        self._in(calls, happening)
        self.goes_on(span)

    @rule(mended=MENDED, which=WHICH, happening=MEANWHILE, calls=SOON)
    def something_happens_in_the_tick_in_which_a_stop_is_due(
        self, mended: str, which: int, happening: tuple[str, int], calls: int
    ) -> None:
        if mended:
            self.mends(which, mended)
            self.goes_on(SECOND)
        self.goes_on(30 * MINUTE - SECOND)
        self._in(calls, happening)
        self.goes_on(MINUTE)

    def _in(self, calls: int, happening: tuple[str, int]) -> None:
        name, which = happening
        self.theatre.trouble.happens_in = calls
        self.theatre.trouble.happening = lambda: happens(name, self.theatre, self.task(which))

    @invariant()
    def nothing_is_done_against_the_rules(self) -> None:
        demand_none([*self.run(self.theatre.audit()), *self.bugs.met])

    def teardown(self) -> None:
        try:
            if self.comes_to_an_end:
                demand_none(self.run(comes_to_its_end(self.theatre)))
                self.nothing_is_done_against_the_rules()
        finally:
            self.bugs.end()
