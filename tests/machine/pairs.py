"""Lets two replicas work on one database, of which either may sleep, crash and come back."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.machine.draws import MENDED, PROOF, RIGHT_BEFORE_A_CALL, SOON, SPANS, WHICH
from tests.machine.machine import Machine
from tests.machine.replicas import BETWEEN, WITHIN, Doubled
from tests.receiver.conftest import MINUTE, SECOND

MOSTLY_A_TICK = ["the other ticks"] * 4
"""It takes a lease that is free, and none that is not: what follows depends on it most."""


class Paired(Machine):
    stages = Doubled

    @rule(name=st.sampled_from(sorted(BETWEEN | WITHIN)), which=WHICH, span=SPANS)
    def replicas_have_their_turns(self, name: str, which: int, span: timedelta) -> None:
        self.happens((name, which))
        self.goes_on(span)

    @rule(
        mended=MENDED,
        which=WHICH,
        before=st.sampled_from(sorted(BETWEEN)),
        within=st.sampled_from([*MOSTLY_A_TICK, *sorted(WITHIN), "process crashes"]),
        at=st.one_of(RIGHT_BEFORE_A_CALL, PROOF, SOON),
        after=SPANS,
    )
    def another_replica_ticks_in_the_tick_in_which_a_stop_is_due(
        self,
        mended: str,
        which: int,
        before: str,
        within: str,
        at: tuple[str, int],
        after: timedelta,
    ) -> None:
        self.is_set_for_a_stop(which, mended)
        self.happens((before, which))
        self.goes_on(10 * MINUTE)
        self.goes_on_to_the_deadline(which, before=SECOND)
        self._in_tick(at, (within, which))
        self.goes_on(SECOND)
        self.goes_on(after)
        self.goes_on_to_the_deadline(which, before=-SECOND)
