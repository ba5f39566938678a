"""Alertmanager's matchers and silences, judged the way Alertmanager judges them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Matcher:
    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether the labels satisfy the matcher; a missing label counts as empty.

        A pattern that Python cannot compile though Alertmanager could matches everything: a silence
        that we cannot read must protect rather than be ignored.
        """
        actual = labels.get(self.name, "")
        if not self.is_regex:
            return (actual == self.value) == self.is_equal
        try:
            found = re.fullmatch(self.value, actual) is not None
        except re.error:
            return True
        return found == self.is_equal


@dataclass(frozen=True, slots=True)
class Silence:
    silence_id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str

    def is_active(self, now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(matcher.matches(labels) for matcher in self.matchers)


def silence_over(
    labels: Mapping[str, str], silences: Sequence[Silence], now: datetime
) -> Silence | None:
    """Return the active silence over these labels that lasts longest; None if there is none."""
    active = [s for s in silences if s.is_active(now) and s.matches(labels)]
    return max(active, key=lambda silence: silence.ends_at, default=None)
