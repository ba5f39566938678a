"""Finds the silences that may cover a target, where both are many."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from app.domain.matchers import Matcher, Silence, silence_ended_over, silence_over

_NARROW = ("allocation_id", "task_id", "username")
"""The labels that few targets share, the fewest first."""


class SilenceIndex:
    """Silences by one label that they demand; those that demand none are asked about every target.

    A silence with the matcher `task_id="t"` covers nothing of which the label is another. One with
    a pattern, a negation or an empty value may cover whatever it likes, and has no such matcher.
    """

    __slots__ = ("_by_label", "_everywhere", "by_id")

    def __init__(self, silences: Sequence[Silence]) -> None:
        self.by_id = {silence.silence_id: silence for silence in silences}
        self._everywhere: list[Silence] = []
        self._by_label: dict[str, dict[str, list[Silence]]] = {}
        for silence in silences:
            demand = _demand(silence)
            if demand is None:
                self._everywhere.append(silence)
            else:
                by_value = self._by_label.setdefault(demand.name, {})
                by_value.setdefault(demand.value, []).append(silence)

    @property
    def has_any_everywhere(self) -> bool:
        """Tell whether any silence demands no label, and is near to whatever there is."""
        return bool(self._everywhere)

    def demanded(self) -> Iterator[tuple[str, Iterable[str]]]:
        """Yield each label that is demanded, with its values."""
        yield from self._by_label.items()

    def over(
        self, own: Mapping[str, str], common: Mapping[str, str], now: datetime
    ) -> Silence | None:
        """Return the active silence over a target that lasts longest; None if there is none.

        `own` are the target's labels, `common` those of its alert; of one in both, the own counts.
        """
        near = self.near(own, common)
        # Most targets have none near, and to join the labels takes longer than to see that.
        return silence_over({**common, **own}, near, now) if near else None

    def ended_over(
        self,
        own: Mapping[str, str],
        common: Mapping[str, str],
        *,
        since: datetime,
        now: datetime,
    ) -> Silence | None:
        """Return a silence over a target that ended in the time given; None if there is none."""
        near = self.near(own, common)
        return silence_ended_over({**common, **own}, near, since=since, now=now) if near else None

    def near(self, own: Mapping[str, str], common: Mapping[str, str]) -> list[Silence]:
        """Return every silence that matches the labels `common | own`, and some that do not."""
        found = self._everywhere
        for name, by_value in self._by_label.items():
            more = by_value.get(own[name] if name in own else common.get(name, ""))
            if more:
                found = found + more
        return found


class Reach:
    """What the silences of all peers together demand: nearly all targets are far from all of it."""

    __slots__ = ("_anywhere", "_values")

    def __init__(self, indices: Iterable[SilenceIndex]) -> None:
        self._anywhere = False
        self._values: dict[str, set[str]] = {}
        for index in indices:
            self._anywhere = self._anywhere or index.has_any_everywhere
            for name, values in index.demanded():
                self._values.setdefault(name, set()).update(values)

    def is_far_from(self, own: Mapping[str, str]) -> bool:
        """Tell whether no peer has a silence near a target with these labels of its own.

        A label that it does not have may be one of its alert, which each peer has by itself.
        """
        if self._anywhere:
            return False
        for name, values in self._values.items():
            value = own.get(name)
            if value is None or value in values:
                return False
        return True


def _demand(silence: Silence) -> Matcher | None:
    plain = [m for m in silence.matchers if m.is_equal and not m.is_regex and m.value]
    return min(plain, key=_width, default=None)


def _width(matcher: Matcher) -> int:
    return _NARROW.index(matcher.name) if matcher.name in _NARROW else len(_NARROW)
