"""S1 to S13, whatever happens in whatever order. The rules are in `oracles.py` and `books.py`.

As a test it tries the same sequences every time, so that what fails here fails everywhere;
`make fuzz` tries others. What either of them finds becomes a test with a name of its own.
"""

import pytest
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.confirmations import Unconfirmed
from tests.machine.machine import STEPS, Machine
from tests.machine.pairs import Paired
from tests.machine.people import Peopled

A_FEW = settings(
    max_examples=5,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    # The sequences are short as they are, and to make one shorter takes minutes: `make fuzz` does.
    phases=[Phase.generate],
)


@pytest.mark.parametrize("number", range(3))
def test_s1_to_s13_hold_whatever_happens(number: int) -> None:
    run_state_machine_as_test(seed(number)(Machine), settings=A_FEW)


@pytest.mark.parametrize("machine", [Peopled, Paired, Unconfirmed])
def test_s1_to_s13_hold_whatever_people_press_with_two_replicas_and_with_unknown_effect(
    machine: type[Machine],
) -> None:
    run_state_machine_as_test(seed(1)(machine), settings=settings(A_FEW, max_examples=3))
