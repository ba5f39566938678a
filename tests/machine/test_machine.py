"""S1 to S13, whatever happens in whatever order. The rules are in `oracles.py` and `books.py`.

As a test it tries the same sequences every time, so that what fails here fails everywhere;
`make fuzz` tries others. What either of them finds becomes a test with a name of its own.
"""

from hypothesis import Phase, settings

from tests.machine.machine import STEPS, Machine

Machine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=STEPS,
    derandomize=True,
    deadline=None,
    database=None,
    # The sequences are short as they are, and to make one shorter takes minutes: `make fuzz` does.
    phases=[Phase.generate],
)
TestMachine = Machine.TestCase
