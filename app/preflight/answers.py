"""What every system has answered: what the judgement is made of. Nothing is asked here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self, TypeAlias, TypeVar

from app.adapters.alertmanager_status import PeerStatus
from app.adapters.determined_status import Account, Master
from app.adapters.prometheus_status import LoadedGroup, Target
from app.domain.cluster import Snapshot
from app.errors import WatchdogError
from app.settings import Settings
from app.store.inspection import Inspection

T = TypeVar("T")
Answer: TypeAlias = T | WatchdogError
"""What was answered; or why it was not."""
ByAgent = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SecretFile:
    path: Path
    error: str = ""
    """Why it cannot be used. Empty: it can."""
    is_open: bool = False
    """Whether everybody on the machine may read it."""


@dataclass(frozen=True, slots=True)
class DeterminedAnswers:
    master: Answer[Master]
    ahead: timedelta | None
    """How far its clock is before ours. None: it is not known."""
    account: Answer[Account]
    permissions: Answer[Sequence[str]]
    """Only where roles decide."""
    state_metrics: Answer[bool]
    snapshot: Answer[Snapshot]

    @classmethod
    def none(cls, why: WatchdogError) -> Self:
        return cls(why, None, why, why, why, why)


@dataclass(frozen=True, slots=True)
class Samples:
    """How many series of each kind there are, by the agent that they come from."""

    gpus: Answer[ByAgent]
    """GPUs in dcgm-exporter, and instances of MIG."""
    utilization: Answer[ByAgent]
    """GPUs of which dcgm-exporter tells the utilization, and instances of MIG."""
    mig: Answer[ByAgent]
    profiling: Answer[ByAgent]
    containers: Answer[ByAgent]
    nodes: Answer[ByAgent]
    nameless: Answer[ByAgent]
    """GPUs without the label that joins them to tasks."""


@dataclass(frozen=True, slots=True)
class PrometheusAnswers:
    version: Answer[str]
    ahead: Answer[timedelta]
    groups: Answer[Sequence[LoadedGroup]]
    targets: Answer[Sequence[Target]]
    peers: Answer[Sequence[str]]
    """The addresses of the Alertmanagers that it sends to."""
    samples: Samples

    @classmethod
    def none(cls, why: WatchdogError) -> Self:
        samples = Samples(why, why, why, why, why, why, why)
        return cls(why, why, why, why, why, samples)


@dataclass(frozen=True, slots=True)
class PeerAnswers:
    name: str
    status: Answer[PeerStatus]
    ahead: timedelta | None
    is_open: Answer[bool]
    """Whether it answers somebody without credentials."""
    is_local: bool
    """Whether its address is of this machine alone."""


@dataclass(frozen=True, slots=True)
class SlackAnswers:
    scopes: Answer[frozenset[str] | None]
    """Those of the bot's token. None: Slack does not name them."""
    socket: Answer[str] | None
    """None: there is no token for Socket Mode."""
    channel: Answer[None]
    """Whether the bot is in the admins' channel."""


@dataclass(frozen=True, slots=True)
class Answers:
    at: datetime
    settings: Settings
    secrets: Sequence[SecretFile]
    database: Answer[Inspection]
    determined: DeterminedAnswers
    prometheus: PrometheusAnswers
    alertmanagers: Sequence[PeerAnswers]
    slack: SlackAnswers
