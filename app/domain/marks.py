"""Marks: for each step of a time, whether something was so; a bit of an integer each.

Python adds, shifts and compares a month of half minutes as fast as a hundred single numbers.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate, chain, repeat
from operator import sub

Marks = int
"""The bit of worth 1 stands for the first step."""


def marked(steps: Iterable[bool]) -> Marks:
    text = "".join("1" if each else "0" for each in steps)
    return int(text[::-1] or "0", 2)


def before(end: int) -> Marks:
    """Return marks on every step before this one."""
    return (1 << max(end, 0)) - 1


def within(marks: Marks, steps: int) -> Marks:
    """Mark each step that is marked itself, or of the so many before it one is."""
    found, reached = marks, 1
    while reached <= steps:
        further = min(reached, steps + 1 - reached)
        found |= found << further
        reached += further
    return found


def runs(marks: Marks) -> Iterator[tuple[int, int]]:
    """Yield the first step of each stretch that is marked, and the first one after it."""
    text = bin(marks)[:1:-1]
    begin = text.find("1")
    while begin >= 0:
        end = text.find("0", begin)
        end = len(text) if end < 0 else end
        yield begin, end
        begin = text.find("1", end)


def first(marks: Marks, begin: int, end: int | None = None) -> int | None:
    """Return the first step that is marked, from `begin` on and before `end`."""
    left = marks >> begin
    if not left:
        return None
    found = begin + (left & -left).bit_length() - 1
    return found if end is None or found < end else None


def enough(levels: Iterable[int], steps: int, least: int) -> Marks:
    """Mark each step at which its level, and those of the so many before it, are `least` or more
    together.
    """
    sums = list(accumulate(levels, initial=0))
    earlier = chain(repeat(0, min(steps, len(sums) - 1)), sums)
    return marked(map(least.__le__, map(sub, sums[1:], earlier)))
