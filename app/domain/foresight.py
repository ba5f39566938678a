"""What would come of it if a person acted on an incident now, as the next tick would judge it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from app.domain import by_hand_proof
from app.domain.by_hand import is_news
from app.domain.by_hand_words import Objection, objection
from app.domain.cluster import TaskType
from app.domain.evidence import Readings
from app.domain.incident import Incident, StopRequest, Target
from app.domain.policy import Policy, StopAction
from app.domain.proof import same_allocation
from app.domain.reasons import Reason
from app.domain.steps import is_under_way
from app.domain.together import arrange
from app.domain.wanted import No
from app.domain.world import World

_AT_MOST = f"{by_hand_proof.REQUEST_LIFE.total_seconds() / 60:.0f} minutes at most"


class Effect(StrEnum):
    ACTS = "acts"  # it is done: by the answer, or a stop by the next tick
    WAITS = "waits"  # for what is not known now, and lapses in the end
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Outlook:
    effect: Effect
    words: str
    """A sentence."""
    allocation_id: str = ""
    """Empty: it is about the incident as a whole."""


@dataclass(frozen=True, slots=True)
class Foresight:
    outlooks: tuple[Outlook, ...] = ()
    objections: tuple[Objection, ...] = ()


def foresee(
    incident: Incident,
    wanted: Collection[str],
    request: StopRequest,
    readings: Mapping[str, Readings],
    world: World,
    policy: Policy,
) -> Foresight:
    """Tell what becomes of a stop of these allocations, and what speaks against it.

    `readings`: what Determined says of each of them now.
    """
    outlooks: list[Outlook] = []
    found: list[Objection] = []
    asked = _as_asked(incident, wanted, request)
    for target in incident.open_targets:
        allocation_id = target.allocation_id
        if allocation_id not in wanted:
            continue
        read = readings[allocation_id]
        nos = [*same_allocation(target, read), *_of_the_call(asked, allocation_id, world)]
        outlooks.append(_outlook(target, request, nos))
        also = by_hand_proof.against(
            incident, target, read, world, policy=policy, limits=world.rulebook.limits
        )
        found += _objections([*nos, *also], allocation_id)
    return Foresight(tuple(outlooks), tuple(found))


def _as_asked(incident: Incident, wanted: Collection[str], request: StopRequest) -> Incident:
    for target in incident.open_targets:
        if target.allocation_id in wanted and is_news(target, request):
            incident = incident.with_target(replace(target, request=request))
    return incident


def _of_the_call(asked: Incident, allocation_id: str, world: World) -> Iterator[No]:
    """Yield what Determined could not do, as things are; alerts about its neighbours aside."""
    due = [(asked, target) for target in asked.open_targets if target.request]
    for stop in arrange(due, world.rulebook, world.snapshot):
        if stop.no and any(target.allocation_id == allocation_id for _, target in stop.due):
            yield stop.no, stop.detail


def _outlook(target: Target, request: StopRequest, nos: list[No]) -> Outlook:
    allocation_id = target.allocation_id
    if is_under_way(target):
        return Outlook(Effect.NOTHING, "It is being stopped already.", allocation_id)
    if not is_news(target, request):
        by = target.request.by if target.request else ""
        return Outlook(Effect.NOTHING, f"{by} asked for it before.", allocation_id)
    for reason, detail in nos:
        words = objection(reason, detail).words
        if reason in by_hand_proof.WAITS:
            return Outlook(Effect.WAITS, f"{words} It waits, {_AT_MOST}.", allocation_id)
        return Outlook(Effect.NOTHING, words, allocation_id)
    return Outlook(Effect.ACTS, _deed(target, request.action), allocation_id)


def _deed(target: Target, action: StopAction) -> str:
    if action is StopAction.KILL:
        return "The next tick kills it, with all that it has not saved."
    whole = "its whole experiment" if target.task_type == TaskType.TRIAL else "it"
    return f"The next tick pauses {whole}; its owner can let it go on."


def _objections(nos: list[No], allocation_id: str) -> Iterator[Objection]:
    """Yield each once; of the ways not to be warned the first says enough."""
    unwarned = False
    for reason, detail in dict.fromkeys(nos):
        if reason is Reason.NOT_WARNED and unwarned:
            continue
        unwarned |= reason is Reason.NOT_WARNED
        yield objection(reason, detail, allocation_id=allocation_id)
