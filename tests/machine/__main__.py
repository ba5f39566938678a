"""Tries many sequences, a hundred at a time, and says how far it is (`make fuzz`)."""

import argparse
import secrets
import sys
import time
import traceback

from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.machine import Machine

AT_A_TIME = 100
STEPS = 8
"""Longer sequences than the tests have time for."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--sequences", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None, help="of the first hundred")
    arguments = parser.parse_args()
    first = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    began = time.monotonic()
    for number in range(0, arguments.sequences, AT_A_TIME):
        batch = first + number // AT_A_TIME
        many = min(AT_A_TIME, arguments.sequences - number)
        if not _holds(many, batch):
            say(f"Found in the hundred of seed {batch}; again: make fuzz FUZZ={many} SEED={batch}")
            return 1
        minutes = (time.monotonic() - began) / 60
        say(f"{number + many} of {arguments.sequences}, {minutes:.0f} min, seed {batch}: all kept")
    return 0


def _holds(sequences: int, number: int) -> bool:
    """Try so many; print the shortest sequence that breaks a rule, if one does."""
    seed(number)(Machine)
    try:
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=sequences, stateful_step_count=STEPS, deadline=None, database=None
            ),
        )
    except Exception:  # noqa: BLE001 -- whatever it is, it was found.
        traceback.print_exc()
        return False
    return True


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
