"""An incident: one episode of one alert, with the allocations that it is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from app.domain.alert import Identity
from app.domain.policy import Announcement, Mode, StopAction
from app.domain.reasons import Reason
from app.domain.release import Gpu, Release


class IncidentState(StrEnum):
    FIRING = "firing"  # the alert fires; the owner has no valid warning
    NOTIFIED = "notified"  # the owner was told; the grace period runs
    HELD = "held"  # somebody or something forbids a stop; the grace period does not run
    STOPPING = "stopping"  # the intent to stop is on record; or GPUs are still to be seen free
    ESCALATED = "escalated"  # a person must look; nothing more is tried
    RESOLVED = "resolved"  # final: the condition was seen to be over
    ENDED = "ended"  # final: the task ended without us, or changed hands, or the rule is gone
    STOPPED = "stopped"  # final: we stopped it, saw it end, and looked at its GPUs
    DISMISSED = "dismissed"  # final: an admin called it a false alarm


FINAL_STATES = frozenset(
    {IncidentState.RESOLVED, IncidentState.ENDED, IncidentState.STOPPED, IncidentState.DISMISSED}
)


class RecipientKind(StrEnum):
    OWNER = "owner"  # the owner's own direct messages
    DELEGATE = "delegate"  # a person or channel that the configuration names for this owner
    ADMINS = "admins"  # the admins' channel: never counts as told to the owner (S1)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a message was posted: Slack's confirmation."""

    channel: str
    ts: str
    recipient: RecipientKind
    root_ts: str = ""
    """The first message of the thread that it is a reply in. Empty: it is no reply."""

    @property
    def root(self) -> "Receipt":
        """Return the first message of its thread: itself where it is no reply."""
        return replace(self, ts=self.root_ts, root_ts="") if self.root_ts else self

    @property
    def key(self) -> str:
        return f"{self.channel}/{self.ts}"


@dataclass(frozen=True, slots=True)
class GivenWarning:
    """A newly posted message that named the allocation and the deadline, confirmed by Slack."""

    delivered_at: datetime
    clock: timedelta
    """The answer clock's reading at that moment; the grace period is counted on that clock."""
    deadline: datetime
    """The latest that it or a reminder named. The real one may be later, never earlier."""
    username: str
    """Who was told: S2 asks that it is still the owner."""
    moved: timedelta = timedelta()
    """How much later than promised the deadline is by now: nobody waited for the GPUs."""
    announced: Announcement | None = None
    """What was said to be done, the mildest of what messages have said since. None: unknown."""
    channel: str = ""
    """The conversation to which it was addressed. Empty: unknown."""
    breaker_at: datetime | None = None
    """Since when the breaker stood as it did then. None: nobody had touched it yet."""


class IntentState(StrEnum):
    RECORDED = "recorded"  # proven, not sent
    SENDING = "sending"  # sent or about to be: after a crash nobody knows
    SENT = "sent"  # Determined took it; the end is awaited
    UNCONFIRMED = "unconfirmed"  # refused, unanswered or without effect: to be proven again
    WITHDRAWN = "withdrawn"  # final
    DONE = "done"  # final: the allocation is gone


OPEN_INTENTS = frozenset(IntentState) - {IntentState.WITHDRAWN, IntentState.DONE}


@dataclass(frozen=True, slots=True)
class Intent:
    """The decision to stop one allocation. At most one that is open, per allocation (S6)."""

    intent_id: str
    state: IntentState
    recorded_at: datetime
    proof: Mapping[str, Any]
    """What was read and found when the decision was made."""
    attempts: int = 0
    attempted_at: datetime | None = None
    action: StopAction = StopAction.KILL
    """By which call the last proof wants it stopped."""
    held: bool = False
    """Something held it since its call was taken: none is made again without a new warning (S9)."""


@dataclass(frozen=True, slots=True)
class StopRequest:
    """A person who may do so wants an allocation stopped now, whatever alerts say of it."""

    by: str
    at: datetime
    action: StopAction = StopAction.KILL
    """By which call. Who asks for a pause wants no kill instead."""
    despite: tuple[str, ...] = ()
    """The keeps that were in force, by id. Another one is younger, by whoever's clock (S13)."""


@dataclass(frozen=True, slots=True)
class Target:
    """An allocation that the incident may lead to stop, with its own warning and intent."""

    allocation_id: str
    task_id: str
    task_type: str
    username: str
    name: str = ""
    """Untrusted text."""
    slots: int = 0
    warning: GivenWarning | None = None
    intent: Intent | None = None
    outcome: IncidentState | None = None
    """How it ended: STOPPED by us, ENDED without us, RESOLVED if it is let be. None: it is open."""
    was_called: bool = False
    """A call to stop it was taken, or may have been, whatever became of its intent since."""
    since: datetime | None = None
    """Since when it runs; known of those that were chosen."""
    idle: bool = False
    """It was chosen for being idle."""
    left: Reason | None = None
    """Why it is no target any more, though it runs on; its outcome is RESOLVED."""
    request: StopRequest | None = None
    """Somebody wants it stopped now. None: it is stopped, if at all, for the alert."""
    gpus: tuple[Gpu, ...] = ()
    """What it held when its stop was proven."""
    gone_at: datetime | None = None
    """When Determined was first seen not to list it any more, after our call."""
    release: Release | None = None
    """None: it was not stopped by us, or held no GPU; or it ended before anybody looked at them."""
    lingering: tuple[str, ...] = ()
    """Which of its GPUs nobody has seen free in the end, by uuid."""

    @property
    def freed(self) -> int:
        """Return how many GPUs its stop is known to have freed."""
        if self.outcome is not IncidentState.STOPPED or self.release is Release.AWAITED:
            return 0
        if self.release in {None, Release.FREED}:
            return self.slots
        return max(len(self.gpus) - len(self.lingering), 0)

    @property
    def stops_by_pause(self) -> bool:
        """Tell whether its intent is to pause it, not to kill it."""
        return self.intent is not None and self.intent.action is StopAction.PAUSE

    @property
    def may_leave(self) -> bool:
        """Tell whether nothing was done yet that has to be followed to its end."""
        untouched = self.intent is None and not self.was_called and self.request is None
        return not self.outcome and untouched


@dataclass(frozen=True, slots=True)
class Demand:
    """What a user over the slot limit is asked for, in slots."""

    held: int
    limit: int
    waiting: int
    """What others wait for."""
    free: int
    """What is to be given back."""
    waiting_since: datetime | None = None
    """Since when the longest of them waits, where Determined tells."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that forbids a stop."""

    reason: Reason
    by: str = ""
    """Who or what: the silence's author, the inhibiting alert, the person who keeps the task."""
    until: datetime | None = None
    """None means that no end is known."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Why something that ought to happen does not."""

    reason: Reason
    since: datetime
    """When the first of an unbroken row of reasons came up."""
    admins_told: bool = False
    due: bool = True
    """A stop is due and not made. False: nobody can see whether the alert's condition is over."""


@dataclass(frozen=True, slots=True)
class Keep:
    """The owner's "not now", in force from its commit."""

    keep_id: str
    task_id: str
    policy: str
    until: datetime
    by: str
    reason: str
    created_at: datetime
    silence_id: str = ""
    """Empty until Alertmanager shows the keep as a silence."""


@dataclass(frozen=True, slots=True)
class Expressions:
    """The alert's annotations, as Prometheus itself reported them; never the webhook's (S3)."""

    verify: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    incident_id: str
    identity: Identity
    state: IncidentState
    opened_at: datetime
    changed_at: datetime
    mode: Mode
    """The mode under which the present round of messages was made."""
    targets: tuple[Target, ...] = ()
    round: int = 0
    """Counts the first warnings: 0 = nobody was to be told yet. Each hold's end begins another."""
    reminders: tuple[str, ...] = ()
    """Which of the policy's reminders the present round has had."""
    holds: tuple[Hold, ...] = ()
    block: Block | None = None
    """What speaks against a stop that is due, or keeps us from seeing. None while nothing does."""
    expressions: Expressions = Expressions()
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Texts and links for people: summary, description, runbook_url, dashboard_url."""
    unreachable: bool = False
    """The admins were told that the owner cannot be reached."""
    settled_at: datetime | None = None
    """When the same alert was seen to be over, shortly before this. None: it was not."""
    message: Receipt | None = None
    """The live message to the owner, which is updated in place; others may have the same."""
    relabelled: bool = False
    """It has ended because the alert goes on under other labels, as another incident."""
    demand: Demand | None = None
    """Of an alert about a user: what the targets were chosen for."""
    version: int = 0
    """Counts the saves; the store refuses a save that is based on an older one."""

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def open_targets(self) -> tuple[Target, ...]:
        targets = self.targets
        if len(targets) == 1 and not targets[0].outcome:
            # So it is with nearly all, and a tick asks again and again.
            return targets
        return tuple(target for target in targets if not target.outcome)

    @property
    def is_looked_after(self) -> bool:
        """Tell whether GPUs of what it has stopped are still to be seen free."""
        return any(target.release is Release.AWAITED for target in self.targets)

    @property
    def is_gone(self) -> bool:
        """Tell whether nothing of it runs any more, and only GPUs are still to be seen free."""
        return self.is_looked_after and not self.open_targets

    def target(self, allocation_id: str) -> Target | None:
        return next((each for each in self.targets if each.allocation_id == allocation_id), None)

    def with_target(self, target: Target) -> "Incident":
        """Return the incident with this target in the place of the one of the same allocation."""
        targets = tuple(
            target if each.allocation_id == target.allocation_id else each for each in self.targets
        )
        return replace(self, targets=targets)
