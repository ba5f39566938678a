"""What ends a round: a warning that was posted before it allows no stop any more (S9)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from app.domain.cluster import Allocation
from app.domain.matchers import Silence
from app.domain.policy import Mode
from app.domain.readings import PeerAlertState, PeerReading
from tests.machine.configurations import UNSAVED, Law
from tests.machine.stamps import Stamp
from tests.machine.tasks import Condition


class Through(Enum):
    """Where the receiver has to hear of it before it can count against a stop."""

    ALERTMANAGER = "its last reading of every Alertmanager"
    PROMETHEUS = "its last reading of Prometheus"
    DATABASE = "its last commit before the call"
    NOTHING = "it was told, and has answered"


@dataclass(frozen=True, slots=True)
class Breach:
    at: Stamp
    why: str
    key: str = ""
    """Of the one alert that it is about. Empty: any."""
    allocation_id: str = ""
    """The one allocation that it is about. Empty: any."""
    through: Through = Through.NOTHING
    wall: datetime | None = None
    """What it has left behind is dated so. None: it was seen by a whole tick.

    Nobody finds what came and went between two looks, and is dated before the warning because the
    clock was set back.
    """

    rule: str = "S9"

    def covers(self, condition: Condition, allocation_id: str) -> bool:
        return self.key in {"", condition.key} and self.allocation_id in {"", allocation_id}


@dataclass(frozen=True, slots=True)
class Case:
    """An allocation under an alert: its own, or that of its owner."""

    condition: Condition
    allocation_id: str

    @property
    def task_id(self) -> str:
        return self.allocation_id.rpartition(".")[0]


def covers(silence: Silence, case: Case, now: datetime) -> bool:
    """Tell whether a silence is in force over it. The machine makes silences of tasks alone."""
    wanted = {matcher.name: matcher.value for matcher in silence.matchers}
    theirs = {"task_id": case.task_id, "policy": case.condition.identity.policy}
    is_in_force = silence.starts_at <= now < silence.ends_at
    return is_in_force and all(theirs[name] == value for name, value in wanted.items())


def seen(
    case: Case,
    *,
    peers: tuple[PeerReading, ...],
    allocation: Allocation | None,
    law: Law,
    now: datetime,
) -> Iterator[tuple[str, bool]]:
    """Yield what a tick that read this has seen against a stop, and if it is about the alert as a
    whole.
    """
    identity = case.condition.identity
    for peer in peers:
        if not peer.readable:
            continue
        if any(covers(each, case, now) for each in peer.silences):
            yield f"silenced on {peer.peer}", False
        alert = peer.alerts.get(case.condition.key)
        if alert is not None and alert.state is PeerAlertState.SUPPRESSED:
            yield f"suppressed on {peer.peer}", True
    mode = law.ceiling(identity.policy, identity.task_type)
    if mode is not Mode.ENFORCE:
        yield f"mode {mode}", True
    if allocation is None:
        return
    if allocation.username not in {None, identity.username}:
        yield f"owner {allocation.username}", False
    if law.exempt and allocation.username in {None, *law.exempt}:
        # An owner who cannot be read counts as exempt, where anybody is.
        yield "exempt", False
    if law.is_night(identity.policy, now) and allocation.task_type in UNSAVED:
        yield "night", False
