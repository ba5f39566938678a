"""What the weekly digest tells, as figures: counted here, put into words elsewhere.

A figure that nobody knows is None, and never a zero that is none.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.exceptions import Exceptions
from app.domain.history import WATCHDOG
from app.domain.incident import FINAL_STATES, Incident, IncidentState
from app.domain.reasons import Reason
from app.domain.reclaimed import reclaimed

MOST_ROWS = 10
Holding = tuple[str, str]
"""A user name, and a resource pool."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An entry of the history, without what it was proven by."""

    at: datetime
    reason: Reason
    before: IncidentState | None
    after: IncidentState
    actor: str = WATCHDOG

    @property
    def ends_it(self) -> bool:
        return self.after in FINAL_STATES and self.before != self.after


@dataclass(frozen=True, slots=True)
class Story:
    """An incident as it is by now, and what happened to it, oldest first."""

    incident: Incident
    happenings: tuple[Happening, ...]


class Deed(StrEnum):
    """What is counted, by the name of the alert."""

    FOUND = "found"
    WARNED = "warned"
    KEPT = "kept"
    DISMISSED = "dismissed"
    STOPPED = "stopped"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


_DEEDS = {
    Reason.ALERT_FIRED: Deed.FOUND,
    Reason.WARNING_DELIVERED: Deed.WARNED,
    Reason.DISMISSED: Deed.DISMISSED,
    # One of these three for each: the entry that says what became of its GPUs.
    Reason.STOP_VERIFIED: Deed.STOPPED,
    Reason.GPUS_IN_USE: Deed.STOPPED,
    Reason.GPUS_UNSEEN: Deed.STOPPED,
    Reason.ATTEMPTS_EXHAUSTED: Deed.FAILED,
    Reason.OWNER_UNREACHABLE: Deed.UNREACHABLE,
}
_HOLDING = frozenset({Reason.HOLD_BEGAN, Reason.HOLD_CHANGED, Reason.STOP_WITHDRAWN})
"""What a keep is in the history, when a person is its actor."""
REASONS = frozenset(_DEEDS) | _HOLDING
"""All that is counted."""


def deed(happening: Happening) -> Deed | None:
    if happening.reason in _HOLDING:
        return Deed.KEPT if happening.actor != WATCHDOG else None
    return _DEEDS.get(happening.reason)


@dataclass(frozen=True, slots=True)
class Usage:
    """GPU-hours as Prometheus has recorded them. What is not in it was not recorded."""

    held: Mapping[Holding, float]
    used: Mapping[Holding, float]
    idle: Mapping[Holding, float]
    covered: float
    """The share of the time (0-1) in which the rules were evaluated."""


@dataclass(frozen=True, slots=True)
class Row:
    """GPU-hours of one user, or of one pool, or of several of them."""

    name: str
    held: float | None
    used: float | None
    idle: float | None
    reclaimed: float
    """For which GPUs had been held idle when a stop freed them."""


@dataclass(frozen=True, slots=True)
class Account:
    rows: tuple[Row, ...] = ()
    """The largest first."""
    others: Row | None = None
    """The sum of the rest."""
    others_count: int = 0


@dataclass(slots=True)
class WeekTally:
    """What is counted while the stories of a time are read, one after the other."""

    since: datetime
    until: datetime
    deeds: Counter[tuple[str, Deed]] = field(default_factory=Counter)
    """By the name of the alert."""
    by_hand: int = 0
    """Stops that a person asked for."""
    gpus: int = 0
    """Those that stops have freed."""
    reclaimed: defaultdict[Holding, timedelta] = field(
        default_factory=lambda: defaultdict(timedelta)
    )

    def add(self, story: Story) -> None:
        incident = story.incident
        recent = [each for each in story.happenings if self.since <= each.at < self.until]
        for each in recent:
            what = deed(each)
            if what is not None:
                self.deeds[incident.identity.alertname, what] += 1
        if any(each.ends_it for each in recent):
            freed = reclaimed(incident)
            self.gpus += freed.gpus
            self.by_hand += sum(_is_by_hand(incident))
            if freed.held:
                holding = (incident.identity.username, incident.identity.resource_pool)
                self.reclaimed[holding] += freed.held

    def total(self, what: Deed) -> int:
        return sum(count for (_, each), count in self.deeds.items() if each is what)

    @property
    def reclaimed_hours(self) -> dict[Holding, float]:
        return {who: span / timedelta(hours=1) for who, span in self.reclaimed.items()}


def _is_by_hand(incident: Incident) -> Iterable[bool]:
    for target in incident.targets:
        yield target.outcome is IncidentState.STOPPED and target.request is not None


@dataclass(frozen=True, slots=True)
class WeeklyDigest:
    tally: WeekTally
    usage: Usage | str
    """What Prometheus says; or why it says nothing, in words."""
    exceptions: Exceptions

    @property
    def by_user(self) -> Account:
        return account(self.usage, self.tally.reclaimed_hours, lambda holding: holding[0])

    @property
    def by_pool(self) -> Account:
        return account(self.usage, self.tally.reclaimed_hours, lambda holding: holding[1])

    @property
    def total(self) -> Row:
        everything = account(self.usage, self.tally.reclaimed_hours, lambda _: "")
        nothing = Row("", None, None, None, 0.0)
        return everything.rows[0] if everything.rows else nothing


def account(
    usage: Usage | str, reclaimed_hours: Mapping[Holding, float], name: Callable[[Holding], str]
) -> Account:
    """Sum up by user or by pool: those that held most first, the rest as one."""
    columns: list[Mapping[Holding, float]] = [{}, {}, {}]
    if isinstance(usage, Usage):
        columns = [usage.held, usage.used, usage.idle]
    held, used, idle, freed = (summed(name, column) for column in (*columns, reclaimed_hours))
    names = dict.fromkeys(each for column in (held, used, idle, freed) for each in column)
    rows = [
        Row(each, held.get(each), used.get(each), idle.get(each), freed.get(each, 0.0))
        for each in names
    ]
    rows.sort(key=lambda row: (-(row.held or 0.0), -row.reclaimed, row.name))
    rest = rows[MOST_ROWS:]
    return Account(tuple(rows[:MOST_ROWS]), _sum(rest) if rest else None, len(rest))


def summed(
    name: Callable[[Holding], str], figures: Mapping[Holding, float]
) -> defaultdict[str, float] | dict[str, float]:
    found: defaultdict[str, float] = defaultdict(float)
    for holding, figure in figures.items():
        found[name(holding)] += figure
    return found


def _sum(rows: Sequence[Row]) -> Row:
    return Row(
        "",
        known(row.held for row in rows),
        known(row.used for row in rows),
        known(row.idle for row in rows),
        sum(row.reclaimed for row in rows),
    )


def known(figures: Iterable[float | None]) -> float | None:
    known = [each for each in figures if each is not None]
    return sum(known) if known else None
