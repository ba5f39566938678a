"""What would have happened, had the mode been `enforce`: told from what was found meanwhile.

A round that begins would have been a warning. A stop would have followed at the earliest deadline
that this warning could have named, if the round had lasted until then. What an owner would have
done, once told, nobody knows: so all of it is what would have happened if nobody had answered.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.alert import Scope
from app.domain.digest import Happening, Story
from app.domain.incident import IncidentState, Target
from app.domain.policy import Mode, Policy, Rulebook
from app.domain.reasons import Reason
from app.domain.schedule import planned_stop, promised

_BEGINNING = frozenset({Reason.ALERT_ACTIVE, Reason.HOLD_ENDED, Reason.MODE_CHANGED})
"""What begins a round, where the incident fires after it."""


@dataclass(frozen=True, slots=True)
class WouldBeStop:
    at: datetime
    task: str
    """In a line, with its owner. Untrusted text."""
    username: str
    slots: int
    ended_at: datetime
    """Until when the GPUs were held all the same."""


@dataclass(slots=True)
class DayTally:
    """What is counted while the stories of a time are read, one after the other."""

    since: datetime
    until: datetime
    warned: Counter[str] = field(default_factory=Counter)
    """Warnings, by owner."""
    reviewed: Counter[str] = field(default_factory=Counter)
    """What was found under policies that observe in every mode, by the name of the alert."""
    stops: dict[str, WouldBeStop] = field(default_factory=dict)
    """By allocation, those of an earlier day too: what they held counts on."""
    unseen: int = 0
    """Open ones of which nobody can see whether the condition is over."""
    only_when_queued: bool = False
    """Some of these would have waited until somebody else needs the GPUs."""

    def add(self, story: Story, rulebook: Rulebook) -> None:
        incident = story.incident
        if incident.mode is not Mode.OBSERVE:
            return
        self.unseen += incident.block is not None and not incident.is_final
        policy = rulebook.policy_for(incident.identity)
        mode = policy.ceiling(Mode.ENFORCE)
        for begun, ended in _rounds(story, self.until):
            is_new = self.since <= begun < self.until
            if mode is Mode.OBSERVE:
                self.reviewed[incident.identity.alertname] += is_new
                continue
            if is_new and not self._is_over(story, begun):
                self.warned[incident.identity.username] += 1
            if mode is Mode.ENFORCE:
                self._stop(story, policy, rulebook, begun, ended)

    @property
    def new_stops(self) -> list[WouldBeStop]:
        """Return those of this time, in their order."""
        found = [each for each in self.stops.values() if self.since <= each.at < self.until]
        return sorted(found, key=lambda each: (each.at, each.task))

    @property
    def gpu_hours(self) -> float:
        """Return for how long GPUs were held in this time after they would have been free."""
        return sum(self.hours_of(each) for each in self.stops.values())

    def hours_of(self, stop: WouldBeStop) -> float:
        begin, end = max(stop.at, self.since), min(stop.ended_at, self.until)
        return max((end - begin) / timedelta(hours=1), 0.0) * stop.slots

    def _is_over(self, story: Story, begun: datetime) -> bool:
        """Tell whether all of it would have been stopped already, with nobody left to be told."""
        targets = _targets(story)
        stops = [self.stops.get(each.allocation_id) for each in targets]
        return bool(stops) and all(stop and stop.at <= begun for stop in stops)

    def _stop(
        self, story: Story, policy: Policy, rulebook: Rulebook, begun: datetime, ended: datetime
    ) -> None:
        targets, identity = _targets(story), story.incident.identity
        zone = rulebook.zone_of(identity.username)
        ends = [promised(each, policy, now=begun, zone=zone) for each in targets]
        if identity.scope is Scope.USER and ends:
            # They are alternatives to each other: all are looked at again at the same time.
            ends = [max(ends)] * len(ends)
        for target, at in zip(targets, ends, strict=True):
            before = self.stops.get(target.allocation_id)
            if at >= ended or (before and before.at <= at):
                continue
            task = planned_stop(story.incident, target).task
            stop = WouldBeStop(at, task, target.username, target.slots, ended)
            self.stops[target.allocation_id] = stop
            self.only_when_queued |= policy.only_when_queued


def _targets(story: Story) -> list[Target]:
    return [each for each in story.incident.targets if each.left is None]


def _rounds(story: Story, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield when each round in mode `observe` began and ended, as far as it lies before `until`."""
    begun: datetime | None = None
    for each in _since_the_mode(story.happenings):
        if each.at >= until:
            break
        begins = each.reason in _BEGINNING and each.after is IncidentState.FIRING
        if begun is not None and (begins or each.after is not IncidentState.FIRING):
            yield begun, each.at
            begun = None
        if begins:
            begun = each.at
    if begun is not None:
        yield begun, until


def _since_the_mode(happenings: Sequence[Happening]) -> Sequence[Happening]:
    """Return what came after the last change of the mode: before it another one held."""
    changes = [n for n, each in enumerate(happenings) if each.reason is Reason.MODE_CHANGED]
    return happenings[changes[-1] :] if changes else happenings


@dataclass(frozen=True, slots=True)
class ObservedDigest:
    tally: DayTally
    mode: Mode
    """The watchdog's own, now. Where it is not `observe`, some policies may be."""

    @property
    def is_worth_telling(self) -> bool:
        """Tell whether it has to be sent: on a quiet day only where all that is sent is this."""
        tally = self.tally
        found = tally.warned or tally.reviewed.total() or tally.stops or tally.unseen
        return self.mode is Mode.OBSERVE or bool(found)
