"""Moments, by a clock that nobody sets."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from tests.receiver.clocks import Time


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    true: timedelta
    """Time as it really went by: no jump of the wall clock is in it."""
    order: int
    """What happened first, of what happened at the same time."""
    wall: datetime = field(compare=False)
    latest: datetime = field(compare=False)
    """The latest that the wall clock had said by then. Set back, it is set right to that."""


class Stamps:
    def __init__(self, time: Time) -> None:
        self._time = time
        self._order = count()
        self.latest = time.wall
        """The latest that the wall clock ever said."""

    def now(self) -> Stamp:
        self.latest = max(self.latest, self._time.wall)
        return Stamp(self._time.monotonic, next(self._order), self._time.wall, self.latest)
