"""S1 to S13, whatever happens in whatever order. The rules are in `oracles.py` and `books.py`.

As a test it tries the same sequences every time, so that what fails here fails everywhere;
`make fuzz` tries others. What either of them finds becomes a test with a name of its own.
"""

from datetime import timedelta

import pytest
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.breaks import AT_A_TIME
from tests.machine.machine import STEPS, Machine
from tests.machine.pairs import Paired
from tests.machine.people import Peopled
from tests.machine.tries import machine_of

TENS = 20
A_FEW = settings(
    max_examples=AT_A_TIME,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    # The sequences are short as they are, and to make one shorter takes minutes: `make fuzz` does.
    phases=[Phase.generate],
)


@pytest.mark.parametrize("number", range(TENS))
def test_s1_to_s13_hold_whatever_happens(number: int) -> None:
    """To anybody's alert, with what people press, with two replicas, or with an unknown effect."""
    run_state_machine_as_test(seed(number)(machine_of(number)), settings=A_FEW)


def test_what_is_said_later_does_not_count_for_an_end_before_it() -> None:
    """The oracles took an alert for reported that fired after its incident had been closed."""
    state = Paired()
    state.alerts_fire(others=(2,), hours=0, most=100, end="it idles on", delivers=True)
    state.something_speaks_against_a_stop_that_is_due(
        after=timedelta(0),
        against="fires anew, unheard",
        before=timedelta(seconds=1),
        is_mended=True,
        mended="as before",
        which=1,
    )
    state.grace_period_goes_by(
        after=timedelta(0),
        early=[("webhook of all", 0)],
        late=["fires anew, unheard"],
        mended="as before",
        which=0,
    )
    state.teardown()


def test_a_breaker_that_is_tripped_and_reset_in_one_tick_is_seen() -> None:
    """The oracles took what its reset had allowed for one stop too many."""
    state = Peopled()
    state.alerts_fire(others=(), most=1, hours=0, delivers=False, end="it idles on")
    state.somebody_presses_in_the_tick_in_which_a_stop_is_due(
        at=("store.commit", 2),
        is_repeated=False,
        mended="as before",
        press="admin presses reset",
        which=1,
    )
    state.grace_period_goes_by(after=timedelta(0), early=[], late=[], mended="as before", which=0)
    state.teardown()


def test_an_hour_of_the_breaker_is_one_that_has_gone_by() -> None:
    """The oracles took a wall clock that was set back for stops within one hour."""
    state = Machine()
    state.alerts_fire(others=(), most=100, delivers=True, end="it idles on", hours=0)
    state.an_owner_cannot_answer_for_a_while(
        is_warned_anew=False,
        mended="as before",
        outage="Prometheus down",
        span=timedelta(seconds=60),
        ticks=True,
        which=0,
    )
    state.grace_period_goes_by(
        after=timedelta(0),
        early=[("GPUs are freed", 0)],
        late=["configuration: bob is exempt", "one stop an hour"],
        mended="as before",
        which=3,
    )
    state.an_owner_cannot_answer_for_a_while(
        is_warned_anew=True,
        mended="as before",
        outage="bob is not in Slack",
        span=timedelta(seconds=1860),
        ticks=False,
        which=0,
    )
    state.grace_period_goes_by(
        after=timedelta(0),
        early=[("clock back", 0), ("webhook of an end", 0)],
        late=[],
        mended="as before",
        which=0,
    )
    state.teardown()


def test_what_a_reminder_names_comes_sooner_by_a_clock_that_is_set_right() -> None:
    """The oracles took it for too early: the reminder went out while the clock was set back."""
    state = Peopled()
    state.alerts_fire(others=(), most=100, hours=0, delivers=True, end="it idles on")
    for happening, at, span in [
        ("GPUs are freed", ("", 0), timedelta(seconds=1)),
        ("clock a little back", ("", 12), timedelta(minutes=15)),
    ]:
        state.something_happens(at=at, delivers=True, happening=(happening, 0), span=span)
        state.nothing_is_done_against_the_rules()
    state.grace_period_goes_by(after=timedelta(0), early=[], late=[], mended="as before", which=0)
    state.nothing_is_done_against_the_rules()
    state.teardown()


def test_s13_a_keep_through_another_alert_takes_a_stop_back_that_was_asked_for() -> None:
    """It was stopped: a keep counted as younger than a request by the clocks of both alone."""
    state = Peopled()
    state.alerts_fire(others=(), most=100, hours=0, delivers=True, end="it idles on")
    state.something_speaks_against_a_stop_that_is_due(
        after=timedelta(0),
        against="fires anew, unheard",
        before=timedelta(seconds=1),
        is_mended=False,
        mended="as before",
        which=0,
    )
    state.somebody_presses_in_the_tick_in_which_a_stop_is_due(
        at=("cluster.read_allocation", 1),
        is_repeated=False,
        mended="as before",
        press="admin keeps 1m",
        which=0,
    )
    state.something_speaks_against_a_stop_by_hand(
        after=timedelta(0),
        against="kept",
        at=("", 0),
        mended="as before",
        stop="owner presses stop",
        which=0,
    )
    state.nothing_is_done_against_the_rules()
    state.teardown()


def test_s10_nobody_is_reminded_of_what_the_policy_spares_by_now() -> None:
    """A notebook that a call had no effect on stayed named when `slots` came to pause alone."""
    state = Paired()
    state.alerts_fire(others=(), most=100, hours=0, delivers=True, end="it idles on")
    state.grace_period_goes_by(
        after=timedelta(0), early=[], late=[], mended="no slot limit", which=0
    )
    for against, is_mended, mended in [
        ("stops without effect", True, "advice only"),
        ("configuration: bob is exempt", True, "observe"),
        ("fires anew, unheard", False, "slots: pause"),
    ]:
        state.something_speaks_against_a_stop_that_is_due(
            after=timedelta(0),
            against=against,
            before=timedelta(seconds=1),
            is_mended=is_mended,
            mended=mended,
            which=0,
        )
        state.nothing_is_done_against_the_rules()
    state.teardown()
