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
from tests.receiver.world import FakeAlertmanagers, FakeDetermined, FakePrometheus

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
    """The allocations that the same call is about, if there are several."""
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
        memory = self.memory
        memory.snapshot = Said(self.stamps.now(), answer)
        memory.gone |= memory.listed - set(answer.allocations)
        memory.listed |= set(answer.allocations)
        for one in answer.allocations.values():
            memory.owners[one.allocation_id].add(one.username)
        return answer

    async def read_allocation(
        self, allocation_id: str, *, workspaces: bool = False
    ) -> Allocation | None:
        answer = await super().read_allocation(allocation_id, workspaces=workspaces)
        self.memory.allocations[allocation_id] = Said(self.stamps.now(), answer)
        if answer is None:
            self.memory.gone.add(allocation_id)
        else:
            self.memory.owners[allocation_id].add(answer.username)
        return answer

    async def stop(self, allocation: Allocation, *, may_send: Callable[[], bool]) -> str:
        before = len(self.calls)
        try:
            return await super().stop(allocation, may_send=may_send)
        finally:
            if len(self.calls) > before:
                self._note([allocation], KILL)

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
        before = len(self.pauses)
        try:
            return await super().pause(allocations, may_send=may_send)
        finally:
            if len(self.pauses) > before:
                self._note(allocations, PAUSED)

    def _note(self, allocations: Sequence[Allocation], way: str) -> None:
        now = self.stamps.now()
        together = tuple(each.allocation_id for each in allocations)
        calls = [Call(now, one.allocation_id, one.username, way, together) for one in allocations]
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
