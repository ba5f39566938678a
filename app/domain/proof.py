"""The proof before a stop: every rule, in order, each "no" a reason of its own (S2-S5, S9, S10)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from app.domain.alert import Scope
from app.domain.announcing import harsher, told_elsewhere
from app.domain.cluster import TaskType, is_deactivated
from app.domain.events import Evidence
from app.domain.evidence import Readings, evidence_of
from app.domain.exemption import exemption_of
from app.domain.incident import Incident, IncidentState, Target
from app.domain.observation import (
    began_after_warning,
    breaker_was_reset,
    ended_hold,
    expressions_of,
    holds_over,
)
from app.domain.policy import Limits, Mode, Policy
from app.domain.readings import PeerAlertState, Sample
from app.domain.reasons import Reason
from app.domain.schedule import remaining
from app.domain.selection import unneeded
from app.domain.wanted import No, why_unwanted
from app.domain.world import World


@dataclass(frozen=True, slots=True)
class Verdict:
    reason: Reason
    """PROVEN, or the first rule that says no."""
    detail: str = ""
    evidence: Evidence = field(default_factory=dict)

    @property
    def is_proven(self) -> bool:
        return self.reason is Reason.PROVEN


UNKNOWN = frozenset(
    {
        Reason.DETERMINED_UNAVAILABLE,
        Reason.PROMETHEUS_UNAVAILABLE,
        Reason.ALERTMANAGER_UNAVAILABLE,
        Reason.EVIDENCE_MISSING,
        Reason.EVIDENCE_STALE,
        Reason.EXPRESSIONS_MISSING,
        Reason.HEARTBEAT_MISSING,
        Reason.SLACK_UNAVAILABLE,
        Reason.OWNER_UNKNOWN,
        Reason.NOT_FIRING,
        Reason.NOT_IN_ALERTMANAGER,
        Reason.ROOM_UNKNOWN,
    }
)
"""The reasons that are no knowledge: the same question is asked again at the next tick (S5)."""
_MOST_NAMED = 3
OVER = frozenset({Reason.ALLOCATION_ENDED, Reason.OWNER_CHANGED})
"""The reasons that end what is to be stopped."""
_ENDING = OVER | {Reason.RECOVERED}


def judge(
    incident: Incident,
    target: Target,
    readings: Readings,
    world: World,
    *,
    policy: Policy,
    limits: Limits,
) -> Verdict:
    """Decide whether this allocation may be stopped now. Pure; the first "no" is the answer."""
    nos = [
        *same_allocation(target, readings),
        *objections(incident, target, readings, world, policy=policy, limits=limits),
    ]
    reason, detail = _answer(nos, target)
    return Verdict(reason, detail, evidence_of(incident, target, readings, world))


def objections(
    incident: Incident,
    target: Target,
    readings: Readings,
    world: World,
    *,
    policy: Policy,
    limits: Limits,
) -> list[No]:
    """Return what speaks against a stop by the watchdog itself, beside `same_allocation`."""
    rules = (
        _allowed(incident, target, readings, world),
        _prometheus(incident, target, readings, world, limits),
        _alertmanager(incident, target, world),
        _heartbeat(world, limits),
        _owner_told(target, readings, world, policy),
        _as_announced(incident, target, world),
        _mode(incident, world, policy),
        _wanted(incident, target, world, policy),
        _breaker(incident, target, world),
    )
    return [no for rule in rules for no in rule]


def _answer(nos: Sequence[No], target: Target) -> No:
    """Return the "no" that counts: the first; but of an intent that is open already, the first
    that is certain. It must not wait, behind a system that is down, for better times (S6, S9).
    Without one, what ends the incident: a recovery may not be seen a second time (S9).
    """
    first = [no for no in nos if (no[0] not in UNKNOWN if target.intent else no[0] in _ENDING)]
    return next(iter([*first, *nos]), (Reason.PROVEN, ""))


def same_allocation(target: Target, readings: Readings) -> Iterator[No]:
    """S2, and S5 for Determined: the same allocation and owner, and there is a call to stop it, and
    nothing else with it.
    """
    if readings.allocation_error:
        yield Reason.DETERMINED_UNAVAILABLE, readings.allocation_error
        return
    allocation = readings.allocation
    if allocation is None or not allocation.holds_resources:
        yield Reason.ALLOCATION_ENDED, ""
        return
    if allocation.username is None:
        yield Reason.OWNER_UNKNOWN, "Determined does not tell whose task it is"
    elif allocation.username != target.username:
        yield Reason.OWNER_CHANGED, f"now owned by {allocation.username}"
    if allocation.task_type in {None, TaskType.CHECKPOINT_GC}:
        yield Reason.NOT_STOPPABLE, f"Determined has no call to stop a {allocation.task_type}"
    if allocation.descendants:
        yield (
            Reason.STOPS_OTHERS,
            f"{', '.join(allocation.descendants[:_MOST_NAMED])} descend from it",
        )


def _allowed(incident: Incident, target: Target, readings: Readings, world: World) -> Iterator[No]:
    """S11: not exempt. And the type and the owner are what the warning and its grace rest on."""
    allocation = readings.allocation
    if allocation is None:
        return
    policy = incident.identity.policy
    exemption = exemption_of(allocation, policy, world.rulebook.exempt, world.now)
    if exemption is not None:
        yield Reason.EXEMPT, exemption.reason
    if is_deactivated(target.username, world.snapshot):
        yield Reason.OWNER_UNREACHABLE, "the account is deactivated in Determined"
    if allocation.task_type is not None and allocation.task_type != target.task_type:
        # The grace period hangs on the type.
        yield Reason.TYPE_DIFFERS, f"Determined calls it a {allocation.task_type}"


def _prometheus(
    incident: Incident, target: Target, readings: Readings, world: World, limits: Limits
) -> Iterator[No]:
    """S3: Prometheus itself reports it, its own expression confirms it, and the samples are fresh.

    An empty `verify` proves activity only where the samples are fresh; without them we are blind.
    """
    if world.firing is None or readings.query_error:
        yield Reason.PROMETHEUS_UNAVAILABLE, readings.query_error
        return
    alert = world.firing.get(incident.identity.key)
    if alert is None:
        yield Reason.NOT_FIRING, "Prometheus does not report the alert"
        return
    if began_after_warning(alert, target):
        yield Reason.NEW_EPISODE, f"the alert began {alert.active_at.isoformat()}"
    expressions = expressions_of(alert)
    if not expressions.verify or not expressions.evidence:
        yield Reason.EXPRESSIONS_MISSING, "the alert has no verify or no evidence annotation"
        return
    blind = list(freshness(readings.evidence, limits.evidence_age))
    yield from blind
    if not readings.verify and not blind:
        yield Reason.RECOVERED, "verify returns nothing, with fresh samples"


def freshness(evidence: Sequence[Sample] | None, limit: timedelta) -> Iterator[No]:
    """Say no unless the oldest raw sample that the judgement needs is young enough."""
    if not evidence:
        yield Reason.EVIDENCE_MISSING, "a sample that the judgement needs is not there"
        return
    # NaN compares as false to everything, so the question is put in the positive, to each of them.
    if not all(0 <= sample.value <= limit.total_seconds() for sample in evidence):
        ages = ", ".join(f"{sample.value:.1f}" for sample in evidence)
        yield Reason.EVIDENCE_STALE, f"the samples are {ages} s old"


def _alertmanager(incident: Incident, target: Target, world: World) -> Iterator[No]:
    """S4, S9: active on every peer, and no silence of any peer over the target, now or lately."""
    for hold in holds_over(incident, world):
        if hold.reason is Reason.BREAKER:
            continue  # It comes last: whatever else forbids this stop says more about it.
        yield hold.reason, f"by {hold.by}" if hold.by else hold.detail
    ended = ended_hold(incident, target, world)
    if ended is not None:
        yield Reason.HOLD_ENDED, f"{' '.join(ended)} ended after the warning"
    elif target.intent is not None and target.intent.held:
        yield Reason.HOLD_ENDED, "it was held since the last call"
    if not world.peers:
        yield Reason.ALERTMANAGER_UNAVAILABLE, "no Alertmanager is configured"
    for peer in world.peers:
        if not peer.readable:
            yield Reason.ALERTMANAGER_UNAVAILABLE, f"{peer.peer}: {peer.error}"
            continue
        alert = peer.alerts.get(incident.identity.key)
        if alert is None or alert.state is not PeerAlertState.ACTIVE:
            yield Reason.NOT_IN_ALERTMANAGER, f"not active on {peer.peer}"


def _heartbeat(world: World, limits: Limits) -> Iterator[No]:
    if world.heartbeat_at is None:
        yield Reason.HEARTBEAT_MISSING, "it never arrived"
    elif not timedelta() <= world.now - world.heartbeat_at <= limits.heartbeat_age:
        # One from the future was stamped by a clock that jumped.
        yield Reason.HEARTBEAT_MISSING, f"last seen {world.heartbeat_at.isoformat()}"


def _owner_told(target: Target, readings: Readings, world: World, policy: Policy) -> Iterator[No]:
    """S1, S9: a delivered warning that names this allocation, and its whole grace period; given
    where the owner is told now, too.
    """
    left = remaining(target, policy, clock=world.clock, now=world.now)
    if target.warning is None or left is None:
        yield Reason.NOT_WARNED, ""
    elif target.warning.username != target.username:
        yield Reason.OWNER_CHANGED, f"{target.warning.username} was told"
    elif left > timedelta():
        yield Reason.GRACE_RUNS, f"{left.total_seconds():.0f} s are left"
    elif readings.recipient is None:
        yield Reason.SLACK_UNAVAILABLE, readings.recipient_error
    elif told_elsewhere(target, readings.recipient):
        yield Reason.RECIPIENT_CHANGED, f"{target.warning.channel} was told"


def _as_announced(incident: Incident, target: Target, world: World) -> Iterator[No]:
    """S1, S10: nothing harsher than was announced, by the rulebook that the stop is made by."""
    now = harsher(incident, target, world.rulebook)
    if now is not None:
        told = target.warning.announced if target.warning else None
        yield Reason.ACTION_CHANGED, f"{told.action if told else 'nothing'} was announced"


def _mode(incident: Incident, world: World, policy: Policy) -> Iterator[No]:
    """S10, last: the configuration as it is now, whatever it was when the owner was told."""
    mode = policy.ceiling(world.mode)
    if mode is not Mode.ENFORCE or incident.mode is not Mode.ENFORCE:
        yield Reason.MODE, f"the mode is {mode}"
    if incident.state not in {IncidentState.NOTIFIED, IncidentState.STOPPING}:
        yield Reason.NOT_WARNED, f"the incident is {incident.state}"


def _wanted(incident: Incident, target: Target, world: World, policy: Policy) -> Iterator[No]:
    """Others wait, where the policy asks for it; and no more is stopped than makes them room."""
    if no := why_unwanted(incident, target, policy, world):
        yield no
    if incident.identity.scope is Scope.USER and (spared := unneeded(incident, target, world)):
        yield spared


def _breaker(incident: Incident, target: Target, world: World) -> Iterator[No]:
    """S7, last of all; the numbers are judged in the transaction of the intent."""
    if world.breaker.tripped:
        yield Reason.BREAKER, f"tripped by {world.breaker.by}: {world.breaker.reason}"
    elif breaker_was_reset(incident, target, world):
        yield Reason.HOLD_ENDED, f"{world.breaker.by} reset the breaker after the warning"
    if world.snapshot is None:
        yield Reason.DETERMINED_UNAVAILABLE, "how much runs is not known"
