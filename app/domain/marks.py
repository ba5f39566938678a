"""Marks: for each step of a time, whether something was so; a bit of an integer each.

Python adds, shifts and compares a month of half minutes as fast as a hundred single numbers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from operator import sub
from typing import TypeVar

Marks = int
"""The bit of worth 1 stands for the first step."""
Value = TypeVar("Value")
Levels = Mapping[float, Marks]
"""At which steps a series had which value; at none of them where there was no sample."""


def marked(steps: Iterable[bool]) -> Marks:
    text = "".join("1" if each else "0" for each in steps)
    return int(text[::-1] or "0", 2)


def by_value(values: Sequence[Value]) -> dict[Value, Marks]:
    """Return where each value is. Most series have few, and many have one."""
    found = set(values)
    if len(found) == 1:
        return {found.pop(): before(len(values))}
    return {each: marked(value == each for value in values) for each in found}


def before(end: int) -> Marks:
    """Return marks on every step before this one."""
    return (1 << max(end, 0)) - 1


def anywhere(marks: Iterable[Marks]) -> Marks:
    """Mark each step that any of them marks."""
    found = 0
    for each in marks:
        found |= each
    return found


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


def enough(levels: Mapping[int, Marks], whole: int, steps: int, least: float, length: int) -> Marks:
    """Mark each step at which the level, and those of the so many before it, are together this
    share (0-1) of what they could be, which is `whole` each.
    """
    # So that 0.9 of 30 is 27, and not a little more.
    demanded = -(-round(least * 1_000_000) * whole * (steps + 1) // 1_000_000)
    perfect = levels.get(whole, 0)
    doubtful = (within(before(length) & ~perfect, steps) | before(steps)) & before(length)
    found = before(length) & ~doubtful
    for begin, end in runs(doubtful):
        earlier = max(begin - steps, 0)
        sums = list(accumulate(_levels(levels, earlier, end), initial=0))
        ends = sums[begin + 1 - earlier :]
        begins = [0] * (steps - begin + earlier) + sums
        found |= marked(map(demanded.__le__, map(sub, ends, begins))) << begin
    return found


def _levels(levels: Mapping[int, Marks], begin: int, end: int) -> list[int]:
    """Return the level at each of these steps."""
    found = [0] * (end - begin)
    for level, marks in levels.items():
        for first_, after in runs(marks >> begin & before(end - begin)):
            found[first_:after] = [level] * (after - first_)
    return found
