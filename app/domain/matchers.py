"""Alertmanager's matchers and silences, judged the way Alertmanager judges them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class Pattern(Protocol):
    """A compiled regular expression of the kind that Alertmanager has (RE2)."""

    def fullmatch(self, text: str, /) -> object | None: ...


@dataclass(frozen=True, slots=True)
class Matcher:
    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True
    pattern: Pattern | None = field(default=None, compare=False)
    """The value compiled, where it is a regular expression. None: it could not be compiled."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether the labels satisfy the matcher; a missing label counts as empty.

        A pattern that could not be compiled matches everything: a silence that we cannot read must
        protect rather than be ignored.
        """
        actual = labels.get(self.name, "")
        if not self.is_regex:
            return (actual == self.value) == self.is_equal
        if self.pattern is None:
            return True
        return (self.pattern.fullmatch(actual) is not None) == self.is_equal


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


def silence_ended_over(
    labels: Mapping[str, str], silences: Sequence[Silence], *, since: datetime, now: datetime
) -> Silence | None:
    """Return a silence over these labels that ended in the time given; None if there is none."""
    ended = (each for each in silences if since < each.ends_at <= now)
    return next((each for each in ended if each.matches(labels)), None)


def silence_over(
    labels: Mapping[str, str], silences: Sequence[Silence], now: datetime
) -> Silence | None:
    """Return the active silence over these labels that lasts longest; None if there is none."""
    active = [s for s in silences if s.is_active(now) and s.matches(labels)]
    return max(active, key=lambda silence: silence.ends_at, default=None)
