"""One look at the world: everything that a tick needs, read at the same time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from app.context import Context
from app.domain.world import World
from app.errors import UpstreamError
from app.ports import AlertPeers, Cluster, IncidentStore, Messenger, Rules

log = structlog.get_logger()
Answer = TypeVar("Answer")
_LATELY = timedelta(days=7)
"""Longer than the watchdog is ever down: a keep that no tick saw has ended rounds, too (S9)."""


@dataclass(frozen=True, slots=True)
class Systems:
    """The systems that are asked."""

    cluster: Cluster
    rules: Rules
    peers: AlertPeers
    messenger: Messenger
    hears: Callable[[], bool]
    """Tells whether what people press in Slack reaches this process."""


class Lookout:
    def __init__(
        self,
        systems: Systems,
        store: IncidentStore,
        context: Context,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._systems = systems
        self._store = store
        self._context = context
        self._monotonic = monotonic
        self._peers_readable = False
        self._beat: tuple[datetime, float] | None = None

    async def recall(self) -> None:
        """Read what is open, once, before anybody is asked: from then on the receiver is ready.

        Of thousands it takes the longest part of a start, and a tick reads what is new since.

        Raises:
            StoreUnavailableError: the database cannot be used.
        """
        if not self._context.telemetry.knows_incidents:
            await self._store.open_incidents()
            self._context.telemetry.knows_incidents = True

    async def answerable(self) -> bool:
        """Tell whether owners can be reached through Slack, and say no: there by a button, or
        through Alertmanager.

        Of Alertmanager it is known from the last look. That the owner's page and the API hear them
        as well is no excuse: a button is what the message offers.
        """
        probe = await self._asked("slack", self._probe())
        hears = self._systems.hears()
        self._context.telemetry.hears_presses.set(int(hears))
        return probe is not None and hears and self._peers_readable

    async def _probe(self) -> bool:
        await self._systems.messenger.probe()
        return True

    async def refresh(self) -> None:
        """Read Determined, and share what it says. On failure the last reading stays, and ages."""
        workspaces = self._context.rulebook.asks_for_workspaces
        reading = self._systems.cluster.snapshot(workspaces=workspaces)
        snapshot = await self._asked("determined", reading)
        if snapshot is None:
            return
        running = [a.allocation_id for a in snapshot.allocations.values() if a.holds_resources]
        self._context.view.started = await self._store.started(running, snapshot.at)
        self._context.view.snapshot = snapshot

    async def read(self, clock: timedelta) -> World:
        """Read what fires, what holds it, and what the store knows."""
        firing, peers = await asyncio.gather(
            self._asked("prometheus", self._systems.rules.firing_alerts()),
            self._systems.peers.read(),
        )
        self._peers_readable = bool(peers) and all(peer.readable for peer in peers)
        self._context.telemetry.upstream("alertmanager", reachable=self._peers_readable)
        breaker = await self._store.breaker()
        self._context.telemetry.breaker_tripped.set(int(breaker.tripped))
        # Taken after the answers: what they say is at least as old as this.
        now = self._context.now()
        return World(
            now=now,
            clock=clock,
            rulebook=self._context.rulebook,
            snapshot=self._context.view.fresh(now, self._context.rulebook.limits.snapshot_age),
            firing=None if firing is None else {a.identity.key: a for a in firing},
            peers=peers,
            breaker=breaker,
            keeps=await self._store.keeps(now - _LATELY),
            heartbeat_at=self._no_younger(await self._store.heartbeat_at(), now),
            started=self._context.view.started,
        )

    def _no_younger(self, heartbeat_at: datetime | None, now: datetime) -> datetime | None:
        """Return when the heartbeat arrived: no later than this process has known of it.

        A wall clock that is set back would make an old one young.
        """
        if heartbeat_at is None:
            return None
        at = self._monotonic()
        if self._beat is None or self._beat[0] != heartbeat_at:
            self._beat = (heartbeat_at, at)
        if heartbeat_at > now:
            return heartbeat_at
        return min(heartbeat_at, now - timedelta(seconds=at - self._beat[1]))

    async def _asked(self, system: str, answer: Awaitable[Answer]) -> Answer | None:
        """Return the answer, or None when the system does not give one (S5)."""
        try:
            result = await answer
        except UpstreamError as exc:
            log.warning("upstream_failed", system=system, error=str(exc))
            self._context.telemetry.upstream(system, reachable=False)
            return None
        self._context.telemetry.upstream(system, reachable=True)
        return result
