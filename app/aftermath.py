"""Are the GPUs of what was stopped free again? Asked of Determined and Prometheus, until known."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import structlog

from app.context import Context
from app.domain.aftermath import Places, awaited, found, query_for
from app.domain.events import GpusSeen
from app.domain.incident import Incident
from app.domain.world import World
from app.errors import StaleIncidentError, UpstreamError
from app.loops import contained
from app.ports import Rules
from app.recorder import Recorder

log = structlog.get_logger()
_AT_A_TIME = 200
"""How many GPUs one question is about, which has to fit into Prometheus's memory and ours."""


class Aftermath:
    def __init__(
        self,
        rules: Rules,
        recorder: Recorder,
        context: Context,
        *,
        go_on: Callable[[], Awaitable[None]],
    ) -> None:
        """`go_on`: is awaited before each question; raises where another replica has taken over."""
        self._rules = rules
        self._recorder = recorder
        self._context = context
        self._go_on = go_on

    async def look(self, incidents: Sequence[Incident], world: World) -> list[Incident]:
        """Return the incidents with what is known by now of the GPUs that stops have freed."""
        waiting = [target for incident in incidents for target in awaited(incident)]
        if not waiting:
            return list(incidents)
        places = Places(world.snapshot)
        used = await self._used(places.to_be_measured(waiting))
        limit = self._context.rulebook.limits.gpu_release
        after = []
        for incident in incidents:
            events = [
                event
                for target in awaited(incident)
                if (event := found(target, places, used, now=world.now, limit=limit))
            ]
            after.append(await self._stored(incident, events) if events else incident)
        return after

    async def _stored(self, incident: Incident, events: Sequence[GpusSeen]) -> Incident:
        # Whoever was faster has stored something newer; the next tick looks again.
        failed = self._context.telemetry.step_failed
        with contained("reconcile", failed), suppress(StaleIncidentError):
            return await self._recorder.record(incident, *events)
        return incident

    async def _used(self, uuids: Sequence[str]) -> Mapping[str, bool]:
        """Return of each GPU whether it is in use, as far as Prometheus has fresh samples of it."""
        age = self._context.rulebook.limits.evidence_age
        used: dict[str, bool] = {}
        for first in range(0, len(uuids), _AT_A_TIME):
            await self._go_on()
            try:
                samples = await self._rules.query(query_for(uuids[first : first + _AT_A_TIME], age))
            except UpstreamError as exc:
                log.warning("gpus_not_seen", error=str(exc))
                break
            used |= {each.labels.get("gpu_uuid", ""): each.value > 0 for each in samples}
        return used
