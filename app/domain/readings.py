"""What the systems that we ask have answered. Values only; who asks is the adapters' affair."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.alert import Identity
from app.domain.marks import Levels
from app.domain.matchers import Silence
from app.domain.silences import SilenceIndex


class PeerAlertState(StrEnum):
    """`status.state` in Alertmanager's API."""

    UNPROCESSED = "unprocessed"  # just arrived: not yet through inhibition and silences
    ACTIVE = "active"
    SUPPRESSED = "suppressed"  # silenced, inhibited or muted


@dataclass(frozen=True, slots=True)
class PeerAlert:
    state: PeerAlertState
    labels: Mapping[str, str] = field(default_factory=dict)
    """Those that it has beside its identity: what Prometheus adds for the whole cluster, say."""
    silenced_by: tuple[str, ...] = ()
    """Ids of silences."""
    inhibited_by: tuple[str, ...] = ()
    """Fingerprints of alerts."""
    muted_by: tuple[str, ...] = ()
    """Names of time intervals; Alertmanager before 0.28 never fills it."""

    @property
    def is_held(self) -> bool:
        """Tell whether the peer itself names, or knows of, something that suppresses it."""
        named = self.silenced_by or self.inhibited_by or self.muted_by
        return bool(named) or self.state is PeerAlertState.SUPPRESSED


@dataclass(frozen=True, slots=True)
class PeerReading:
    """One Alertmanager peer: all its alerts of ours, and all its silences."""

    peer: str
    """The peer's address, as the configuration names it."""
    alerts: Mapping[str, PeerAlert] = field(default_factory=dict)
    """By the key of the identity."""
    silences: tuple[Silence, ...] = ()
    error: str = ""
    """Why the peer could not be read; then the rest is empty and means nothing."""
    index: SilenceIndex = field(init=False, repr=False, compare=False)
    """Of the silences: to ask each of them about each target would take most of a tick."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", SilenceIndex(self.silences))

    @property
    def readable(self) -> bool:
        return not self.error


@dataclass(frozen=True, slots=True)
class RuleAlert:
    """An alert as Prometheus itself reports it, firing (pending ones are left out)."""

    identity: Identity
    annotations: Mapping[str, str]
    active_at: datetime
    """Since when the condition has held, by Prometheus's account."""


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """A rule that Prometheus has loaded, whatever fires."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """Those that the rule adds; the others come from its expression."""
    lasting: timedelta = timedelta()
    """For how long its condition has to hold before it fires: its `for`."""
    error: str = ""
    """Why its last evaluation failed. Empty: it did not."""


@dataclass(frozen=True, slots=True)
class Sample:
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """One series over a while."""

    labels: Mapping[str, str]
    points: tuple[tuple[datetime, float], ...]
    """In the order of time; where nothing was measured there is none."""


@dataclass(frozen=True, slots=True)
class Track:
    """One series at each step of a while."""

    labels: Mapping[str, str]
    levels: Levels
