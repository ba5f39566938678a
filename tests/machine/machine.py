"""Drives the whole receiver through whatever may happen, in any order."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.machine.configurations import BASE
from tests.machine.draws import (
    AFTER,
    AT_ONCE,
    BEFORE,
    FEW,
    FORBIDS_AN_ANSWER,
    HAPPENING,
    HOURS,
    MEANWHILE_AGAINST,
    MENDED,
    MOST,
    PROOF,
    SOON,
    SPANS,
    SPEAKS_AGAINST,
    WHICH,
)
from tests.machine.ending import idles_on, is_used_again
from tests.machine.happenings import (
    BETWEEN_TICKS,
    EARLIER,
    happens,
)
from tests.machine.logs import Bugs
from tests.machine.mending import all_is_set_for_a_stop
from tests.machine.names import Names
from tests.machine.occasions import Occasions
from tests.machine.tasks import Task
from tests.machine.theatre import Theatre
from tests.receiver.calls import Crash
from tests.receiver.conftest import MINUTE, SECOND
from tests.receiver.memory import MemoryDatabase

STEPS = 4
"""How many of the rules make a sequence."""
LONGEST_STEP = 20 * MINUTE
LONG = 120 * MINUTE
"""Of a night, most is slept through."""
ENDS = {"it idles on": idles_on, "it is used again": is_used_again}
NO_END = "it goes on"
"""To mend all and wait takes as long as the rest of a sequence: not each of them does."""
MANY_STEPS = 5
"""So many ticks lead up to a deadline at most."""


@cache
def empty_database() -> tuple[asyncio.AbstractEventLoop, MemoryDatabase, bytes]:
    """Return what all sequences share: to make it takes longer than most of them."""
    loop = asyncio.new_event_loop()
    database = MemoryDatabase()
    return loop, database, loop.run_until_complete(database.migrated())


def demand_none(violations: Sequence[str], *, of: str = "") -> None:
    """Raise what was done against the rules, in words that are seen without pytest, too."""
    found = [each for each in violations if each.startswith(of)]
    if found:
        raise AssertionError("; ".join(found))


class Machine(RuleBasedStateMachine):
    stages: type[Theatre] = Theatre
    occasions: Occasions | None = None
    """Counts what the sequences come to, if anybody wants to know."""
    looks_for: str = ""
    """What alone counts as found; empty: anything."""

    def __init__(self) -> None:
        super().__init__()
        self.loop, database, empty = empty_database()
        self.bugs = Bugs()
        self.bugs.begin()
        self.names = Names()
        self.names.begin()
        self.run(database.restore(empty))
        self.theatre = self.stages(database)
        self.end = NO_END

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
        if self.occasions:
            self.occasions.look(self.theatre)
        if delivers:
            self.run(self.theatre.delivers())

    def is_set_for_a_stop(self, which: int, configuration: str) -> None:
        with suppress(Crash):
            self.run(all_is_set_for_a_stop(self.theatre, self.task(which), configuration))
        self.goes_on(SECOND)

    def goes_on_to_the_deadline(self, which: int, *, before: timedelta) -> None:
        """Go on until shortly before the deadline that the owner of a task was told last."""
        task = self.task(which)
        # Trials are paused together, or not at all.
        trials = [each for each in self.theatre.stage.tasks if each.is_trial]
        together = trials if task.is_trial else [task]
        for _ in range(MANY_STEPS):
            left = max(self.theatre.left(each) for each in together) - before
            if left <= timedelta():
                return
            self.goes_on(min(left, LONGEST_STEP) if left < LONG else left - LONGEST_STEP)

    @initialize(
        others=FEW,
        most=MOST,
        hours=HOURS,
        delivers=st.sampled_from([True, True, False]),
        end=st.sampled_from([*ENDS, NO_END, NO_END, NO_END]),
    )
    def alerts_fire(
        self,
        others: Sequence[int],
        most: int,
        hours: int,
        end: str,
        *,
        delivers: bool,
    ) -> None:
        self.end = end
        self.theatre.most = most
        self.theatre.follows(BASE)
        self.theatre.stage.time.passes(timedelta(hours=hours))
        self.goes_on(SECOND)
        for which in (0, *others):
            for condition in self.task(which).conditions():
                self.theatre.stage.begins(condition)
                if which == 0 and 2 not in others:
                    break
        self.goes_on(SECOND, delivers=delivers)

    @rule(happening=HAPPENING, span=SPANS, delivers=st.sampled_from([True, True, False]), at=SOON)
    def something_happens(
        self, happening: tuple[str, int], span: timedelta, at: tuple[str, int], *, delivers: bool
    ) -> None:
        name, _ = happening
        if at == AT_ONCE or name in BETWEEN_TICKS:
            self.happens(happening)
        else:
            self._in_tick(at, happening)
        self.goes_on(span, delivers=delivers)

    @rule(
        mended=MENDED,
        which=WHICH,
        early=st.lists(HAPPENING, max_size=2),
        late=st.lists(SPEAKS_AGAINST, max_size=2),
        after=AFTER,
    )
    def grace_period_goes_by(
        self,
        mended: str,
        which: int,
        early: Sequence[tuple[str, int]],
        late: Sequence[str],
        after: timedelta,
    ) -> None:
        """Go on towards a stop, with something in between: chance alone hardly ever gets there."""
        self.is_set_for_a_stop(which, mended)
        for happening in early:
            self.happens(happening)
        self.goes_on(10 * MINUTE)
        self.goes_on_to_the_deadline(which, before=SECOND)
        for name in late:
            self.happens((name, which))
        self.goes_on(SECOND + after)

    @rule(
        mended=MENDED,
        which=WHICH,
        against=SPEAKS_AGAINST,
        before=BEFORE,
        after=AFTER,
        is_mended=st.booleans(),
    )
    def something_speaks_against_a_stop_that_is_due(
        self,
        mended: str,
        which: int,
        against: str,
        before: timedelta,
        after: timedelta,
        *,
        is_mended: bool,
    ) -> None:
        """Each of them alone: of all that may happen, chance hardly ever picks it just then."""
        before = EARLIER.get(against, before)
        self.is_set_for_a_stop(which, mended)
        self.goes_on_to_the_deadline(which, before=before)
        self.happens((against, which))
        self.goes_on(before + after)
        if is_mended:
            # What is over by now has ended the round all the same (S9).
            self.happens(("nothing speaks against it", which))
            self.goes_on(SECOND, delivers=False)
            self.goes_on(SECOND)
        else:
            # Who forgets what forbids it tells the owner anew, and stops then.
            self.goes_on_to_the_deadline(which, before=-SECOND)

    @rule(
        mended=MENDED,
        which=WHICH,
        outage=FORBIDS_AN_ANSWER,
        span=st.sampled_from([MINUTE, 15 * MINUTE, 31 * MINUTE]),
        ticks=st.booleans(),
        is_warned_anew=st.booleans(),
    )
    def an_owner_cannot_answer_for_a_while(
        self,
        mended: str,
        which: int,
        outage: str,
        span: timedelta,
        *,
        ticks: bool,
        is_warned_anew: bool,
    ) -> None:
        self.is_set_for_a_stop(which, mended)
        self.goes_on(MINUTE)
        self.happens((outage, which))
        if is_warned_anew:
            self.happens(("fires anew", which))
            self.goes_on(SECOND)
        if ticks:
            self.goes_on(span / 2)
            self.goes_on(span / 2)
        else:
            self.theatre.stage.time.passes(span)
        self.happens(("all is well", which))
        self.goes_on_to_the_deadline(which, before=SECOND)
        self.goes_on(2 * SECOND)

    @rule(
        mended=MENDED,
        which=WHICH,
        happening=MEANWHILE_AGAINST,
        at=st.one_of(PROOF, PROOF, SOON),
        is_about_it=st.booleans(),
    )
    def something_happens_in_the_tick_in_which_a_stop_is_due(
        self,
        mended: str,
        which: int,
        happening: tuple[str, int],
        at: tuple[str, int],
        *,
        is_about_it: bool,
    ) -> None:
        name, other = happening
        self.is_set_for_a_stop(which, mended)
        self.goes_on_to_the_deadline(which, before=SECOND)
        self._in_tick(at, (name, which if is_about_it else other))
        self.goes_on(MINUTE)

    def _in_tick(self, at: tuple[str, int], happening: tuple[str, int]) -> None:
        name, which = happening
        trouble = self.theatre.trouble
        trouble.happens_at, trouble.happens_in = at
        trouble.happening = lambda: happens(name, self.theatre, self.task(which))

    @invariant()
    def nothing_is_done_against_the_rules(self) -> None:
        demand_none([*self.run(self.theatre.audit()), *self.bugs.met], of=self.looks_for)

    def teardown(self) -> None:
        if self.occasions:
            self.occasions.end(self.theatre)
        try:
            if self.end in ENDS:
                left = self.run(ENDS[self.end](self.theatre))
                demand_none(left, of=self.looks_for)
                self.nothing_is_done_against_the_rules()
        finally:
            self.names.end()
            self.bugs.end()
