"""A series as a scrape leaves it in Prometheus, and how its value moves."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

INTERVAL = 15
"""Seconds between two samples, as the scrape interval of prometheus.yml."""

ORIGIN = 1_699_999_200
"""The Unix time at which every counter began."""

_WAVE = tuple(round(math.sin(step * 2.4), 3) for step in range(97))


@dataclass(frozen=True, slots=True, order=True)
class Course:
    """The values of a series. Few differ, so that the bytes of their samples are made once."""

    base: float
    per_second: float = 0.0
    swing: float = 0.0
    phase: int = 0

    def at(self, moment: int) -> float:
        """Return the value at a Unix time."""
        value = self.base + self.per_second * (moment - ORIGIN)
        if self.swing:
            value += self.swing * _WAVE[(moment // INTERVAL + self.phase) % len(_WAVE)]
        return value


ONE = Course(1)


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    labels: Mapping[str, str]
    """Without `__name__`."""
    course: Course
