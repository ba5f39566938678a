"""Stand-ins for the systems that the receiver asks, as far as its ports show them.

Each keeps to its port's contract. What a test may set is public and begins harmless.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.domain.alert import Identity
from app.domain.cluster import Allocation, QueuedJob, Room, Snapshot, User
from app.domain.incident import Keep
from app.domain.matchers import Matcher, Silence
from app.domain.readings import PeerAlert, PeerAlertState, PeerReading, RuleAlert, Sample
from app.errors import (
    StopNotSentError,
    UpstreamError,
    UpstreamRejectedError,
)
from app.lookout import Systems
from tests.domain.examples import ALLOCATION, ANNOTATIONS, IDENTITY, TASK, allocation
from tests.receiver.clocks import Time
from tests.receiver.slack import FakeSlack

LABELS = {"job": "dcgm"}
"""Those of every sample that Prometheus returns."""
GPUS = re.compile(r'gpu_uuid=~"([^"]*)"')
"""Which GPUs a question about their use is about."""


@dataclass(frozen=True, slots=True)
class Kill:
    at: datetime
    allocation_id: str


class FakeDetermined:
    """Implements `app.ports.Cluster`: what runs, and what a kill does to it."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self._running: dict[str, Allocation] = {}
        self._dying: dict[str, datetime] = {}
        self.latency = timedelta()
        """How long a killed allocation still runs."""
        self.fault: UpstreamError | None = None
        """What every call raises."""
        self.refusal: UpstreamError | None = None
        """What a stop raises, without doing anything."""
        self.lost_answer: UpstreamError | None = None
        """What a stop raises after it was done."""
        self.deaf = False
        """A stop is accepted, and nothing comes of it."""
        self.calls: list[Kill] = []
        """Every stop that arrived."""
        self.kills: list[Kill] = []
        """Those of them that ended something."""
        self.queue: list[QueuedJob] = []
        """The jobs that wait in the default pool."""
        self.agents: dict[str, int] = {}
        """The slots of the default pool's agents."""
        self.silent_agents: set[str] = set()
        """Those of them that do not tell their room."""
        self.ahead = timedelta()
        """How far the clock of the receiver that asks, and dates it, is before all others."""
        self.pauses: list[frozenset[str]] = []
        """Every pause that arrived, with the allocations that it was about."""
        self.users: dict[str, User] = {}
        """The accounts that it tells of, by name. Who is not among them is nobody in particular."""
        self.gpus: dict[str, str] = {}
        """The agent of every GPU that anything has held, by uuid."""
        self.left_behind: set[str] = set()
        """GPUs in whose slots a container stays that belongs to no task."""
        self.unlisted: set[str] = set()
        """GPUs that no agent shows."""

    async def snapshot(self, *, workspaces: bool = False) -> Snapshot:
        self._answer()
        running = {
            key: replace(one, workspace=one.workspace if workspaces else None, descendants=())
            for key, one in self._running.items()
        }
        lacking: Counter[str] = Counter()
        for job in self.queue:
            lacking[job.username or ""] += job.slots or 0
        return Snapshot(
            at=self._time.wall + self.ahead,
            allocations=running,
            agent_slots=self.agents,
            agent_pools=dict.fromkeys(self.agents, frozenset({"default"})),
            queued_slots={"default": lacking},
            queue={"default": tuple(self.queue)},
            rooms=self._rooms(),
            users=self.users,
            occupants=self._occupants(),
        )

    def _occupants(self) -> dict[str, str]:
        held = {
            uuid: each.container_id
            for one in self._running.values()
            for each in one.containers
            for uuid in each.gpu_uuids
        }
        listed = {uuid: held.get(uuid, "") for uuid in self.gpus if uuid not in self.unlisted}
        for uuid in [*self.left_behind, *self._crowded_out(held)]:
            listed[uuid] = listed.get(uuid) or "left-behind"
        return listed

    def _crowded_out(self, held: Collection[str]) -> list[str]:
        """Return GPUs that no task holds, and whose agents have no room for all the same."""
        taken = Counter(self.gpus[uuid] for uuid in held)
        rooms = self._rooms().items()
        crowded = {at for at, room in rooms if not room.free and taken[at] < room.slots}
        return [uuid for uuid, at in self.gpus.items() if at in crowded and uuid not in held]

    def _rooms(self) -> dict[str, Room]:
        containers = [each for one in self._running.values() for each in one.containers]
        taken: Counter[str] = Counter()
        for each in containers:
            taken[each.agent_id] += len(each.gpu_uuids)
        return {
            agent: Room(slots, slots - taken[agent])
            for agent, slots in self.agents.items()
            if agent not in self.silent_agents
        }

    async def read_allocation(
        self, allocation_id: str, *, workspaces: bool = False
    ) -> Allocation | None:
        self._answer()
        found = self._running.get(allocation_id)
        return found if found is None or workspaces else replace(found, workspace=None)

    async def stop(self, allocation: Allocation, *, may_send: Callable[[], bool]) -> str:
        self._answer()
        if not may_send():
            raise StopNotSentError("it may not be sent any more: nothing was sent")
        kill = Kill(self._time.wall, allocation.allocation_id)
        self.calls.append(kill)
        if self.refusal is not None:
            raise self.refusal
        if kill.allocation_id not in self._running:
            raise UpstreamRejectedError("Determined answered 404", code="404")
        if not self.deaf and kill.allocation_id not in self._dying:
            self._dying[kill.allocation_id] = kill.at + self.latency
            self.kills.append(kill)
        if self.lost_answer is not None:
            raise self.lost_answer
        return "200 kill"

    async def pause(
        self, allocations: Sequence[Allocation], *, may_send: Callable[[], bool]
    ) -> str:
        self._answer()
        if not may_send():
            raise StopNotSentError("it may not be sent any more: nothing was sent")
        self.pauses.append(frozenset(each.allocation_id for each in allocations))
        if self.refusal is not None:
            raise self.refusal
        for each in allocations:
            if not self.deaf:
                self._dying.setdefault(each.allocation_id, self._time.wall + self.latency)
        if self.lost_answer is not None:
            raise self.lost_answer
        return "200 pause"

    def starts(self, one: Allocation) -> None:
        self._running[one.allocation_id] = one
        for each in one.containers:
            self.gpus |= dict.fromkeys(each.gpu_uuids, each.agent_id)

    def ends(self, allocation_id: str = ALLOCATION) -> None:
        """Let an allocation end by itself, or by its owner."""
        del self._running[allocation_id]

    def _answer(self) -> None:
        if self.fault is not None:
            raise self.fault
        for allocation_id, end in list(self._dying.items()):
            if end <= self._time.wall:
                del self._dying[allocation_id]
                self._running.pop(allocation_id, None)


class FakePrometheus:
    """Implements `app.ports.Rules`."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.firing: dict[str, RuleAlert] = {}
        self.rules = {IDENTITY.alertname}
        self.verify: tuple[float, ...] = (0.0,)
        self.evidence: tuple[float, ...] = (12.0,)
        self.fault: UpstreamError | None = None
        self.query_fault: UpstreamError | None = None
        """What queries alone raise."""
        self.queries: list[str] = []
        self.gpus_in_use: set[str] = set()
        """Those that something uses which is no task."""
        self.gpus_unseen: set[str] = set()
        """Those of which there are no samples."""

    async def firing_alerts(self) -> Sequence[RuleAlert]:
        self._answer()
        return list(self.firing.values())

    async def has_alert(self, alertname: str) -> bool:
        self._answer()
        return alertname in self.rules

    async def query(self, expression: str) -> Sequence[Sample]:
        self._answer()
        if self.query_fault is not None:
            raise self.query_fault
        self.queries.append(expression)
        if which := GPUS.search(expression):
            return self._use(which[1].split("|"))
        values = self.verify if expression == ANNOTATIONS["verify"] else self.evidence
        return [Sample(LABELS, value) for value in values]

    def _use(self, uuids: Sequence[str]) -> list[Sample]:
        seen = [each for each in uuids if each not in self.gpus_unseen]
        return [Sample({"gpu_uuid": each}, float(each in self.gpus_in_use)) for each in seen]

    def _answer(self) -> None:
        if self.fault is not None:
            raise self.fault


@dataclass
class FakePeer:
    """One Alertmanager. Silences reach only the peer that a test puts them on, and stay there. By
    its clock they begin and end, and it says of each how it stands.
    """

    alerts: dict[str, Identity] = field(default_factory=dict)
    silences: list[Silence] = field(default_factory=list)
    state: PeerAlertState = PeerAlertState.ACTIVE
    inhibited_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()
    error: str = ""

    def reading(self, name: str, now: datetime) -> PeerReading:
        if self.error:
            return PeerReading(name, error=self.error)
        silences = tuple(
            replace(each, is_called_active=each.starts_at <= now < each.ends_at)
            for each in self.silences
        )
        active = [each for each in silences if each.is_called_active]
        alerts = {key: self._alert(identity, active) for key, identity in self.alerts.items()}
        return PeerReading(name, alerts=alerts, silences=silences)

    def _alert(self, identity: Identity, active: Sequence[Silence]) -> PeerAlert:
        labels = identity.labels()
        found = (each for each in active if each.matches(labels))
        by = tuple(each.silence_id for each in found)
        is_suppressed = by or self.inhibited_by or self.muted_by
        state = PeerAlertState.SUPPRESSED if is_suppressed else self.state
        return PeerAlert(state, labels, by, self.inhibited_by, self.muted_by)


class FakeAlertmanagers:
    """Implements `app.ports.AlertPeers`."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.first = FakePeer()
        self.second = FakePeer()
        self.fault: UpstreamError | None = None
        """What making a silence raises."""
        self.made: list[Keep] = []
        self.ahead = timedelta()
        """How far the clock of the peers is before those of all other systems."""

    @property
    def peers(self) -> tuple[FakePeer, FakePeer]:
        return (self.first, self.second)

    async def read(self) -> Sequence[PeerReading]:
        now = self._now()
        return [self.first.reading("am-1", now), self.second.reading("am-2", now)]

    def _now(self) -> datetime:
        return self._time.wall + self.ahead

    async def silence(self, keep: Keep) -> str:
        if self.fault is not None:
            raise self.fault
        self.made.append(keep)
        silence = self.silence_of(keep.task_id, keep.until - self._now(), policy=keep.policy)
        for peer in self.peers:
            peer.silences.append(silence)
        return silence.silence_id

    def silence_of(self, task_id: str, span: timedelta, **labels: str) -> Silence:
        """Return a silence over a task from now on; put it where it is to be."""
        wanted = {"task_id": task_id} | labels
        return Silence(
            f"s{sum(len(peer.silences) for peer in self.peers) + 1}",
            tuple(Matcher(name, value) for name, value in wanted.items()),
            starts_at=self._now(),
            ends_at=self._now() + span,
            created_by="carol",
            comment="demo day",
        )


class World:
    """Everything outside of the receiver. At first bob's notebook runs, and nothing fires."""

    def __init__(self) -> None:
        self.time = Time()
        self.determined = FakeDetermined(self.time)
        self.prometheus = FakePrometheus(self.time)
        self.alertmanagers = FakeAlertmanagers(self.time)
        self.slack = FakeSlack(self.time)
        self.heart_beats = True
        """Whether the heartbeat arrives before every tick."""
        self.determined.starts(allocation())

    def systems(self) -> Systems:
        """Return the fakes as what they stand for, which is where their types are compared."""
        return Systems(
            cluster=self.determined,
            rules=self.prometheus,
            peers=self.alertmanagers,
            messenger=self.slack,
            hears=self.slack.hears,
        )

    def changes(self) -> int:
        """Count what the receiver has changed out here."""
        slack = len(self.slack.posts) + len(self.slack.updates)
        stops = len(self.determined.calls) + len(self.determined.pauses)
        return stops + len(self.alertmanagers.made) + slack

    def fires(self, identity: Identity = IDENTITY, **annotations: str) -> None:
        """Let an alert fire from now on, in Prometheus and on every peer."""
        active_at = self.time.wall
        alert = RuleAlert(identity, ANNOTATIONS | annotations, active_at)
        self.prometheus.firing[identity.key] = alert
        self.prometheus.rules.add(identity.alertname)
        for peer in self.alertmanagers.peers:
            peer.alerts[identity.key] = identity

    def is_reported_with(self, identity: Identity = IDENTITY, **annotations: str) -> None:
        """Let a rule's annotations change while its alert goes on firing."""
        alert = self.prometheus.firing[identity.key]
        changed = replace(alert, annotations=dict(alert.annotations) | annotations)
        self.prometheus.firing[identity.key] = changed

    def ceases(self, identity: Identity = IDENTITY) -> None:
        """Let an alert fire no more, without saying why."""
        self.prometheus.firing.pop(identity.key, None)
        for peer in self.alertmanagers.peers:
            peer.alerts.pop(identity.key, None)

    def recovers(self, identity: Identity = IDENTITY) -> None:
        """Let the owner use the GPUs again."""
        self.ceases(identity)
        self.prometheus.verify = ()

    def idles_again(self, identity: Identity = IDENTITY) -> None:
        self.prometheus.verify = (0.0,)
        self.fires(identity)

    def is_silenced(self, span: timedelta, *, on: FakePeer | None = None) -> None:
        """Let somebody silence the task: in the whole of Alertmanager, or on one peer alone."""
        silence = self.alertmanagers.silence_of(TASK, span)
        for peer in [on] if on else self.alertmanagers.peers:
            peer.silences.append(silence)


def sibling(number: int) -> tuple[Identity, Allocation]:
    """Return another notebook of bob's, and the identity of the alert about it."""
    task_id = f"{number:08d}-b2f1-4c94-ae05-319acb5c7427"
    identity = replace(IDENTITY, task_id=task_id, allocation_id=f"{task_id}.1")
    return identity, allocation(allocation_id=identity.allocation_id, task_id=task_id)
