"""When the targets of an alert about a user are chosen, and when they are looked at again.

They are chosen when a round begins. In between a target only leaves: it ended, or something
protects it. At the deadline the need is judged again, and as few of those that were named are
stopped as it takes. Others are named, in a new round, where those that are left do not suffice.
"""

from collections.abc import Iterator, Mapping

from app.domain import events as e
from app.domain.incident import Demand, Hold, Incident, IncidentState, Target
from app.domain.reasons import Reason
from app.domain.schedule import due_targets
from app.domain.situation import Situation, look, target_of
from app.domain.steps import open_intents
from app.domain.targets import evidence_of
from app.domain.world import World

_UNDECIDED = frozenset({IncidentState.FIRING, IncidentState.NOTIFIED, IncidentState.HELD})
_ASKED_AND_DONE = "the user has given back what was asked for"


def reconsider(incident: Incident, world: World) -> Iterator[e.TargetsChosen | e.TargetsLeft]:
    """Yield what is to change about the targets now, if anything."""
    situation = look(incident, world)
    if situation is None:
        return
    leaving = {
        each.allocation_id: situation.protected[each.allocation_id]
        for each in incident.open_targets
        if each.may_leave and each.allocation_id in situation.protected
    }
    match incident.state:
        case IncidentState.STOPPING:
            leaving |= _not_needed(incident, situation, world)
        case IncidentState.HELD:
            if not situation.choose().allocation_ids:
                leaving |= dict.fromkeys(_rest(incident, situation, leaving), Reason.NO_NEED)
        case IncidentState.FIRING | IncidentState.NOTIFIED:
            yield from _of_a_round(incident, situation, world, leaving)
            return
    if leaving:
        yield e.TargetsLeft(leaving)


def _of_a_round(
    incident: Incident, situation: Situation, world: World, leaving: Mapping[str, Reason]
) -> Iterator[e.TargetsChosen | e.TargetsLeft]:
    """Yield what is to change while a warning is on its way or its grace period runs.

    The queue changes all the time. So those that were named are looked at when one of them is let
    be, and at the deadline.
    """
    rest = _rest(incident, situation, leaving)
    due = _is_due(incident, world)
    if due and situation.has_given(incident.demand):
        return
    enough = situation.choose(among=rest).allocation_ids if leaving or due else rest
    chosen = None if enough else choice(incident, situation, world)
    if chosen is not None:
        yield chosen
        return
    spare = [each for each in rest if due and enough and each not in enough]
    if leaving or spare:
        yield e.TargetsLeft({**leaving, **dict.fromkeys(spare, Reason.NO_NEED)})


def _rest(
    incident: Incident, situation: Situation, leaving: Mapping[str, Reason]
) -> tuple[str, ...]:
    """Return the targets that are left, as far as Determined still knows them as the user's."""
    return tuple(
        each.allocation_id
        for each in incident.open_targets
        if each.allocation_id in situation.allocations and each.allocation_id not in leaving
    )


def _is_due(incident: Incident, world: World) -> bool:
    policy = world.rulebook.policy(incident.identity.policy)
    return bool(due_targets(incident, policy, clock=world.clock, now=world.now))


def _not_needed(incident: Incident, situation: Situation, world: World) -> dict[str, Reason]:
    """Return the targets that are due beside one that is being stopped, and need not be."""
    policy = world.rulebook.policy(incident.identity.policy)
    due = due_targets(incident, policy, clock=world.clock, now=world.now)
    ids = [each.allocation_id for each in due if each.may_leave]
    needed = situation.choose(among=ids, going=_going(incident)).allocation_ids
    return {each: Reason.NO_NEED for each in ids if each not in needed}


def _going(incident: Incident) -> frozenset[str]:
    """Return the targets that are being stopped."""
    return frozenset(each.allocation_id for each in open_intents(incident))


def choice(incident: Incident, situation: Situation, world: World) -> e.TargetsChosen | None:
    """Choose from all that the user holds. None: nobody is to be chosen."""
    found = situation.choose().allocation_ids
    if not found:
        return None
    by_id = {each.allocation_id: each for each in situation.holdings}
    targets = tuple(
        target_of(situation.allocations[each], since=by_id[each].started, idle=by_id[each].idle)
        for each in found
    )
    demand = _demand(incident, situation, targets)
    evidence = {
        "held": demand.held,
        "limit": demand.limit,
        "waiting": demand.waiting,
        "snapshot_at": world.snapshot.at.isoformat() if world.snapshot else None,
        "targets": [evidence_of(each) for each in targets],
        "protected": dict(situation.protected),
    }
    return e.TargetsChosen(targets, demand, evidence)


def _demand(incident: Incident, situation: Situation, targets: tuple[Target, ...]) -> Demand:
    limit = situation.limit or 0
    owner = incident.identity.username
    others = [job for job in situation.pool.queue if job.username not in {owner, None}]
    return Demand(
        held=situation.held,
        limit=limit,
        waiting=sum(job.slots or 0 for job in others),
        free=min(situation.held - limit, sum(each.slots for each in targets)),
        waiting_since=min((job.since for job in others if job.since), default=None),
    )


def nobody_to_stop(incident: Incident, world: World) -> Iterator[Hold]:
    """Yield why nothing of the user's is to be stopped, where that is so, and known."""
    if incident.state not in _UNDECIDED:
        return
    named = incident.open_targets if incident.state is not IncidentState.HELD else ()
    if named and not _is_due(incident, world):
        # They stay so until then: the queue changes all the time.
        return
    situation = look(incident, world)
    if situation is None:
        return
    if named and situation.has_given(incident.demand):
        yield Hold(Reason.NO_NEED, detail=_ASKED_AND_DONE)
        return
    found = situation.choose(_rest(incident, situation, {}) if named else None)
    if not found.allocation_ids:
        yield Hold(found.reason, detail=found.detail)


def unneeded(incident: Incident, target: Target, world: World) -> tuple[Reason, str] | None:
    """Return why it is of no use to stop this target now; None if it is needed.

    Asked once more right before the stop, with all that is being stopped already.
    """
    situation = look(incident, world)
    if situation is None:
        return Reason.DETERMINED_UNAVAILABLE, "who waits, and what protects whom, is not known"
    going = _going(incident) - {target.allocation_id}
    among = [each for each in _rest(incident, situation, {}) if each not in going]
    found = situation.choose(among=among, going=going)
    if target.allocation_id in found.allocation_ids:
        return None
    if found.allocation_ids:
        return Reason.NO_NEED, "others of the targets suffice"
    return found.reason, found.detail
