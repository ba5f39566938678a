"""Tries many sequences, ten at a time, with every processor."""

import sys
import time
import traceback
from collections.abc import Sequence
from multiprocessing import get_context

from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.breaks import AT_A_TIME
from tests.machine.confirmations import Unconfirmed
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


def are_kept(sequences: int, first: int, *, jobs: int) -> bool:
    """Try so many, and stop at the first ten in which a rule is broken."""
    occasions = Occasions()
    began = time.monotonic()
    tens = [
        (first + start // AT_A_TIME, min(AT_A_TIME, sequences - start))
        for start in range(0, sequences, AT_A_TIME)
    ]
    # What else is tried when something is found ends with the pool.
    with get_context("spawn").Pool(jobs) as pool:
        for number, many, found, came_to in pool.imap_unordered(_ten, tens):
            if found:
                say(f"{found}Found in the ten of seed {number};", end=" ")
                say(f"again: make fuzz FUZZ={many} SEED={number}")
                return False
            before = occasions.sequences // TELL_EVERY
            occasions.add(came_to)
            if occasions.sequences // TELL_EVERY > before:
                minutes = (time.monotonic() - began) / 60
                say(f"{occasions.sequences} of {sequences}, {minutes:.0f} min: all kept")
    for line in occasions.lines():
        say(line)
    return True


def _ten(wanted: tuple[int, int]) -> tuple[int, int, str, Occasions]:
    """Try those of a seed, so many. Return also what was found, as Python tells it."""
    number, many = wanted
    occasions = Machine.occasions = Occasions()
    error = first_error(many, number, tuple(Phase), machine_of(number))
    found = "".join(traceback.format_exception(error)) if error else ""
    return number, many, found, occasions


def machine_of(number: int) -> type[Machine]:
    """Return which of them is tried: each has its turn."""
    return list(MACHINES.values())[number % len(MACHINES)]


def first_error(
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


def say(line: str, *, end: str = "\n") -> None:
    sys.stdout.write(f"{line}{end}")
    sys.stdout.flush()
