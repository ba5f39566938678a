"""Why a task was warned about, or was not: what each alert sees of it, and what would follow."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.alert import IDLE, Scope
from app.domain.conditions import conditions
from app.domain.facts import Condition, Facts
from app.domain.forecast import Milestone, Outset, forecast
from app.domain.idleness import Measure, earliest, idle_conditions, measures, window_of
from app.domain.incident import Incident
from app.domain.prospect import SHIPPED, as_if_idle, identity_of
from app.domain.readings import AlertingRule
from app.domain.tasks import TaskStanding
from app.domain.world import World

ALERTS = "ALERTS"
SINCE = "ALERTS_FOR_STATE"
_STATE = "alertstate"


class LookState(StrEnum):
    INACTIVE = "inactive"  # its condition does not hold
    PENDING = "pending"  # it holds, and not yet for as long as the rule asks for
    FIRING = "firing"
    UNKNOWN = "unknown"  # Prometheus could not be asked


@dataclass(frozen=True, slots=True)
class Look:
    """How one alerting rule stands with the task."""

    rule: AlertingRule
    state: LookState
    since: datetime | None = None
    """Since when its condition has held."""
    fires_at: datetime | None = None
    """When a pending one fires, if that goes on."""
    conditions: tuple[Condition, ...] = ()
    """Empty for an alert that did not come with the watchdog."""


@dataclass(frozen=True, slots=True)
class Explanation:
    standing: TaskStanding
    window: str | None
    """The window of idleness that counts, `30m`. None: unknown, or none does."""
    looks: tuple[Look, ...]
    measures: tuple[Measure, ...]
    milestones: tuple[Milestone, ...]


def explain(
    standing: TaskStanding, facts: Facts, rules: Sequence[AlertingRule], world: World
) -> Explanation:
    looks = tuple(_looks(facts, rules))
    return Explanation(
        standing=standing,
        window=window_of(facts),
        looks=looks,
        measures=tuple(measures(facts)),
        milestones=_milestones(standing, facts, rules, looks, world),
    )


def _looks(facts: Facts, rules: Sequence[AlertingRule]) -> Iterator[Look]:
    """Yield the rules that may be about the task, and those that are; the idle one first."""
    active = {each.labels.get("alertname", ""): each for each in facts.rows.all(ALERTS)}
    firing = [name for name, each in active.items() if each.labels.get(_STATE) == "firing"]
    known = {each.name: each for each in rules}
    # One that is gone from the rules, or could not be read, may still be seen.
    seen = {name: AlertingRule(name, active[name].labels) for name in active if name not in known}
    for rule in sorted((*known.values(), *seen.values()), key=_idle_first):
        if rule.name in active or rule.labels.get("scope") in set(Scope):
            yield _look(rule, facts, firing)


def _idle_first(rule: AlertingRule) -> tuple[bool, str]:
    return rule.name != IDLE, rule.name


def _look(rule: AlertingRule, facts: Facts, firing: Sequence[str]) -> Look:
    is_idle = rule.name == IDLE
    asked = idle_conditions(facts, firing) if is_idle else conditions(rule.name, facts)
    state = _state(rule.name, facts)
    since = facts.rows.instant(SINCE, alertname=rule.name)
    if state in {LookState.INACTIVE, LookState.UNKNOWN}:
        return Look(rule, state, conditions=asked)
    fires_at = since + rule.lasting if since and state is LookState.PENDING else None
    return Look(rule, state, since, fires_at, asked)


def _state(alertname: str, facts: Facts) -> LookState:
    if not facts.is_readable:
        return LookState.UNKNOWN
    states = {each.labels.get(_STATE) for each in facts.rows.all(ALERTS, alertname=alertname)}
    for state in (LookState.FIRING, LookState.PENDING):
        if state in states:
            return state
    return LookState.INACTIVE


def _milestones(
    standing: TaskStanding,
    facts: Facts,
    rules: Iterable[AlertingRule],
    looks: Iterable[Look],
    world: World,
) -> tuple[Milestone, ...]:
    rule = next((each for each in rules if each.name == IDLE), SHIPPED)
    identity = identity_of(facts.allocation, rule)
    [target] = as_if_idle(identity, world.rulebook, world.now).targets
    outset = Outset(target, _alert_at(facts, rule, looks), _idle_incident(standing))
    return forecast(outset, standing.prospect, world.rulebook.policy_for(identity), world)


def _idle_incident(standing: TaskStanding) -> Incident | None:
    found = (each for each in standing.incidents if each.identity.alertname == IDLE)
    return next(found, None)


def _alert_at(facts: Facts, rule: AlertingRule, looks: Iterable[Look]) -> datetime | None:
    """Return when the alert fires; None while something prevents it that time alone does not."""
    [look] = [each for each in looks if each.rule.name == IDLE] or [Look(rule, LookState.UNKNOWN)]
    if look.since:
        return look.fires_at or look.since
    if look.state is LookState.UNKNOWN or not all(
        each.met or each.passes for each in look.conditions
    ):
        return None
    return earliest(facts, rule.lasting)
