"""The whole receiver in its world: what it can be made to do, and what is noted of it."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from app.api.breaker import BreakerRequest, switch_breaker
from app.api.dependencies import Caller
from app.domain.access import Role
from app.domain.alert import Alert
from app.domain.incident import IncidentState
from app.domain.readings import PeerReading
from app.errors import (
    IncidentNotFoundError,
    KeepTooLongError,
    NothingToKeepError,
    StaleIncidentError,
    StopUnderWayError,
    StoreUnavailableError,
)
from tests.domain.examples import ANNOTATIONS
from tests.machine.answer_time import AnswerTime, Look
from tests.machine.books import Books
from tests.machine.breaches import Breach, Case, Through, seen
from tests.machine.by_hand import Pressed, Promise
from tests.machine.configurations import BASE, LONGEST_TICK, MANY, Configuration
from tests.machine.oracles import Court, Facts
from tests.machine.stage import Stage
from tests.machine.tasks import OVER_THE_LIMIT, Condition, Task
from tests.machine.wires import Trouble, Wires
from tests.machine.witness import Call, Said, Told
from tests.receiver.conftest import MINUTE, Receiver
from tests.receiver.memory import MemoryDatabase

OVER = frozenset({IncidentState.RESOLVED, IncidentState.DISMISSED})
"""After these an alert may have to show first that it counts."""


class Theatre:
    def __init__(self, database: MemoryDatabase) -> None:
        self.stage = Stage()
        self.facts = Facts(BASE)
        for condition in self.stage.conditions():
            self.knows(condition)
        memory = self.stage.memory
        self.answer_time = AnswerTime(LONGEST_TICK)
        self.court = Court(memory, self.facts, self.answer_time)
        self.books = Books(database, memory, self.facts, self.stage.stamps)
        self.stage.determined.judge = self._judge_call
        self.stage.slack.judge = self._judge_message
        self.trouble = Trouble(self.stage.time, heard=self._heard, meant=self._meant)
        self.receiver = Receiver(self.stage, database, BASE.rulebook)
        self.most = MANY
        """How many stops the configurations allow within an hour, each of them."""
        self.held_until = self.stage.time.wall
        """Until when something holds that nobody takes back, as a keep does."""
        self.pressed: list[Pressed] = []
        """The buttons that were pressed in Slack."""
        self.is_up = False
        self.process = 0
        self.violations: list[str] = []
        """What was done against the rules, as the oracles have it."""

    def knows(self, condition: Condition) -> None:
        self.facts.conditions[condition.identity.key] = condition

    # The receiver's own steps.

    def starts(self) -> None:
        if not self.is_up:
            self.process += 1
            self.wires = Wires(self.trouble)
            self.receiver.rulebook = self.facts.configuration.rulebook
            self.receiver.start(calls=self.wires)
            self.is_up = True

    def ends(self) -> None:
        self.is_up = False

    async def does(self, step: Callable[[], Awaitable[object]]) -> bool:
        """Let the receiver take a step; tell whether it came to its end."""
        self.starts()
        try:
            survived = await self.receiver.survives(step)
        except StoreUnavailableError:
            return False
        self.is_up = self.is_up and survived
        self._looks_at_breaker()
        return survived

    async def ticks(self) -> None:
        """Let a heartbeat come in, and tick."""
        # Before anything more is said: what was done rests on what had been said by then.
        self.violations += self.books.audit()
        await self.beats()
        memory = self.stage.memory
        memory.looks.clear()
        if await self.does(self._tick) and memory.looks:
            self._has_seen(memory.looks[0])

    async def delivers(self) -> None:
        if self.books.waiting():
            await self.does(self._deliver)

    async def _tick(self) -> None:
        await self.receiver.reconciler.tick()

    async def _deliver(self) -> None:
        await self.receiver.dispatcher.deliver_due()

    async def beats(self) -> None:
        now, last = self.stage.stamps.now(), self.facts.beats[-1:]
        is_young = last and abs(now.wall - last[0].wall) < MINUTE
        if is_young or not self.stage.heart_beats:
            return
        if await self.does(lambda: self.receiver.intake.receive([], heartbeat=True)):
            self.facts.beats.append(self.stage.stamps.now())

    async def hears_of(self, conditions: Sequence[Condition], *, firing: bool = True) -> None:
        """Take a webhook; once it is answered, each task that runs has an incident (S8).

        Left out may be what Determined did not list lately, and what has just recovered.
        """
        now = self.stage.time.wall
        alerts = [
            Alert(each.identity, ANNOTATIONS, now, firing=firing, labels=each.identity.labels())
            for each in conditions
        ]
        if not await self.does(lambda: self.receiver.intake.receive(alerts)) or not firing:
            return
        self.violations += self.books.audit()
        snapshot = self.stage.memory.snapshot
        listed = snapshot.what.allocations if snapshot else {}
        # An alert about a user is taken while Determined agrees with it.
        for each in [one for one in conditions if one.allocation_id]:
            is_over = self.books.last_state(each) in OVER
            if each.allocation_id in listed and not is_over and not self.books.is_open(each):
                self.violations.append(f"S8: the alert about {each.allocation_id} is lost")

    # What people do through the receiver.

    async def keeps(self, task: Task, span: timedelta) -> None:
        """Keep a task, through the incident about it. All alerts of its policy are held."""
        first = task.conditions()[0]
        if await self._keeps(first, span):
            until = self.stage.time.wall + span
            self.facts.keeps.append(Promise(self.stage.stamps.now(), first, until))
            for each in task.conditions():
                self.breaks("kept", key=each.key, rule="S13")

    async def keeps_all(self, span: timedelta) -> None:
        """Keep what was chosen of a user who is over the limit."""
        if await self._keeps(OVER_THE_LIMIT, span):
            self.breaks("kept", key=OVER_THE_LIMIT.key, rule="S13")

    async def _keeps(self, condition: Condition, span: timedelta) -> bool:
        self.starts()
        refused = (KeepTooLongError, StopUnderWayError, NothingToKeepError, StaleIncidentError)
        with suppress(*refused, IncidentNotFoundError, KeyError):
            minutes = f"{span // MINUTE}m"
            await self.receiver.keep(minutes, identity=condition.identity)
            self.holds_for(span)
            return True
        return False

    async def presses(self, action: str) -> None:
        self.starts()
        await switch_breaker(
            BreakerRequest.model_validate({"action": action, "reason": "let me look first"}),
            self.receiver.seen,
            self.receiver.context,
            Caller("carol", Role.ADMIN),
        )
        self._looks_at_breaker()

    def _looks_at_breaker(self) -> None:
        """Note what became of it. Within one step it may be tripped and reset."""
        facts, now = self.facts, self.stage.stamps.now()
        for move in self.books.breaker_moves():
            if move.tripped and facts.tripped is None:
                facts.tripped = now
                self.breaks("breaker tripped", through=Through.DATABASE, wall=move.at)
            elif not move.tripped and facts.tripped is not None:
                facts.tripped, facts.was_reset = None, now
                facts.allowed = move.about
                self.breaks("breaker reset", through=Through.DATABASE, wall=move.at)

    def follows(self, configuration: Configuration) -> None:
        """Let the receiver take over another configuration."""
        self.starts()
        followed = configuration.with_most(self.most)
        self.facts.configuration = followed
        self.receiver.context.rulebook = followed.rulebook

    def left(self, task: Task) -> timedelta:
        """Return how long the grace period lasts on that the owner of a task was told of last."""
        memory, about = self.stage.memory, task.allocation_id
        told = [each for each in memory.told if about in each.post.deadlines]
        given = [each for each in told if each.names(about)]
        confirmed = memory.confirmed.get(given[-1].message_id) if given else None
        if confirmed is None:
            return timedelta()
        grace = given[-1].post.deadlines[about] - confirmed.wall
        by_clock = grace - self.answer_time.since(confirmed)
        # A reminder names what the first warning could not know.
        return max(by_clock, told[-1].post.deadlines[about] - self.stage.time.wall)

    # What is noted.

    def holds_for(self, span: timedelta) -> None:
        self.held_until = max(self.held_until, self.stage.time.wall + span)

    def breaks(
        self,
        why: str,
        *,
        key: str = "",
        allocation_id: str = "",
        through: Through = Through.NOTHING,
        wall: datetime | None = None,
        rule: str = "S9",
    ) -> None:
        now = self.stage.stamps.now()
        self.facts.breaches.append(Breach(now, why, key, allocation_id, through, wall, rule))

    def _cases(self) -> Iterator[Case]:
        """Yield every allocation under every alert that could lead to its stop."""
        for condition in self.facts.conditions.values():
            if condition.allocation_id:
                yield Case(condition, condition.allocation_id)
                if condition.identity.username == OVER_THE_LIMIT.identity.username:
                    yield Case(OVER_THE_LIMIT, condition.allocation_id)

    def _has_seen(self, first: Said[Sequence[PeerReading]]) -> None:
        """Note what a whole tick has seen against stops."""
        snapshot = self.stage.memory.snapshot
        age = first.at.true - snapshot.at.true if snapshot else timedelta.max
        is_fresh = age <= MINUTE
        allocations = snapshot.what.allocations if snapshot and is_fresh else {}
        for case in self._cases():
            for why, of_all in seen(
                case,
                peers=tuple(first.what),
                allocation=allocations.get(case.allocation_id),
                law=self.facts.law,
                now=first.at.wall,
            ):
                about = "" if of_all else case.allocation_id
                self.facts.breaches.append(Breach(first.at, why, case.condition.key, about))

    def _heard(self, call: str) -> None:
        if call == "store.commit":
            self.facts.committed = self.stage.stamps.now()
        elif call == "store.breaker":
            self.facts.asked_breaker = self.stage.stamps.now()

    def _meant(self, call: str) -> None:
        if call == "store.tick_clock":
            memory, now = self.stage.memory, self.stage.stamps.now()
            peers = memory.peers.what if memory.peers else ()
            answer = bool(peers) and all(peer.readable for peer in peers)
            hears = memory.slack_answered and memory.heard
            self.answer_time.look(Look(now, self.process, hears, answer))

    def _judge_call(self, call: Call) -> list[str]:
        objections = self.court.of_call(call)
        self.violations += [f"{each} (call of {call.allocation_id})" for each in objections]
        return objections

    def _judge_message(self, told: Told) -> None:
        self.violations += self.court.of_message(told)

    async def audit(self) -> list[str]:
        """Return all that was done against the rules."""
        self.violations += self.books.audit()
        self._looks_at_breaker()
        return self.violations
