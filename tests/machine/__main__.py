"""Tries many sequences, and says how far it is (`make fuzz`)."""

import argparse
import os
import secrets
import sys
import time
import traceback
from collections.abc import Sequence

from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.breaks import AT_A_TIME, NOT_FOUND, are_found
from tests.machine.confirmations import Unconfirmed
from tests.machine.draws import Sought
from tests.machine.machine import Machine
from tests.machine.occasions import Occasions
from tests.machine.pairs import Paired
from tests.machine.people import Peopled

TELL_EVERY = 100
MACHINES: dict[str, type[Machine]] = {
    "alone": Machine,
    "people": Peopled,
    "replicas": Paired,
    "confirmations": Unconfirmed,
}
STEPS = 5
"""Longer sequences than the tests have time for."""


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
    if arguments.breaks:
        jobs = os.cpu_count() or 1
        return 0 if are_found(arguments.only, seed=arguments.seed or 1, jobs=jobs) else 1
    if arguments.until:
        return _finds(arguments.until, arguments.sequences, first, MACHINES[arguments.machine])
    return _tries(arguments.sequences, first)


def _tries(sequences: int, first: int) -> int:
    """Try so many, and stop at the first ten in which a rule is broken."""
    occasions = Machine.occasions = Occasions()
    began = time.monotonic()
    for number in range(0, sequences, AT_A_TIME):
        batch, many = first + number // AT_A_TIME, min(AT_A_TIME, sequences - number)
        error = _error(many, batch, tuple(Phase), _machine_of(batch))
        if error is not None:
            traceback.print_exception(error)
            say(f"Found in the ten of seed {batch}; again: make fuzz FUZZ={many} SEED={batch}")
            return 1
        if (number + many) % TELL_EVERY == 0:
            minutes = (time.monotonic() - began) / 60
            say(f"{number + many} of {sequences}, {minutes:.0f} min, seed {batch}: all kept")
    for line in occasions.lines():
        say(line)
    return 0


def _machine_of(batch: int) -> type[Machine]:
    """Return which of them is tried: each has its turn."""
    return list(MACHINES.values())[batch % len(MACHINES)]


def _finds(what: str, sequences: int, first: int, machine: type[Machine]) -> int:
    """Look for one thing alone, and for no shorter way to it. Return 0 if it is found."""
    Machine.looks_for = what
    Sought.rule = what.partition(":")[0]
    occasions = Machine.occasions = Occasions()
    for number in range(0, sequences, AT_A_TIME):
        batch = first + number // AT_A_TIME
        error = _error(AT_A_TIME, batch, (Phase.generate,), machine)
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


def _error(
    sequences: int, number: int, phases: Sequence[Phase], machine: type[Machine]
) -> Exception | None:
    """Try so many; return what was found, printed as the sequence that leads to it."""
    seed(number)(machine)
    wanted = settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=phases,
        report_multiple_bugs=False,
    )
    try:
        run_state_machine_as_test(machine, settings=wanted)
    except Exception as exc:  # noqa: BLE001 -- whatever it is, it was found.
        return exc
    return None


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
