"""What has happened to an incident, as far as anybody has seen it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from app.domain.breaker import Quota
from app.domain.history import WATCHDOG
from app.domain.incident import (
    Demand,
    Expressions,
    GivenWarning,
    Hold,
    IntentState,
    Receipt,
    StopRequest,
    Target,
)
from app.domain.policy import Announcement, Mode, StopAction
from app.domain.reasons import Reason
from app.domain.release import Release

Evidence = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AlertActive:
    """An Alertmanager has the alert active, and nothing suppresses it: the owner may be told."""


@dataclass(frozen=True, slots=True)
class AlertSeen:
    """Prometheus itself reports the alert, with these expressions and texts."""

    expressions: Expressions
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TargetSeen:
    """Determined lists the allocation, under this name."""

    allocation_id: str
    name: str
    slots: int


@dataclass(frozen=True, slots=True)
class TargetsChosen:
    """Of what a user holds, these are to make room. Not all were named in the last warning."""

    targets: tuple[Target, ...]
    demand: Demand
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TargetsLeft:
    """These targets are let be; no other takes their place."""

    reasons: Mapping[str, Reason]
    """By allocation id."""


@dataclass(frozen=True, slots=True)
class EpisodeBegan:
    """Something happened after the warning that ended its round with it (S9).

    The alert had stopped and fired again, or a silence came and went while nobody looked. Or what
    the owner was told is no longer what is so: what would be done, or who is to be told.
    """

    evidence: Evidence = field(default_factory=dict)
    reason: Reason = Reason.NEW_EPISODE


@dataclass(frozen=True, slots=True)
class ModeChanged:
    mode: Mode


@dataclass(frozen=True, slots=True)
class HoldsObserved:
    """Everything that forbids a stop at this moment. Empty: nothing does."""

    holds: tuple[Hold, ...]
    actor: str = WATCHDOG


@dataclass(frozen=True, slots=True)
class WarningDelivered:
    """Slack confirmed the round's first message."""

    round: int
    receipt: Receipt
    warnings: Mapping[str, GivenWarning]
    """By allocation id: those that the message named."""


@dataclass(frozen=True, slots=True)
class ReminderDue:
    kind: str
    moment: str = ""
    """Which of the policy's reminders it is."""
    goes_out: bool = False
    """It was queued before, and names deadlines as they are by now."""


@dataclass(frozen=True, slots=True)
class DeadlineMoved:
    """A stop is due, and nobody waits for the GPUs: it is looked at again later."""

    allocation_id: str
    by: timedelta


@dataclass(frozen=True, slots=True)
class ActionEased:
    """The policy does less by now than was announced: no more than that is announced now."""

    announcement: Announcement


@dataclass(frozen=True, slots=True)
class OwnerUnreachable:
    """The message could go nowhere that counts as the owner (S1)."""

    round: int
    hold: Hold


@dataclass(frozen=True, slots=True)
class StopBlocked:
    """A stop is due and a rule speaks against it, or something needed is not known (S5)."""

    reason: Reason
    detail: str = ""
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Blind:
    """The alert fires no more, and nobody can see whether its condition is over (S5)."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StopProven:
    """Every safety rule holds now, for this allocation."""

    allocation_id: str
    intent_id: str
    proof: Evidence
    quota: Quota = field(default_factory=Quota)
    action: StopAction = StopAction.KILL


@dataclass(frozen=True, slots=True)
class StopSending:
    """The call to Determined is about to be made."""

    allocation_id: str


@dataclass(frozen=True, slots=True)
class StopAnswered:
    """Determined answered the call, or did not."""

    allocation_id: str
    state: IntentState
    """SENT when it took the call, else UNCONFIRMED."""
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _GivenUp:
    allocation_id: str
    reason: Reason
    detail: str = ""

    @property
    def words(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


@dataclass(frozen=True, slots=True)
class StopNotSent(_GivenUp):
    """The call to Determined was not made after all: it surely did not arrive."""


@dataclass(frozen=True, slots=True)
class StopWithdrawn(_GivenUp):
    """An intent of unknown fate could not be proven again (S6)."""

    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AllocationEnded:
    """Determined does not list the allocation any more, or it has another owner."""

    allocation_id: str
    reason: Reason = Reason.ALLOCATION_ENDED
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GpusSeen:
    """It is known what became of the GPUs of a stopped task, or nobody waits for it any more."""

    allocation_id: str
    release: Release
    lingering: tuple[str, ...] = ()
    sights: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecoveryObserved:
    """`verify` is empty while every sample is fresh: the condition is over."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class StopRequested:
    """A person who may do so wants these allocations stopped now."""

    allocation_ids: tuple[str, ...]
    request: StopRequest
    detail: str = ""
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestLapsed:
    """For too long nobody could tell whether the allocation may be stopped as was asked."""

    allocation_id: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PressRefused:
    """Somebody pressed a button who may not."""

    by: str
    verb: str


@dataclass(frozen=True, slots=True)
class Dismissed:
    """An admin says that the alert is a false alarm."""

    by: str
    detail: str = ""
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleGone:
    """Prometheus has no such alert (any more), or it goes on under other labels."""

    detail: str = ""
    reason: Reason = Reason.RULE_GONE


ByPeople = StopRequested | RequestLapsed | PressRefused | Dismissed
"""The events that come of what a person asked for."""
AboutIntents = StopProven | StopSending | StopAnswered | StopNotSent | StopWithdrawn
"""The events that only an incident with an intent to stop may meet, or one about to get it."""
Event = (
    AlertActive
    | AlertSeen
    | TargetSeen
    | TargetsChosen
    | TargetsLeft
    | EpisodeBegan
    | ModeChanged
    | HoldsObserved
    | WarningDelivered
    | ReminderDue
    | DeadlineMoved
    | ActionEased
    | OwnerUnreachable
    | StopBlocked
    | Blind
    | AllocationEnded
    | GpusSeen
    | RecoveryObserved
    | RuleGone
    | ByPeople
    | AboutIntents
)
