"""What `gpu-watchdog report` tells: GPU-hours, and what was done, by user, pool, type or alert.

A figure that nobody knows is None, and never a zero that is none.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.digest import Deed, Holding, Story, Usage, deed, known, summed
from app.domain.incident import Incident
from app.domain.reclaimed import reclaimed

_HOUR = timedelta(hours=1)
_WHOLE = 0.995


class By(StrEnum):
    """What the rows are of."""

    USER = "user"
    POOL = "pool"
    TYPE = "type"
    ALERT = "alert"

    @property
    def deeds(self) -> tuple[Deed, ...]:
        """What is counted in its rows."""
        found = (Deed.FOUND,) if self is By.ALERT else ()
        return (*found, Deed.WARNED, Deed.KEPT, Deed.DISMISSED, Deed.STOPPED)


HOLDERS: Mapping[By, Callable[[Holding], str]] = {
    By.USER: lambda holding: holding[0],
    By.POOL: lambda holding: holding[1],
}
"""Whose GPU-hours Prometheus has, by what they are summed up by."""
Hours = Mapping[str, float]
"""GPU-hours, by the name of the row."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    name: str
    """Untrusted text. Empty: of nobody in particular, or a type of which there are several."""
    held: float | None
    used: float | None
    idle: float | None
    reclaimed: float | None
    deeds: Mapping[Deed, int] | None
    """How often each was done. None: the history could not be read."""

    @property
    def is_known(self) -> bool:
        return None not in (self.held, self.used, self.idle)


@dataclass(frozen=True, slots=True)
class Report:
    by: By
    since: datetime
    until: datetime
    rows: tuple[ReportRow, ...]
    """The largest first."""
    total: ReportRow
    unknown: tuple[str, ...]
    """What is not known, in sentences."""


@dataclass(slots=True)
class ReportTally:
    """What is counted while the stories of a time are read, one after the other."""

    by: By
    since: datetime
    until: datetime
    deeds: defaultdict[str, Counter[Deed]] = field(default_factory=lambda: defaultdict(Counter))
    reclaimed: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """GPU-hours."""

    def add(self, story: Story) -> None:
        recent = [each for each in story.happenings if self.since <= each.at < self.until]
        found = Counter(filter(None, map(deed, recent)))
        # Without what another row of the same deeds shows, a name would have a row of zeros.
        counted = Counter({each: found[each] for each in self.by.deeds if found[each]})
        if counted:
            self.deeds[self._name(story.incident)] += counted
        if any(each.ends_it for each in recent):
            for name, part in self._parts(story.incident):
                if held := reclaimed(part).held:
                    self.reclaimed[name] += held / _HOUR

    def _name(self, incident: Incident) -> str:
        identity = incident.identity
        match self.by:
            case By.USER:
                return identity.username
            case By.POOL:
                return identity.resource_pool
            case By.ALERT:
                return identity.alertname
            case By.TYPE:
                types = {each.task_type for each in incident.targets}
                return identity.task_type or (types.pop() if len(types) == 1 else "")

    def _parts(self, incident: Incident) -> Iterator[tuple[str, Incident]]:
        """Yield the incident; by type, what it is of each: an alert on a user is of several."""
        if self.by is not By.TYPE:
            yield self._name(incident), incident
            return
        for each in incident.targets:
            yield each.task_type, replace(incident, targets=(each,))


def by_holder(by: By, usage: Usage) -> tuple[Hours, Hours, Hours]:
    """Return the GPU-hours held, used and idle."""
    name = HOLDERS[by]
    return summed(name, usage.held), summed(name, usage.used), summed(name, usage.idle)


def report(
    tally: ReportTally | str,
    hours: tuple[Hours, Hours, Hours] | str | None,
    *,
    by: By,
    since: datetime,
    until: datetime,
) -> Report:
    """`tally`, `hours`: what was counted; or why nothing was. No hours: nobody wants them."""
    held, used, idle = hours if isinstance(hours, tuple) else ({}, {}, {})
    done = tally.deeds if isinstance(tally, ReportTally) else {}
    freed = tally.reclaimed if isinstance(tally, ReportTally) else {}
    is_told = isinstance(tally, ReportTally)
    names = dict.fromkeys(name for part in (held, used, idle, done, freed) for name in part)
    rows = [
        ReportRow(
            name,
            held.get(name),
            _or_nothing(name, used, held),
            _or_nothing(name, idle, held),
            freed.get(name, 0.0) if is_told else None,
            done.get(name, Counter()) if is_told else None,
        )
        for name in names
    ]
    rows.sort(key=_size)
    unknown = [f"{each}." for each in (tally, hours) if isinstance(each, str)]
    unread = 0 if not isinstance(hours, tuple) else sum(not each.is_known for each in rows)
    if unread:
        unknown.append(f"GPU-hours of {unread} of {len(rows)} rows are not known: no sum has them.")
    return Report(by, since, until, tuple(rows), _total(rows, is_told=is_told), tuple(unknown))


def incomplete(covered: float) -> Iterator[str]:
    """Yield what is missing where the rules were evaluated for a share (0-1) of the time."""
    if covered < _WHOLE:
        share = int(100 * covered)
        yield f"Prometheus has figures for {share} % of this time: all GPU-hours lack the rest."


def _or_nothing(name: str, figures: Hours, held: Hours) -> float | None:
    """Who held no GPU did not use one, though no rule says so."""
    return 0.0 if name not in figures and held.get(name) == 0 else figures.get(name)


def _size(row: ReportRow) -> tuple[float, float, int, str]:
    counts = -sum((row.deeds or {}).values())
    return -(row.held or 0.0), -(row.reclaimed or 0.0), counts, row.name


def _total(rows: Iterable[ReportRow], *, is_told: bool) -> ReportRow:
    rows = list(rows)
    counts: Counter[Deed] = Counter()
    for each in rows:
        counts.update(each.deeds or {})
    return ReportRow(
        "",
        known(each.held for each in rows),
        known(each.used for each in rows),
        known(each.idle for each in rows),
        sum((each.reclaimed or 0.0 for each in rows), 0.0) if is_told else None,
        counts if is_told else None,
    )
