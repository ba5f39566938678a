"""Deadlines of a policy that stops only while somebody waits for the GPUs; when reminders wait."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from app.domain.events import DeadlineMoved, ReminderDue
from app.domain.incident import Incident, IncidentState, Target
from app.domain.reasons import Reason
from app.domain.reminders import due_reminder
from app.domain.schedule import deadlines, due_targets
from app.domain.steps import open_intents
from app.domain.together import Due, Stop, arrange, being_stopped, beside
from app.domain.wanted import unwanted, why_unwanted
from app.domain.world import World

_AT_ONCE = timedelta(minutes=1)
"""How far apart deadlines may be that are looked at together: a tick may come in between."""


def moves(incidents: Sequence[Incident], world: World) -> Mapping[str, Sequence[DeadlineMoved]]:
    """Return what becomes of deadlines that are over while nobody waits: a grace period more.

    By the incident's id. While it is not known who waits, or where there is room, none is moved,
    and the stop that is due says so.
    """
    found: dict[str, list[DeadlineMoved]] = defaultdict(list)
    over = {
        (incident.incident_id, target.allocation_id)
        for each in incidents
        if _asks(each, world)
        for incident, target in _due(each, world)
    }
    if not over:
        return found
    # One that was proven and could not be sent is tried again as well.
    soon = [pair for each in incidents for pair in _due(each, world, _AT_ONCE)]
    soon += [(each, target) for each in incidents for target in open_intents(each)]
    stops = _arranged(soon, world)
    possible = [each for each in stops if each.is_possible]
    for incident, target, now in _judged(stops, possible, incidents, world):
        if (incident.incident_id, target.allocation_id) in over:
            policy = world.rulebook.policy_for(incident.identity)
            no = why_unwanted(incident, target, policy, now)
            if no and no[0] is Reason.NOBODY_WAITS:
                grace = policy.grace_for(target.task_type)
                found[incident.incident_id].append(DeadlineMoved(target.allocation_id, grace))
    return found


def timely_reminders(
    incidents: Sequence[Incident], world: World
) -> list[tuple[Incident, ReminderDue]]:
    """Return the reminders that are due and news: of what will not happen nobody is reminded.

    Nothing is stopped whose alert Prometheus does not report. Where it does not answer, the
    deadline still stands.
    """
    due = []
    for incident in incidents:
        if world.firing is not None and incident.identity.key not in world.firing:
            continue
        policy = world.rulebook.policy_for(incident.identity)
        if found := due_reminder(incident, policy, clock=world.clock, now=world.now):
            due.append((incident, found))
    asking = {each.incident_id for each, _ in due if _asks(each, world)}
    vain = asking - _wanted(asking, incidents, world)
    return [(each, found) for each, found in due if each.incident_id not in vain]


def _wanted(asking: Collection[str], incidents: Sequence[Incident], world: World) -> set[str]:
    """Return whose stops serve somebody, as things are, together with all of the same deadline."""
    found: set[str] = set()
    for pairs in _at_once(incidents, world) if asking else ():
        if not any(incident.incident_id in asking for incident, _ in pairs):
            continue
        stops = _arranged(pairs, world)
        for incident, target, now in _judged(stops, stops, incidents, world):
            policy = world.rulebook.policy_for(incident.identity)
            key = incident.incident_id
            if key in asking and key not in found and not unwanted(target, policy, now):
                found.add(key)
    return found


def _asks(incident: Incident, world: World) -> bool:
    return world.rulebook.policy(incident.identity.policy).only_when_queued


def _due(incident: Incident, world: World, within: timedelta = timedelta()) -> Iterator[Due]:
    """Yield what is due, or will be so soon. Of an alert that does not fire nothing is."""
    if incident.block and not incident.block.due:
        return
    policy = world.rulebook.policy_for(incident.identity)
    clock, now = world.clock + within, world.now + within
    for target in due_targets(incident, policy, clock=clock, now=now):
        yield incident, target


def _at_once(incidents: Sequence[Incident], world: World) -> Iterator[list[Due]]:
    """Yield what has been warned about, by deadline."""
    found = []
    for incident in incidents:
        if incident.state is not IncidentState.NOTIFIED:
            continue
        policy = world.rulebook.policy_for(incident.identity)
        ends = deadlines(incident, policy, clock=world.clock, now=world.now)
        found += [
            (ends[target.allocation_id], (incident, target))
            for target in incident.open_targets
            if target.allocation_id in ends
        ]
    found.sort(key=lambda each: each[0])
    while found:
        last = found[0][0] + _AT_ONCE
        yield [pair for at, pair in found if at <= last]
        found = [each for each in found if each[0] > last]


def _arranged(pairs: Sequence[Due], world: World) -> list[Stop]:
    return arrange(pairs, world.rulebook, world.snapshot)


def _judged(
    stops: Sequence[Stop], counted: Sequence[Stop], incidents: Sequence[Incident], world: World
) -> Iterator[tuple[Incident, Target, World]]:
    """Yield each pair, with the world in which those that are counted go on beside its call."""
    going = being_stopped(incidents)
    for stop in stops:
        now = replace(world, beside=beside(stop, counted, world.rulebook, going))
        for incident, target in stop.due:
            yield incident, target, now
