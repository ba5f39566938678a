"""What was recorded of an allocation through a past, at every step of a grid."""

import math
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.marks import Marks, marked

STEP = timedelta(seconds=30)
"""As often as the rules ask for the verdict."""
WHOLE = 3_600
"""The coverage of a step of which no sample is missing. It can be divided by any number of samples
that five minutes usually have.
"""
_NOTHING = math.nan

Values = Sequence[float]
"""Of one series, one for each step; not a number where there was none."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps of a past, numbered from 0."""

    origin: datetime
    step: timedelta = STEP

    def at(self, index: int) -> datetime:
        return self.origin + index * self.step

    def index(self, at: datetime) -> int:
        """Return the first step that is not before this moment."""
        return -((self.origin - at) // self.step)

    def steps(self, span: timedelta) -> int:
        """Return how many steps fit into it."""
        return span // self.step


@dataclass(frozen=True, slots=True)
class Holder:
    """Who held GPUs with what. Texts of users: untrusted."""

    allocation_id: str
    task_id: str
    task_type: str
    username: str
    resource_pool: str


@dataclass(frozen=True, slots=True)
class Tracks:
    """What was recorded of an allocation in one part of a past; an empty one had no row at all."""

    held: Values = ()
    """Anything while it ran and its owner was known."""
    gpu_active: Values = ()
    """1 when a GPU worked, else 0."""
    host_active: Values = ()
    """1 when it worked beside its GPUs, else 0; nothing while that could not be seen."""
    signals: Values = ()
    """How many signals its GPUs had together."""
    coverage: Values = ()
    """Ratio (0-1) of the raw samples of five minutes, on the GPU that has the fewest."""


@dataclass(slots=True)
class Course:
    """An allocation, from the first part of the past in which it was there."""

    holder: Holder
    begin: int
    """The first step of that part. All marks count from there."""
    window: timedelta
    """Of idleness, as the rules give it to this allocation."""
    slots: int = 0
    length: int = 0
    held: Marks = 0
    gpu_seen: Marks = 0
    gpu_active: Marks = 0
    host_seen: Marks = 0
    host_active: Marks = 0
    signals: dict[int, Marks] = field(default_factory=lambda: defaultdict(int))
    """By how many there were."""
    coverage: "array[int]" = field(default_factory=lambda: array("H"))
    """`WHOLE` where no sample was missing."""

    def extend(self, begin: int, steps: int, tracks: Tracks) -> None:
        """Add a part of the past. What lies between it and the one before it has no rows."""
        at = begin - self.begin
        self.length = at + steps
        self.held |= _seen(tracks.held) << at
        self.gpu_seen |= _seen(tracks.gpu_active) << at
        self.gpu_active |= _positive(tracks.gpu_active) << at
        self.host_seen |= _seen(tracks.host_active) << at
        self.host_active |= _positive(tracks.host_active) << at
        for level, marks in _levels(tracks.signals).items():
            self.signals[level] |= marks << at
        self.coverage.extend([0] * (at - len(self.coverage)))
        self.coverage.extend(map(_share, tracks.coverage or [_NOTHING] * steps))

    @property
    def most_signals(self) -> int:
        return max(self.signals, default=0)


def _seen(track: Values) -> Marks:
    # What is not a number does not even equal itself.
    return marked(each == each for each in track)  # noqa: PLR0124


def _positive(track: Values) -> Marks:
    return marked(each > 0 for each in track)


def _levels(track: Values) -> Mapping[int, Marks]:
    levels = {int(each) for each in set(track) if not math.isnan(each)}
    return {level: marked(each == level for each in track) for level in levels}


def _share(coverage: float) -> int:
    return round(min(coverage, 1.0) * WHOLE) if coverage > 0 else 0
