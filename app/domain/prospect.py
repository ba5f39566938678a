"""What would apply to a task if it idled: by the configuration, and by who protects it now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain.alert import IDLE, Identity, Scope
from app.domain.cluster import Allocation, TaskType
from app.domain.incident import Hold, Incident
from app.domain.observation import holds_over
from app.domain.opening import open_incident
from app.domain.policy import Mode, Policy, Rulebook, StopAction
from app.domain.readings import AlertingRule
from app.domain.world import World

SHIPPED = AlertingRule(
    IDLE,
    {"severity": "warning", "policy": "reclaim", "scope": Scope.ALLOCATION},
    lasting=timedelta(minutes=5),
)
"""The alert on idle GPUs as alerting-rules/reclaim.rules.yaml has it."""


class Ceiling(StrEnum):
    """What keeps the mode that holds for a task below `enforce`."""

    WATCHDOG = "watchdog_mode"  # the watchdog's own mode
    POLICY = "policy_mode"  # the mode of the policy
    ACTION = "policy_action"  # the policy has no action for this type of task
    UNCONFIGURED = "policy_unknown"  # the configuration has no policy of this name


class NeverJudged(StrEnum):
    """Why no alert on idle GPUs can be about a task, whatever it does."""

    NO_GPU = "no_gpu"
    NOT_STOPPABLE = "not_stoppable"  # checkpoint clean-up: Determined has no call for it
    TYPE_UNKNOWN = "type_unknown"
    OWNER_UNKNOWN = "owner_unknown"


@dataclass(frozen=True, slots=True)
class Prospect:
    policy: str
    action: StopAction
    """For this type of task."""
    mode: Mode
    """The one that holds: the lowest of all ceilings."""
    lowered_by: tuple[Ceiling, ...]
    """Which of them are as low; none in mode `enforce`."""
    grace: timedelta
    holds: tuple[Hold, ...]
    """What would forbid a stop at the moment."""
    never: NeverJudged | None = None


def prospect(allocation: Allocation, rule: AlertingRule, world: World) -> Prospect:
    """Return what would apply if this allocation idled from now on.

    `world`: of the peers the silences are enough.
    """
    identity = identity_of(allocation, rule)
    rulebook = world.rulebook
    policy = rulebook.policy_for(identity)
    known = allocation.task_type is not None
    return Prospect(
        policy=policy.name,
        action=policy.action,
        mode=policy.ceiling(rulebook.mode),
        lowered_by=ceilings(policy, rulebook),
        grace=policy.grace_for(identity.task_type) if known else policy.grace_default,
        holds=holds_over(as_if_idle(identity, rulebook, world.now), world),
        never=never_judged(allocation),
    )


def identity_of(allocation: Allocation, rule: AlertingRule) -> Identity:
    """Return the identity that the rule's alert about the allocation has."""
    return Identity(
        alertname=rule.name,
        severity=rule.labels.get("severity", ""),
        policy=rule.labels.get("policy", ""),
        scope=Scope.ALLOCATION,
        username=allocation.username or "",
        resource_pool=allocation.resource_pool,
        allocation_id=allocation.allocation_id,
        task_id=allocation.task_id,
        task_type=allocation.task_type or "",
    )


def as_if_idle(identity: Identity, rulebook: Rulebook, now: datetime) -> Incident:
    """Return the incident that the alert would open now. It is on no disk."""
    mode = rulebook.policy_for(identity).ceiling(rulebook.mode)
    return open_incident("", identity, mode=mode, annotations={}, at=now).incident


def never_judged(allocation: Allocation) -> NeverJudged | None:
    if allocation.task_type is TaskType.CHECKPOINT_GC:
        return NeverJudged.NOT_STOPPABLE
    if not allocation.slots:
        return NeverJudged.NO_GPU
    if allocation.task_type is None:
        return NeverJudged.TYPE_UNKNOWN
    return NeverJudged.OWNER_UNKNOWN if allocation.username is None else None


def ceilings(policy: Policy, rulebook: Rulebook) -> tuple[Ceiling, ...]:
    mode = policy.ceiling(rulebook.mode)
    if mode is Mode.ENFORCE:
        return ()
    of_policy = Ceiling.POLICY if policy.name in rulebook.policies else Ceiling.UNCONFIGURED
    found = {
        Ceiling.WATCHDOG: rulebook.mode is mode,
        of_policy: policy.mode is mode,
        Ceiling.ACTION: policy.action is StopAction.NONE and mode is Mode.WARN,
    }
    return tuple(ceiling for ceiling, is_as_low in found.items() if is_as_low)
