"""What Prometheus has of one task, by the names of the rows."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from app.domain.readings import Sample

NAME = "__name__"
ROW = "row"
"""The label that names a result which has no name of its own."""


class Rows:
    """A row that is not there is unknown, and so is one that is no number."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._by_name: defaultdict[str, list[Sample]] = defaultdict(list)
        for each in samples:
            if math.isfinite(each.value):
                name = each.labels.get(NAME) or each.labels.get(ROW, "")
                self._by_name[name].append(each)

    def all(self, name: str, **labels: str) -> list[Sample]:
        return [each for each in self._by_name[name] if _has(each.labels, labels)]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value; of several the highest."""
        return max((each.value for each in self.all(name, **labels)), default=None)

    def least(self, name: str, **labels: str) -> float | None:
        return min((each.value for each in self.all(name, **labels)), default=None)

    def label(self, name: str, label: str) -> str | None:
        """Return a label of the first row of this name."""
        found = (each.labels.get(label) for each in self._by_name[name])
        return next(found, None)

    def instant(self, name: str, **labels: str) -> datetime | None:
        """Return a value that is a time."""
        value = self.value(name, **labels)
        try:
            return None if value is None else datetime.fromtimestamp(value, UTC)
        except (OverflowError, ValueError, OSError):
            return None


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in wanted.items())
