"""Which stops one call makes, and by which action.

Determined pauses whole experiments, never a single trial. So a pause is right only when all that
runs of the experiment is due; else the policy's fall-back holds.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from app.domain.beside import Beside, Offer
from app.domain.cluster import Snapshot, TaskType
from app.domain.incident import Incident, IncidentState, IntentState, Target
from app.domain.policy import Fallback, Rulebook, StopAction
from app.domain.reasons import Reason
from app.domain.steps import may_have_arrived
from app.domain.wanted import is_untold

Due = tuple[Incident, Target]
_OUT = frozenset({IntentState.SENDING, IntentState.SENT, IntentState.UNCONFIRMED})
_STOPPABLE = frozenset({IncidentState.NOTIFIED, IncidentState.STOPPING})


@dataclass(frozen=True, slots=True)
class Stop:
    """What one call is to do to one allocation, or to all that run of one experiment."""

    action: StopAction
    due: tuple[Due, ...]
    no: Reason | None = None
    """What speaks against the call, whatever the proof says of each allocation."""
    detail: str = ""

    def as_stored(self, latest: Mapping[str, Incident]) -> "Stop":
        """Return it with the incidents, by id, that were stored since it was arranged."""
        due = []
        for before, target in self.due:
            incident = latest.get(before.incident_id, before)
            due.append((incident, incident.target(target.allocation_id) or target))
        return replace(self, due=tuple(due))

    def without(self, left: Collection[str]) -> "Stop":
        """Return it with a "no" where another incident's stop of the same was given up (S6).

        Whoever asks for it by hand has looked.
        """
        by_itself = {target.allocation_id for _, target in self.due if not target.request}
        if by_itself.isdisjoint(left):
            return self
        return replace(self, no=Reason.STOP_ELSEWHERE, detail="another stop of it was given up")

    @property
    def may_be_made(self) -> bool:
        """Tell whether no round has ended meanwhile, with another target of the same incident."""
        return all(incident.state in _STOPPABLE or target.request for incident, target in self.due)

    @property
    def allocation_ids(self) -> frozenset[str]:
        return frozenset(target.allocation_id for _, target in self.due)

    @property
    def is_possible(self) -> bool:
        """Tell whether its owners were told, and nothing has been in its way for long."""
        is_stuck = any(incident.block and incident.block.admins_told for incident, _ in self.due)
        return not is_stuck and not any(is_untold(*pair) for pair in self.due)


def arrange(due: Sequence[Due], rulebook: Rulebook, snapshot: Snapshot | None) -> list[Stop]:
    """Return the calls for what is due, in the same order. Each pair is in one of them."""
    # Of two incidents about one allocation, one is enough.
    paused: dict[str, Due] = {}
    for incident, target in due:
        if _action(incident, target, rulebook) is StopAction.PAUSE:
            paused.setdefault(target.allocation_id, (incident, target))
    experiments = _running_trials(snapshot)
    found, seen = [], set()
    for incident, target in due:
        if (incident.incident_id, target.allocation_id) in seen:
            continue
        stop = _stop((incident, target), rulebook, snapshot, experiments, paused)
        seen |= {(one.incident_id, each.allocation_id) for one, each in stop.due}
        found.append(stop)
    return found


def _action(incident: Incident, target: Target, rulebook: Rulebook) -> StopAction:
    """Return by which call it is to be stopped, as far as that is possible."""
    if target.request:
        return target.request.action
    return rulebook.policy_for(incident.identity).action_for(target.task_type)


def _running_trials(snapshot: Snapshot | None) -> Mapping[str, Sequence[str]]:
    """Return what a pause would reach, by experiment. It does not reach the checkpoint clean-up."""
    found = defaultdict(list)
    for each in snapshot.running if snapshot else ():
        if each.experiment_id and each.task_type is not TaskType.CHECKPOINT_GC:
            found[each.experiment_id].append(each.allocation_id)
    return found


def _stop(
    pair: Due,
    rulebook: Rulebook,
    snapshot: Snapshot | None,
    experiments: Mapping[str, Sequence[str]],
    paused: Mapping[str, Due],
) -> Stop:
    match _action(*pair, rulebook):
        case StopAction.KILL:
            return Stop(StopAction.KILL, (pair,))
        case StopAction.PAUSE:
            return _pause(pair, rulebook, snapshot, experiments, paused)
        case StopAction.NONE:
            # An alert about a user has tasks of many types, of which the policy stops some.
            why = f"the policy has no call to stop a {pair[1].task_type}"
            return Stop(StopAction.NONE, (pair,), Reason.NOT_PAUSABLE, why)


def _pause(
    pair: Due,
    rulebook: Rulebook,
    snapshot: Snapshot | None,
    experiments: Mapping[str, Sequence[str]],
    paused: Mapping[str, Due],
) -> Stop:
    incident, target = pair
    allocation = snapshot.allocations.get(target.allocation_id) if snapshot else None
    if allocation is None:
        return Stop(StopAction.PAUSE, (pair,), Reason.DETERMINED_UNAVAILABLE, "it is not listed")
    if paused[target.allocation_id] != pair:
        return Stop(StopAction.PAUSE, (pair,), Reason.STOP_ELSEWHERE)
    if allocation.task_type is TaskType.GENERIC:
        return Stop(StopAction.PAUSE, (pair,))
    if target.request and allocation.task_type is not TaskType.TRIAL:
        why = f"Determined cannot pause a {allocation.task_type}"
        return Stop(StopAction.PAUSE, (pair,), Reason.NOT_PAUSABLE, why)
    all_of_it = experiments.get(allocation.experiment_id, ())
    others = sum(each not in paused for each in all_of_it)
    if target.allocation_id in all_of_it and not others:
        return Stop(StopAction.PAUSE, tuple(paused[each] for each in all_of_it))
    falls_back = rulebook.policy_for(incident.identity).fallback is Fallback.KILL
    if falls_back and not target.request and not _may_be_saving(target):
        return Stop(StopAction.KILL, (pair,))
    why = f"experiment {allocation.experiment_id} is paused as a whole, and {others} more of its"
    return Stop(StopAction.PAUSE, (pair,), Reason.NOT_PAUSABLE, f"{why} allocations are not due")


def _may_be_saving(target: Target) -> bool:
    """Tell whether it may be writing a checkpoint at our own word: then it is not to be killed."""
    return target.stops_by_pause and may_have_arrived(target)


def beside(stop: Stop, others: Iterable[Stop], rulebook: Rulebook, going: frozenset[str]) -> Beside:
    """Return what goes on beside a call; `others` are those that may be counted on."""
    # What counts as free already gives nothing back a second time.
    counted = going | stop.allocation_ids
    offers = tuple(
        Offer(each.allocation_ids, max(_queued_for(one, rulebook) for one, _ in each.due))
        for each in others
        if each.no is None and not each.allocation_ids & counted
    )
    return Beside(stop.allocation_ids, offers, going)


def _queued_for(incident: Incident, rulebook: Rulebook) -> timedelta:
    policy = rulebook.policy_for(incident.identity)
    return policy.queued_for if policy.only_when_queued else timedelta()


def being_stopped(incidents: Iterable[Incident]) -> frozenset[str]:
    """Return the allocations for which a call is out, as far as more is tried."""
    return frozenset(
        target.allocation_id
        for incident in incidents
        if incident.state is IncidentState.STOPPING
        for target in incident.open_targets
        if target.intent and target.intent.state in _OUT
    )


def left_to_people(incidents: Iterable[Incident]) -> frozenset[str]:
    """Return the allocations that a person is to look at: the attempts to stop them are used up."""
    return frozenset(
        target.allocation_id
        for incident in incidents
        if incident.state is IncidentState.ESCALATED
        for target in incident.open_targets
        if target.intent
    )
