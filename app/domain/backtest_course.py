"""What was recorded of an allocation through a past, at every step of a grid."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.marks import Levels, Marks, anywhere

STEP = timedelta(seconds=30)
"""As often as the rules ask for the verdict."""
WHOLE = 3_600
"""The coverage of a step of which no sample is missing. It can be divided by any number of samples
that five minutes usually have.
"""


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

    held: Levels
    """Anything while it ran and its owner was known."""
    gpu_active: Levels
    """1 when a GPU worked, else 0."""
    host_active: Levels
    """1 when it worked beside its GPUs, else 0; nothing while that could not be seen."""
    signals: Levels
    """How many signals its GPUs had together."""
    coverage: Levels
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
    signals: defaultdict[int, Marks] = field(default_factory=lambda: defaultdict(int))
    """By how many there were."""
    coverage: defaultdict[int, Marks] = field(default_factory=lambda: defaultdict(int))
    """By how much of it was there; all of it is `WHOLE`."""

    def extend(self, begin: int, steps: int, tracks: Tracks) -> None:
        """Add a part of the past. What lies between it and the one before it has no rows."""
        at = begin - self.begin
        self.length = at + steps
        self.held |= _seen(tracks.held) << at
        self.gpu_seen |= _seen(tracks.gpu_active) << at
        self.gpu_active |= _positive(tracks.gpu_active) << at
        self.host_seen |= _seen(tracks.host_active) << at
        self.host_active |= _positive(tracks.host_active) << at
        for level, marks in tracks.signals.items():
            self.signals[round(level)] |= marks << at
        for level, marks in tracks.coverage.items():
            self.coverage[round(max(min(level, 1.0), 0.0) * WHOLE)] |= marks << at

    @property
    def covered(self) -> Marks:
        """Return where there was any sample."""
        return anywhere(marks for level, marks in self.coverage.items() if level > 0)

    @property
    def most_signals(self) -> int:
        return max(self.signals, default=0)


def _seen(levels: Levels) -> Marks:
    return anywhere(levels.values())


def _positive(levels: Levels) -> Marks:
    return anywhere(marks for level, marks in levels.items() if level > 0)
