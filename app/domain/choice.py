"""Which tasks of a user who is over the slot limit are to make room for others.

Idle ones first, then the newest; one after the other, until a job of somebody else can begin. What
turns out not to be needed for it is left out again. Where no job could begin, or only if the user
had to give more than what is over the limit, none is chosen: that stop would help nobody, or take
too much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.cluster import QueuedJob, Room
from app.domain.placing import Line, freed
from app.domain.reasons import Reason

_WITHIN_THE_LIMIT = "the user is within the limit"
_NOBODY_WAITS = "no job of somebody else waits for room"
_OTHERS_SUFFICE = "what is being stopped already makes room enough"
_NOTHING_BEGINS = "no job of somebody else could begin, whatever may be stopped of the user's"
_ROOM_UNKNOWN = "Determined does not tell which slots of the pool's agents are free"


@dataclass(frozen=True, slots=True)
class Holding:
    """A running allocation of the user in the pool."""

    allocation_id: str
    slots: int
    started: datetime | None = None
    """Since when it runs. None: unknown, and taken for longer than any other."""
    idle: bool = False
    on_agents: Mapping[str, int] = field(default_factory=dict)
    """The slots that it holds, by agent."""
    protected: bool = False
    """Exempt, kept, silenced, or of a kind that is not stopped: it is never chosen."""


@dataclass(frozen=True, slots=True)
class Pool:
    queue: Sequence[QueuedJob]
    rooms: Mapping[str, Room] | None
    """By agent. None: unknown."""


@dataclass(frozen=True, slots=True)
class Choice:
    allocation_ids: tuple[str, ...] = ()
    """In the order in which they are to be stopped."""
    reason: Reason = Reason.TARGETS_CHOSEN
    """Why these; or, where there are none, why none."""
    detail: str = ""


def choose(
    username: str,
    holdings: Sequence[Holding],
    pool: Pool,
    *,
    limit: int | None,
    going: frozenset[str] = frozenset(),
) -> Choice:
    """Choose from what the user holds. `going` are those that are being stopped already."""
    leaving = [each for each in holdings if each.allocation_id in going]
    excess = sum(each.slots for each in holdings) - sum(each.slots for each in leaving)
    excess -= limit if limit is not None else excess
    if excess <= 0:
        return Choice(reason=Reason.NO_NEED, detail=_WITHIN_THE_LIMIT)
    if pool.rooms is None:
        return Choice(reason=Reason.ROOM_UNKNOWN, detail=_ROOM_UNKNOWN)
    gain = _Gain(Line.of(pool.queue, username), pool.rooms, leaving)
    if not gain.is_wanted:
        return Choice(reason=Reason.NO_NEED, detail=_NOBODY_WAITS)
    if gain.by(()):
        return Choice(reason=Reason.NO_NEED, detail=_OTHERS_SUFFICE)
    eligible = [e for e in holdings if not e.protected and e.slots and e.allocation_id not in going]
    chosen = _needed(sorted(eligible, key=_rank), gain, excess)
    if not chosen:
        return Choice(reason=Reason.NO_USE, detail=_NOTHING_BEGINS)
    return Choice(tuple(each.allocation_id for each in chosen))


class _Gain:
    """Tells whether somebody else's job would begin that waits for room now."""

    def __init__(self, line: Line, rooms: Mapping[str, Room], leaving: Sequence[Holding]) -> None:
        self._line = line
        self._rooms = rooms
        self._leaving = tuple(leaving)
        self._begin_anyway = line.beginning(rooms)

    @property
    def is_wanted(self) -> bool:
        return any(job.job_id not in self._begin_anyway for job in self._line.others)

    def by(self, stopped: Sequence[Holding]) -> bool:
        held = [each.on_agents for each in (*self._leaving, *stopped)]
        return bool(self._line.beginning(freed(self._rooms, held)) - self._begin_anyway)


def _rank(holding: Holding) -> tuple[bool, float, str]:
    started = holding.started.timestamp() if holding.started else float("-inf")
    return not holding.idle, -started, holding.allocation_id


def _needed(ranked: Sequence[Holding], gain: _Gain, excess: int) -> list[Holding]:
    """Return the first of them with which a job can begin, without those that it does not take.

    None of them where fewer would bring the user to the limit already: no more is asked for.
    """
    chosen: list[Holding] = []
    for each in ranked:
        chosen.append(each)
        if gain.by(chosen):
            break
    else:
        return []
    for each in reversed(tuple(chosen)):
        rest = [one for one in chosen if one is not each]
        if gain.by(rest):
            chosen = rest
    slots = [each.slots for each in chosen]
    return chosen if sum(slots) - min(slots) < excess else []
