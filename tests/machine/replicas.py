"""Two receivers on one database: whichever has its turn is the theatre's receiver."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.lease import Duty
from app.domain.readings import PeerReading
from app.store.leases import SqlLeases
from app.tenure import Tenure
from tests.machine.configurations import BASE, Configuration
from tests.machine.tasks import Task
from tests.machine.theatre import Theatre
from tests.machine.witness import Call, Said
from tests.receiver.conftest import MINUTE, SECOND, Receiver
from tests.receiver.memory import MemoryDatabase

AHEAD = 5 * SECOND
"""So much may the clocks of two machines differ: `gpu-watchdog check` warns of more."""
LEASE = 10 * MINUTE
"""Shorter than most steps of a sequence: who sleeps through one may lose it."""
_AT_ONCE = 10
"""Turns of the loop within which whatever is asked of a fake system is answered."""
OWN = ("peers", "firing", "queries", "allocations", "snapshot", "slack_answered", "heard", "looks")
"""What a receiver has heard by itself, of all that was said."""


class _Server:
    """A database that several processes share, as far as the leases ask."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.dialect = SimpleNamespace(name="shared")

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._engine.begin()

    def connect(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._engine.connect()


class Replica(Receiver):
    def _tenure(self, duty: Duty) -> Tenure:
        engine = cast("AsyncEngine", _Server(self.database.engine))
        leases = self.calls.guard("leases", SqlLeases(engine))
        return Tenure(duty, leases, self.context, holder=self.name, monotonic=self._since_start)


@dataclass
class Side:
    """The receiver that has no turn, and what it knows."""

    receiver: Receiver
    process: int
    is_up: bool = False
    is_awake: bool = True
    heard: dict[str, object] = field(default_factory=dict)


class Doubled(Theatre):
    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database)
        self.facts.differ = AHEAD
        own, other = (
            Replica(self.stage, database, BASE.rulebook, name=f"watchdog-{each}:8090")
            for each in "ab"
        )
        self.receiver: Receiver = own
        self.is_awake = True
        self.other = Side(other, process=1_000_000)
        self.other.heard = dict.fromkeys(("peers", "firing", "snapshot")) | {
            "queries": {},
            "allocations": {},
            "slack_answered": False,
            "heard": False,
            "looks": [],
        }

    def swaps(self) -> None:
        """Let the other have its turn."""
        other, memory, facts = self.other, self.stage.memory, self.facts
        self.other = Side(self.receiver, self.process, self.is_up, self.is_awake)
        self.other.heard = {name: getattr(memory, name) for name in OWN}
        self.other.heard |= {"committed": facts.committed, "asked": facts.asked_breaker}
        self.receiver, self.process = other.receiver, other.process
        self.is_up, self.is_awake = other.is_up, other.is_awake
        self.stage.determined.ahead = self.receiver.ahead
        for name in OWN:
            setattr(memory, name, other.heard[name])
        facts.committed = cast("None", other.heard.get("committed"))
        facts.asked_breaker = cast("None", other.heard.get("asked"))

    @asynccontextmanager
    async def turned(self) -> AsyncIterator[None]:
        self.swaps()
        try:
            yield
        finally:
            self.swaps()

    def holder(self, duty: Duty = Duty.RECONCILE) -> str:
        rows = self.books.database.rows("SELECT holder FROM leases WHERE name = ?", str(duty))
        return str(rows[0][0]) if rows else ""

    async def ticks(self) -> None:
        """Let all that are awake tick, one after the other."""
        await self._each(super().ticks)

    async def delivers(self) -> None:
        await self._each(super().delivers)

    async def _each(self, step: Callable[[], Awaitable[None]]) -> None:
        if self.is_awake or not self.other.is_awake:
            await step()
        if self.other.is_awake:
            async with self.turned():
                await step()

    async def other_ticks(self) -> None:
        # What the one has asked at the same time is answered first: it is the one that hears it.
        for _ in range(_AT_ONCE):
            await asyncio.sleep(0)
        async with self.turned():
            await super().ticks()
            await super().delivers()

    def follows(self, configuration: Configuration) -> None:
        limits = replace(configuration.rulebook.limits, lease=LEASE)
        rulebook = replace(configuration.rulebook, limits=limits)
        super().follows(replace(configuration, rulebook=rulebook))
        self.swaps()
        super().follows(self.facts.configuration)
        self.swaps()

    def _meant(self, call: str) -> None:
        if call == "store.tick_clock" and self.holder() != self.receiver.name:
            # It will not be stored: another one has the lease.
            return
        super()._meant(call)

    def _has_seen(self, first: Said[Sequence[PeerReading]]) -> None:
        if self.holder() == self.receiver.name:
            super()._has_seen(first)

    def _judge_call(self, call: Call) -> list[str]:
        objections = super()._judge_call(call)
        if self.holder() != self.receiver.name:
            objections.append(f"S6: {self.receiver.name} has called, {self.holder()} has the lease")
            self.violations.append(objections[-1])
        return objections


def both(theatre: Theatre) -> Doubled:
    return cast("Doubled", theatre)


def awake(*, first: bool, second: bool) -> Callable[[Theatre, Task], None]:
    def changes(theatre: Theatre, _task: Task) -> None:
        both(theatre).is_awake, both(theatre).other.is_awake = first, second

    return changes


def is_ahead(span: timedelta) -> Callable[[Theatre, Task], None]:
    def changes(theatre: Theatre, _task: Task) -> None:
        both(theatre).other.receiver.ahead = span

    return changes


def they_change_places(theatre: Theatre, _task: Task) -> None:
    """The other one ticks first from now on."""
    both(theatre).swaps()


async def gives_its_leases_back(theatre: Theatre, _task: Task) -> None:
    """It ends in order, and comes back at its next turn."""
    if theatre.is_up:
        await theatre.receiver.reconcile.end()
        await theatre.receiver.delivery.end()
        theatre.ends()


async def other_ticks(theatre: Theatre, _task: Task) -> None:
    await both(theatre).other_ticks()


def sleeps(span: timedelta, *, monotonic: bool) -> Callable[[Theatre, Task], Awaitable[None]]:
    async def happens(theatre: Theatre, _task: Task) -> None:
        """A suspended machine's monotonic clock may stand still."""
        time = theatre.stage.time
        (time.passes if monotonic else time.jumps)(span)
        await both(theatre).other_ticks()

    return happens


BETWEEN: dict[str, Callable[[Theatre, Task], Awaitable[None] | None]] = {
    "the first sleeps": awake(first=False, second=True),
    "the second sleeps": awake(first=True, second=False),
    "both are awake": awake(first=True, second=True),
    "the second's clock is ahead": is_ahead(AHEAD),
    "the second's clock is behind": is_ahead(-AHEAD),
    "their clocks agree": is_ahead(timedelta()),
    "they change places": they_change_places,
    "the first gives its leases back": gives_its_leases_back,
}
WITHIN: dict[str, Callable[[Theatre, Task], Awaitable[None] | None]] = {
    "the other ticks": other_ticks,
    "sleeps, and the other takes over": sleeps(LEASE + SECOND, monotonic=True),
    "is suspended, and the other takes over": sleeps(LEASE + SECOND, monotonic=False),
    "is suspended for nearly a lease": sleeps(LEASE - 3 * SECOND, monotonic=False),
}
