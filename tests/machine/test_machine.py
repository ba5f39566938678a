"""S1 to S13, whatever happens in whatever order. The rules are in `oracles.py` and `books.py`.

As a test it tries the same sequences every time, so that what fails here fails everywhere;
`make fuzz` tries others. What either of them finds becomes a test with a name of its own.
"""

import pytest
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.breaks import AT_A_TIME
from tests.machine.machine import STEPS
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
