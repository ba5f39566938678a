"""Lets people press buttons, before, in and after whatever else may happen."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.machine.buttons import BY_ADMINS, DELIVERED_AGAIN, KEEPS, OF_A_USER, REFUSED, STOPS
from tests.machine.draws import AFTER, AT_ONCE, MEANWHILE, MENDED, PROOF, WHICH
from tests.machine.happenings import AGAINST, BETWEEN_TICKS
from tests.machine.machine import Machine
from tests.receiver.conftest import MINUTE, SECOND

PRESS = st.one_of(
    [st.sampled_from(sorted(each)) for each in (KEEPS, STOPS, BY_ADMINS, BY_ADMINS, REFUSED)]
)
LATER = st.sampled_from([timedelta(), SECOND, MINUTE])
MISHAP = st.one_of(
    st.just(("process crashes", 0)),
    st.sampled_from([("database down", 0), ("database's answer lost", 0)]),
    MEANWHILE,
)
IN_PRESS = st.one_of(st.just(AT_ONCE), st.tuples(st.just(""), st.integers(1, 6)))
"""Before which call of the receiver, while it handles a press. Each takes two to five."""
AGAINST_A_STOP_BY_HAND = st.sampled_from(
    [*AGAINST["S2"], *AGAINST["S6"], "Determined down", "process crashes", "database down"]
)
AGAINST_WHAT_IS_PRESSED = st.one_of(
    PRESS,
    st.sampled_from(
        [DELIVERED_AGAIN, *OF_A_USER, "kept", "clock a little back", "breaker tripped"]
    ),
)


class Peopled(Machine):
    @rule(
        mended=MENDED,
        which=WHICH,
        press=PRESS,
        mishap=MISHAP,
        at=IN_PRESS,
        later=LATER,
        is_repeated=st.booleans(),
    )
    def somebody_presses(
        self,
        mended: str,
        which: int,
        press: str,
        mishap: tuple[str, int],
        at: tuple[str, int],
        later: timedelta,
        *,
        is_repeated: bool,
    ) -> None:
        """Press, with something in between the receiver's calls; Slack may deliver it again."""
        self.is_set_for_a_stop(which, mended)
        self.goes_on(MINUTE)
        if at != AT_ONCE:
            self._in_tick(at, mishap)
        self.happens((press, which))
        self.theatre.trouble.happening = None
        self.happens(("all is well", which))
        self.goes_on(later)
        if is_repeated:
            self.happens((DELIVERED_AGAIN, which))
        self.goes_on_to_the_deadline(which, before=-SECOND)

    @rule(mended=MENDED, which=WHICH, press=PRESS, at=PROOF, is_repeated=st.booleans())
    def somebody_presses_in_the_tick_in_which_a_stop_is_due(
        self, mended: str, which: int, press: str, at: tuple[str, int], *, is_repeated: bool
    ) -> None:
        self.is_set_for_a_stop(which, mended)
        self.goes_on_to_the_deadline(which, before=SECOND)
        self._in_tick(at, (press, which))
        self.goes_on(SECOND)
        if is_repeated:
            self.happens((DELIVERED_AGAIN, which))
        self.goes_on(MINUTE)

    @rule(
        mended=MENDED,
        which=WHICH,
        stop=st.sampled_from(["owner presses stop", "admin presses allow"]),
        against=st.one_of(AGAINST_A_STOP_BY_HAND, AGAINST_WHAT_IS_PRESSED),
        at=st.one_of(st.just(AT_ONCE), PROOF),
        after=AFTER,
    )
    def something_speaks_against_a_stop_by_hand(
        self,
        mended: str,
        which: int,
        stop: str,
        against: str,
        at: tuple[str, int],
        after: timedelta,
    ) -> None:
        self.is_set_for_a_stop(which, mended)
        self.goes_on(MINUTE)
        self.happens((stop, which))
        if at == AT_ONCE or against in BETWEEN_TICKS:
            self.happens((against, which))
        else:
            self._in_tick(at, (against, which))
        self.goes_on(SECOND)
        self.goes_on(after)
        self.happens(("all is well", which))
        self.goes_on(MINUTE)

    @rule(
        mended=MENDED,
        stop=st.sampled_from(["owner presses stop", "admin presses allow"]),
        between=st.sampled_from(["nobody waits", "clock a little back", "process ends"]),
        span=st.sampled_from(["kept", "kept for a moment"]),
    )
    def a_task_is_kept_through_one_of_its_alerts_after_a_stop_by_hand(
        self, mended: str, stop: str, between: str, span: str
    ) -> None:
        """Of the first task alone two alerts fire."""
        self.is_set_for_a_stop(0, mended)
        self.happens(("fires anew", 0))
        self.goes_on(SECOND)
        self.happens((stop, 0))
        self.happens((between, 0))
        self.happens((span, 0))
        self.goes_on(SECOND)
        self.goes_on(MINUTE)
