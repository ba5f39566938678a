"""Alertmanager's matchers and silences, read and judged the way Alertmanager does it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

_MATCHER = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_UNQUOTED = re.compile(r'([^"=~!][^"]*)?', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\n])')


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
        return self.matches_one_of((labels.get(self.name, ""),))

    def matches_one_of(self, values: Sequence[str]) -> bool:
        """Tell whether one of several values of a label satisfies the matcher.

        Where the matcher says what the label must not be, none of the values may be it.
        """
        if not self.is_regex:
            return (self.value in values) == self.is_equal
        if self.pattern is None:
            return True
        return any(self.pattern.fullmatch(value) for value in values) == self.is_equal


def parse_matcher(text: str) -> Matcher:
    """Read a matcher such as `username="alice"` or `task_type=~"shell|notebook"`.

    A pattern is not compiled yet.

    Raises:
        ValueError: Alertmanager would not read it, or not as it was meant (`username==alice`).
    """
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise ValueError(f'{text!r} is no matcher; write for example username="alice"')
    name, operator, value = found.groups()
    written = _QUOTED.fullmatch(value) or _UNQUOTED.fullmatch(value)
    if written is None:
        raise ValueError(f"the value of {text!r} has to stand in double quotes")
    value = _ESCAPED.sub(_unescaped, written[1] or "")
    return Matcher(name, value, is_regex="~" in operator, is_equal=operator[0] == "=")


def _unescaped(escape: re.Match[str]) -> str:
    return "\n" if escape[1] == "n" else escape[1]


@dataclass(frozen=True, slots=True)
class Silence:
    silence_id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    is_called_active: bool = False
    """Its peer said so when it was read, by its own clock."""

    def is_active(self, now: datetime) -> bool:
        """Tell whether it counts: because its peer says so, or by our clock.

        The clocks differ by seconds. A silence made "now" by one that is ahead has yet to begin by
        ours, and by one that is behind it lasts on when ours says that it is over: of both the peer
        knows more, since it is what silences. It is asked at every look, so its word is never old.
        One that it calls over, or not begun, counts by our clock: that errs by seconds as well, and
        for the task.
        """
        return self.is_called_active or self.starts_at <= now < self.ends_at

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(matcher.matches(labels) for matcher in self.matchers)


def silence_ended_over(
    labels: Mapping[str, str], silences: Iterable[Silence], *, since: datetime, now: datetime
) -> Silence | None:
    """Return a silence over these labels that ended in the time given; None if there is none."""
    ended = (each for each in silences if since < each.ends_at <= now and not each.is_active(now))
    return next((each for each in ended if each.matches(labels)), None)


def silence_over(
    labels: Mapping[str, str], silences: Iterable[Silence], now: datetime
) -> Silence | None:
    """Return the active silence over these labels that lasts longest; None if there is none."""
    active = [s for s in silences if s.is_active(now) and s.matches(labels)]
    return max(active, key=lambda silence: silence.ends_at, default=None)
