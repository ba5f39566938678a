"""Tries many sequences, and says how far it is (`make fuzz`)."""

import argparse
import os
import secrets
import sys
import traceback

from hypothesis import Phase

from tests.machine.breaks import AT_A_TIME, NOT_FOUND, are_found
from tests.machine.draws import Sought
from tests.machine.machine import Machine
from tests.machine.occasions import Occasions
from tests.machine.tries import MACHINES, are_kept, first_error, say


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--sequences", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None, help="of the first ten")
    parser.add_argument("--until", default="", help="go on until something of this is found")
    parser.add_argument("--machine", choices=MACHINES, default="alone", help="that finds it")
    parser.add_argument("--breaks", action="store_true", help="find what breaks.yaml breaks")
    parser.add_argument("--only", default="", help="those breaks whose title matches")
    arguments = parser.parse_args()
    first = secrets.randbelow(10**9) if arguments.seed is None else arguments.seed
    jobs = os.cpu_count() or 1
    if arguments.breaks:
        return 0 if are_found(arguments.only, seed=arguments.seed or 1, jobs=jobs) else 1
    if arguments.until:
        return _finds(arguments.until, arguments.sequences, first, MACHINES[arguments.machine])
    return 0 if are_kept(arguments.sequences, first, jobs=jobs) else 1


def _finds(what: str, sequences: int, first: int, machine: type[Machine]) -> int:
    """Look for one thing alone, and for no shorter way to it. Return 0 if it is found."""
    Machine.looks_for = what
    Sought.rule = what.partition(":")[0]
    occasions = Machine.occasions = Occasions()
    for number in range(0, sequences, AT_A_TIME):
        batch = first + number // AT_A_TIME
        error = first_error(AT_A_TIME, batch, (Phase.generate,), machine)
        if isinstance(error, AssertionError):
            # Hypothesis repeats a find once or twice.
            many = occasions.sequences
            say(f"found within {many} sequences, in the ten of seed {batch}: {error}"[:200])
            return 0
        if error is not None:
            traceback.print_exception(error)
            return 1
    say(f"{NOT_FOUND} in {occasions.sequences} sequences")
    return 1


if __name__ == "__main__":
    sys.exit(main())
