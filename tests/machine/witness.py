"""The systems around the receiver, with a memory: what they were asked, what they said, and when.

The oracles judge by this, and never by what the receiver holds to be so.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from typing import Generic, TypeVar

from app.domain.actions import Matter, MessageKind, Notice
from app.domain.cluster import Allocation, Snapshot
from app.domain.incident import Receipt, RecipientKind
from app.domain.outbox import Recipient
from app.domain.policy import Fallback, StopAction
from app.domain.readings import PeerReading, RuleAlert, Sample
from app.errors import StopNotSentError
from tests.machine.configurations import KILL, PAUSED
from tests.machine.stamps import Stamp, Stamps
from tests.receiver.clocks import Time
from tests.receiver.slack import FakeSlack, Post
from tests.receiver.world import GPUS, FakeAlertmanagers, FakeDetermined, FakePrometheus

T = TypeVar("T")
FRESH = range(31)
"""Whole seconds: what two scrape intervals allow."""


@dataclass(frozen=True, slots=True)
class Said(Generic[T]):
    at: Stamp
    what: T


@dataclass(frozen=True, slots=True)
class Call:
    """A call to stop an allocation, as it arrived at Determined."""

    at: Stamp
    allocation_id: str
    owner: str | None
    """As the last reading of the allocation told."""
    way: str = KILL
    together: tuple[str, ...] = ()
    """The allocations that the same call is about."""
    is_taken: bool = False
    """Determined said so."""
    objections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """A new message to an owner."""

    at: Stamp
    key: str
    """Of the identity that it is about."""
    owner: str
    post: Post
    """Of several incidents that it is about, as far as it is about this one."""
    message_id: str
    action: StopAction = StopAction.KILL
    """What it says is done at the deadline."""
    fallback: Fallback = Fallback.NONE
    """What it says is done where that cannot be."""

    def ways(self, task_type: str) -> frozenset[str]:
        """Return by which calls it says that a task of this type is stopped."""
        if self.action is not StopAction.PAUSE:
            return frozenset({KILL} if self.action is StopAction.KILL else ())
        falls_back = frozenset({KILL} if self.fallback is Fallback.KILL else ())
        return falls_back | {PAUSED} if task_type == "trial" else falls_back

    def names(self, allocation_id: str) -> bool:
        """Tell whether it is a first warning that names the allocation and its deadline."""
        post = self.post
        is_new = post.kind is MessageKind.WARNING and (post.thread is None or post.is_broadcast)
        return is_new and allocation_id in self.post.deadlines


@dataclass
class Memory:
    """What was said so far; of questions that are asked again and again, the last answer."""

    peers: Said[Sequence[PeerReading]] | None = None
    firing: Said[dict[str, RuleAlert]] | None = None
    queries: dict[str, Said[tuple[float, ...]]] = field(default_factory=dict)
    allocations: dict[str, Said[Allocation | None]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    confirmed: dict[str, Stamp] = field(default_factory=dict)
    """When Slack first said of a message that it is there."""
    owners: defaultdict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))
    """Every owner that was ever told of an allocation."""
    gone: set[str] = field(default_factory=set)
    """The allocations that were asked about, or listed among others, and were not there."""
    listed: set[str] = field(default_factory=set)
    snapshot: Said[Snapshot] | None = None
    slack_answered: bool = False
    """Whether Slack answered when it was last asked whether it does."""
    heard: bool = False
    """Whether a press would have arrived at that moment, or when that was last asked."""
    looks: list[Said[Sequence[PeerReading]]] = field(default_factory=list)
    """All readings of Alertmanager since this was emptied last."""
    active: dict[str, Stamp] = field(default_factory=dict)
    """The expressions that returned nothing, and when they did so last."""
    fresh: dict[str, Stamp] = field(default_factory=dict)
    """The expressions that told of fresh samples, and of nothing else, and when they did last."""
    reported: dict[str, Stamp] = field(default_factory=dict)
    """The identities that Prometheus ever reported, and when it did so last."""
    unknown_rules: set[str] = field(default_factory=set)
    """The rules of which Prometheus said that it has them not."""
    held: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The GPUs of every allocation that was ever told of, by uuid."""
    ended: dict[str, Stamp] = field(default_factory=dict)
    """By allocation, when it was first not there."""
    free: dict[str, Stamp] = field(default_factory=dict)
    """By GPU, when Determined last showed it without a container."""
    unused: dict[str, Stamp] = field(default_factory=dict)
    """By GPU, when Prometheus last said that nothing uses it."""
    holders: defaultdict[str, dict[str, Stamp]] = field(default_factory=lambda: defaultdict(dict))
    """By GPU, when each allocation was last seen to hold it."""

    def tells_of(self, one: Allocation, at: Stamp) -> None:
        """Remember whose it is, and which GPUs it holds."""
        self.owners[one.allocation_id].add(one.username)
        for uuid in (uuid for each in one.containers for uuid in each.gpu_uuids):
            self.held[one.allocation_id].add(uuid)
            self.holders[uuid][one.allocation_id] = at

    def misses(self, allocation_ids: Collection[str], at: Stamp) -> None:
        self.gone |= set(allocation_ids)
        self.ended = dict.fromkeys(allocation_ids, at) | self.ended

    def why_not_freed(self, allocation_id: str) -> str:
        """Return what nobody has seen free, or in other hands, since the allocation was gone."""
        ended = self.ended.get(allocation_id)
        if ended is None:
            return allocation_id
        return ", ".join(
            uuid for uuid in self.held[allocation_id] if not self._is_freed(uuid, allocation_id)
        )

    def _is_freed(self, uuid: str, allocation_id: str) -> bool:
        ended = self.ended[allocation_id]
        others = (at for one, at in self.holders[uuid].items() if one != allocation_id)
        is_given = any(at >= ended for at in others)
        seen = (self.free.get(uuid), self.unused.get(uuid))
        return is_given or all(at is not None and at >= ended for at in seen)


class WitnessedDetermined(FakeDetermined):
    def __init__(self, time: Time, memory: Memory, stamps: Stamps) -> None:
        super().__init__(time)
        self.memory = memory
        self.stamps = stamps
        self.judge: Callable[[Call], Sequence[str]] = lambda _call: ()

    @property
    def running(self) -> Mapping[str, Allocation]:
        return self._running

    def runs_on(self, allocation_id: str) -> bool:
        """Tell whether it runs, and nothing of ours ends it."""
        return allocation_id in self._running and allocation_id not in self._dying

    async def snapshot(self, *, workspaces: bool = False) -> Snapshot:
        answer = await super().snapshot(workspaces=workspaces)
        memory, now = self.memory, self.stamps.now()
        memory.snapshot = Said(now, answer)
        memory.misses(memory.listed - set(answer.allocations), now)
        memory.listed |= set(answer.allocations)
        for one in answer.allocations.values():
            memory.tells_of(one, now)
        memory.free |= {uuid: now for uuid, held in answer.occupants.items() if not held}
        return answer

    async def read_allocation(
        self, allocation_id: str, *, workspaces: bool = False
    ) -> Allocation | None:
        answer = await super().read_allocation(allocation_id, workspaces=workspaces)
        now = self.stamps.now()
        self.memory.allocations[allocation_id] = Said(now, answer)
        if answer is None:
            self.memory.misses([allocation_id], now)
        else:
            self.memory.tells_of(answer, now)
        return answer

    async def stop(self, allocation: Allocation, *, may_send: Callable[[], bool]) -> str:
        before, is_taken = len(self.calls), False
        try:
            answer = await super().stop(allocation, may_send=may_send)
            is_taken = True
        finally:
            if len(self.calls) > before:
                self._note([allocation], KILL, is_taken=is_taken)
        return answer

    async def pause(
        self, allocations: Sequence[Allocation], *, may_send: Callable[[], bool]
    ) -> str:
        [experiment] = {each.experiment_id for each in allocations}
        reached = {
            each.allocation_id
            for each in self._running.values()
            if each.experiment_id == experiment
        }
        if reached != {each.allocation_id for each in allocations}:
            # The port promises so much.
            raise StopNotSentError("what runs of the experiment has changed")
        before, is_taken = len(self.pauses), False
        try:
            answer = await super().pause(allocations, may_send=may_send)
            is_taken = True
        finally:
            if len(self.pauses) > before:
                self._note(allocations, PAUSED, is_taken=is_taken)
        return answer

    def _note(self, allocations: Sequence[Allocation], way: str, *, is_taken: bool) -> None:
        now = self.stamps.now()
        together = tuple(each.allocation_id for each in allocations)
        calls = [
            Call(now, one.allocation_id, one.username, way, together, is_taken)
            for one in allocations
        ]
        judged = [replace(call, objections=tuple(self.judge(call))) for call in calls]
        self.memory.calls += judged


class WitnessedPrometheus(FakePrometheus):
    def __init__(self, time: Time, memory: Memory, stamps: Stamps) -> None:
        super().__init__(time)
        self.memory = memory
        self.stamps = stamps
        self.busy: set[str] = set()
        """The allocations that work, and the users within their limit: their `verify` is empty,
        whatever fires.
        """

    async def firing_alerts(self) -> Sequence[RuleAlert]:
        self.memory.firing = None
        answer = await super().firing_alerts()
        self.memory.firing = Said(self.stamps.now(), dict(self.firing))
        self.memory.reported |= dict.fromkeys(self.firing, self.stamps.now())
        return answer

    async def has_alert(self, alertname: str) -> bool:
        answer = await super().has_alert(alertname)
        if not answer:
            self.memory.unknown_rules.add(alertname)
        return answer

    async def query(self, expression: str) -> Sequence[Sample]:
        self.memory.queries.pop(expression, None)
        self._answer()
        if self.query_fault is not None:
            raise self.query_fault
        if which := GPUS.search(expression):
            answer, now = self._use(which[1].split("|")), self.stamps.now()
            unused = [each.labels["gpu_uuid"] for each in answer if not each.value]
            self.memory.unused |= dict.fromkeys(unused, now)
            return answer
        kind, subject = expression.split(" ")
        values = self.evidence if kind == "age" else self._verify(subject)
        self.memory.queries[expression] = Said(self.stamps.now(), values)
        if kind == "age" and is_fresh(values):
            self.memory.fresh[expression] = self.stamps.now()
        if not values:
            self.memory.active[expression] = self.stamps.now()
        return [Sample({}, value) for value in values]

    def _verify(self, subject: str) -> tuple[float, ...]:
        return () if subject in self.busy else (0.0,)


class WitnessedAlertmanagers(FakeAlertmanagers):
    def __init__(self, time: Time, memory: Memory, stamps: Stamps) -> None:
        super().__init__(time)
        self.memory = memory
        self.stamps = stamps

    async def read(self) -> Sequence[PeerReading]:
        answer = await super().read()
        self.memory.peers = Said(self.stamps.now(), answer)
        self.memory.looks.append(self.memory.peers)
        return answer


class WitnessedSlack(FakeSlack):
    def __init__(self, time: Time, memory: Memory, stamps: Stamps) -> None:
        super().__init__(time)
        self.memory = memory
        self.stamps = stamps
        self.judge: Callable[[Told], object] = lambda _told: None

    async def probe(self) -> None:
        self.memory.slack_answered = False
        self.hears()
        await super().probe()
        self.memory.slack_answered = True

    def hears(self) -> bool:
        self.memory.heard = super().hears()
        return self.memory.heard

    async def post(
        self, recipient: Recipient, notice: Notice, *, message_ids: Sequence[str]
    ) -> Receipt:
        before = len(self.posts)
        try:
            receipt = await super().post(recipient, notice, message_ids=message_ids)
        finally:
            # A warning to the admins is none, which the oracles are to say.
            is_warning = notice.kind is MessageKind.WARNING
            is_to_admins = recipient.kind is RecipientKind.ADMINS
            if len(self.posts) > before and (is_warning or not is_to_admins):
                for matter, message_id in zip(notice.matters, message_ids, strict=True):
                    self._tells(matter, message_id)
        for message_id in message_ids:
            self.memory.confirmed.setdefault(message_id, self.stamps.now())
        return receipt

    def _tells(self, matter: Matter, message_id: str) -> None:
        identity = matter.incident.identity
        post = replace(self.posts[-1], deadlines=dict(matter.deadlines))
        told = Told(
            self.stamps.now(),
            identity.key,
            identity.username,
            post,
            message_id,
            matter.action,
            matter.fallback,
        )
        self.memory.told.append(told)
        self.judge(told)

    async def find(
        self,
        recipient: Recipient,
        message_ids: Collection[str],
        *,
        notice: Notice,
        since: datetime,
    ) -> Mapping[str, Receipt]:
        found = await super().find(recipient, message_ids, notice=notice, since=since)
        for message_id in found:
            self.memory.confirmed.setdefault(message_id, self.stamps.now())
        return found


def is_fresh(ages: Sequence[float]) -> bool:
    return bool(ages) and all(0 <= age <= max(FRESH) and age < inf for age in ages)
