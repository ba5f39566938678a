"""Lets what was done be of unknown effect for a while, and something happen meanwhile.

The confirmation of a warning is lost, and the configuration changes before it is found. Or a call
is taken without effect, and something forbids another one for a moment. Or the clock is set back in
the midst of the tick in which a stop is due.
"""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.machine.configurations import CONFIGURATIONS
from tests.machine.draws import (
    AFTER,
    MENDED,
    PROOF,
    RIGHT_BEFORE_A_CALL,
    SPEAKS_AGAINST,
    WHICH,
)
from tests.machine.machine import Machine
from tests.receiver.conftest import MINUTE, SECOND


class Unconfirmed(Machine):
    @rule(
        mended=st.one_of(MENDED, st.just("longer grace")),
        which=WHICH,
        then=st.sampled_from(sorted(CONFIGURATIONS)),
        after=AFTER,
    )
    def a_warning_is_found_under_another_configuration(
        self, mended: str, which: int, then: str, after: timedelta
    ) -> None:
        self.is_set_for_a_stop(which, mended)
        self.happens(("fires anew", which))
        self.happens(("Slack's answer lost", which))
        self.goes_on(SECOND)
        self.happens((f"configuration: {then}", which))
        self.goes_on(MINUTE)
        self.goes_on_to_the_deadline(which, before=-SECOND)
        self.goes_on(after)

    @rule(mended=MENDED, which=WHICH, against=SPEAKS_AGAINST)
    def something_comes_and_goes_after_a_call_without_effect(
        self, mended: str, which: int, against: str
    ) -> None:
        self.is_set_for_a_stop(which, mended)
        self.happens(("stops without effect", which))
        self.goes_on_to_the_deadline(which, before=-SECOND)
        self.happens((against, which))
        self.goes_on(15 * SECOND)
        self.happens(("nothing speaks against it", which))
        self.goes_on(MINUTE)
        self.goes_on(MINUTE)

    @rule(
        mended=MENDED,
        which=WHICH,
        back=st.sampled_from(["clock a little back", "clock back"]),
        at=st.one_of(RIGHT_BEFORE_A_CALL, PROOF),
    )
    def the_clock_is_set_back_in_the_tick_in_which_a_stop_is_due(
        self, mended: str, which: int, back: str, at: tuple[str, int]
    ) -> None:
        self.is_set_for_a_stop(which, mended)
        self.goes_on_to_the_deadline(which, before=SECOND)
        self._in_tick(at, (back, which))
        self.goes_on(SECOND)
        self.goes_on(MINUTE)
