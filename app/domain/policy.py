"""What may be done about an alert, and when: the part of the configuration that decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache

from app.domain.alert import Identity
from app.domain.authority import Authority
from app.domain.breaker import BreakerLimits
from app.domain.cluster import PAUSABLE, TaskType
from app.domain.exemption import WORKSPACE, Exemption
from app.domain.waking import ALWAYS, WakingHours


class Mode(StrEnum):
    OBSERVE = "observe"  # record what would be done; owners hear nothing
    WARN = "warn"  # tell owners; never stop
    ENFORCE = "enforce"  # tell owners, wait, prove, stop

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {mode: rank for rank, mode in enumerate(Mode)}


Reminder = float | timedelta
"""When an owner is reminded: after this share of the grace period, or so long before its end."""


class StopAction(StrEnum):
    KILL = "kill"
    PAUSE = (
        "pause"  # what can be paused: it keeps its checkpoint, and goes on when its owner says so
    )
    NONE = "none"  # advise only


class Fallback(StrEnum):
    """What is done instead where nothing can be paused."""

    KILL = "kill"
    NONE = "none"  # it is left to a person


@dataclass(frozen=True, slots=True)
class Announcement:
    """What owners read that a policy does when the time is over."""

    action: StopAction
    fallback: Fallback = Fallback.NONE

    def exceeds(self, told: "Announcement", task_type: str) -> bool:
        """Tell whether a task of this type could meet with something harsher than was told."""
        now, before = _harshness(self, task_type), _harshness(told, task_type)
        return now[0] > before[0] or now[1] > before[1]

    def milder_of(self, other: "Announcement") -> "Announcement":
        """Return what both of them say: no more than either."""
        return Announcement(
            min(self.action, other.action, key=_HARSHNESS.index),
            min(self.fallback, other.fallback, key=_HARSHNESS.index),
        )


# A tick asks for it for every incident, some times over.
_announcement = lru_cache(maxsize=64)(Announcement)
_HARSHNESS: Sequence[str] = (StopAction.NONE, StopAction.PAUSE, StopAction.KILL)
"""A pause keeps the checkpoint."""


def _harshness(announcement: Announcement, task_type: str) -> tuple[int, int]:
    """Rank what is done as a rule, and what where a trial's experiment is partly in use."""
    rule = fallback = announcement.action
    if announcement.action is StopAction.PAUSE:
        fallback = StopAction(announcement.fallback)
        if task_type not in PAUSABLE:
            rule = fallback
        elif task_type != TaskType.TRIAL:
            fallback = rule
    return _HARSHNESS.index(rule), _HARSHNESS.index(fallback)


@dataclass(frozen=True, slots=True)
class Policy:
    """One escalation policy; alerts name it in their `policy` label."""

    name: str
    action: StopAction = StopAction.NONE
    fallback: Fallback = Fallback.NONE
    """For action `pause`: types that cannot be paused, and experiments that are partly in use."""
    mode: Mode = Mode.ENFORCE
    """A ceiling: the watchdog's own mode may be lower, never higher."""
    grace: Mapping[TaskType, timedelta] = field(default_factory=dict)
    """By type of task; `grace_default` for the types that are not in it."""
    grace_default: timedelta = timedelta(hours=1)
    reminders: tuple[Reminder, ...] = (0.5, timedelta(minutes=10))
    """In the order in which they come."""
    only_when_queued: bool = False
    """Stop only while somebody else waits for the GPUs."""
    queued_for: timedelta = timedelta(minutes=10)
    """How long a job must have waited to count for that."""
    attempts: int = 5
    """How often a stop is tried before a person must look."""
    tell_admins_after: timedelta = timedelta(minutes=15)
    """How long a stop that is due may be prevented before admins hear of it."""
    keep_longest: timedelta = timedelta(hours=24)
    """How long one keep may last."""
    keep_total: timedelta = timedelta(hours=72)
    """How long all keeps of a task may last together, within one incident."""
    waking_hours: WakingHours = ALWAYS
    """The hours in which alone tasks with unsaved state are warned about and stopped (S13)."""

    def action_for(self, task_type: str) -> StopAction:
        """Return the action for a type of task, or for any when the type is empty."""
        if self.action is not StopAction.PAUSE or task_type in {"", *PAUSABLE}:
            return self.action
        return StopAction(self.fallback)

    def spares(self, task_type: str) -> bool:
        """Tell whether it stops others, and nothing of this type."""
        none = StopAction.NONE
        return self.action is not none and self.action_for(task_type) is none

    @property
    def announcement(self) -> Announcement:
        return _announcement(self.action, self.fallback)

    def grace_for(self, task_type: str) -> timedelta:
        return self.grace.get(TaskType(task_type), self.grace_default)

    def ceiling(self, mode: Mode) -> Mode:
        """Return the mode that holds for this policy under the watchdog's own mode.

        A policy that stops nothing never threatens: it warns at most (S10).
        """
        own = Mode.WARN if self.action is StopAction.NONE else self.mode
        return min(mode, self.mode, own, key=_RANKS.__getitem__)


_LONGEST_RETRY = 16
"""In units of `stop_retry`: what is broken for hours is asked all the same."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How old what we know may be, and how long we wait; real time, from the configuration."""

    evidence_age: timedelta = timedelta(seconds=30)
    """The oldest raw sample that still proves something: two scrape intervals (S3)."""
    proof_age: timedelta = timedelta(seconds=10)
    """How long after the first reading of a proof the call may still be made."""
    heartbeat_age: timedelta = timedelta(minutes=5)
    snapshot_age: timedelta = timedelta(seconds=60)
    tick_gap: timedelta = timedelta(seconds=60)
    """The longest gap between two ticks in which owners count as able to answer (S13)."""
    stop_retry: timedelta = timedelta(seconds=60)
    """How long the end of a task is awaited after the first call before all is proven again."""
    pause_retry: timedelta = timedelta(minutes=65)
    """The same after a pause that Determined took: it gives a trial an hour for its checkpoint."""
    gpu_release: timedelta = timedelta(minutes=5)
    """How long after a stopped task its GPUs are given to be seen free. Exporters lag."""
    unreachable_retry: timedelta = timedelta(hours=1)
    """How long an owner who could not be reached is left alone before the next try."""
    unconfirmed: timedelta = timedelta(minutes=15)
    """How long an alert that Prometheus does not report stays open."""
    again_within: timedelta = timedelta(minutes=30)
    """How soon after a recovery the same alert counts as one that has come back."""
    lease: timedelta = timedelta(seconds=45)
    """How long another replica waits for one that shows no sign of life."""

    def retry_after(self, attempts: int) -> timedelta:
        """Return how long the next call waits after so many: each time twice as long, to a cap."""
        return self.stop_retry * min(1 << max(attempts - 1, 0), _LONGEST_RETRY)


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """How many slots a user may hold while others wait; None: no limit."""

    default: int | None = None
    by_user: Mapping[str, int | None] = field(default_factory=dict)

    def of(self, username: str) -> int | None:
        return self.by_user.get(username, self.default)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All that the configuration says about what may be done."""

    mode: Mode
    policies: Mapping[str, Policy]
    limits: Limits = Limits()
    breaker: BreakerLimits = field(default_factory=BreakerLimits)
    zone: tzinfo = UTC
    zones: Mapping[str, tzinfo] = field(default_factory=dict)
    """The time zones of those owners who have one of their own, by user name."""
    exempt: tuple[Exemption, ...] = ()
    slot_limits: SlotLimits = SlotLimits()
    authority: Authority = field(default_factory=Authority)

    @property
    def asks_for_workspaces(self) -> bool:
        """Tell whether anything hangs on the names of workspaces: they have to be asked for."""
        return any(each.name == WORKSPACE for one in self.exempt for each in one.matchers)

    def expired(self, now: datetime) -> list[Exemption]:
        """Return the exemptions that protect nobody any more."""
        return [each for each in self.exempt if each.is_over(now)]

    def zone_of(self, username: str) -> tzinfo:
        return self.zones.get(username, self.zone)

    def policy(self, name: str) -> Policy:
        """Return the policy; one that the configuration does not know only ever observes."""
        return self.policies.get(name) or Policy(name, mode=Mode.OBSERVE)

    def policy_for(self, identity: Identity) -> Policy:
        """Return the policy of an alert, with the action that holds for its type of task."""
        policy = self.policy(identity.policy)
        # A tick asks this for every incident, some times over.
        if policy.action is not StopAction.PAUSE:
            return policy
        return replace(policy, action=policy.action_for(identity.task_type))
