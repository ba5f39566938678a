"""One stop: read everything again, judge, put the intent on record, call Determined."""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from app.context import Context
from app.domain import events as e
from app.domain.breaker import PlannedStop, Quota
from app.domain.cluster import Allocation
from app.domain.incident import Incident, IncidentState, IntentState, Target
from app.domain.observation import World, expressions_of, holds_over
from app.domain.proof import Readings, Verdict, consequence, judge
from app.domain.reasons import Reason
from app.errors import (
    BreakerTrippedError,
    IntentExistsError,
    StopNotSentError,
    TaskKeptError,
    UpstreamError,
    UpstreamRejectedError,
)
from app.lookout import Lookout, Systems
from app.recorder import Recorder

log = structlog.get_logger()


class Executor:
    def __init__(
        self,
        systems: Systems,
        lookout: Lookout,
        recorder: Recorder,
        context: Context,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._systems = systems
        self._lookout = lookout
        self._recorder = recorder
        self._context = context
        self._monotonic = monotonic

    async def stop(
        self, incident: Incident, target: Target, world: World, *, due: Sequence[PlannedStop]
    ) -> Incident:
        """Stop one allocation that is due, if every rule allows it; else note why not.

        `due` is all that is due at this tick: the breaker counts it.

        Raises:
            StaleIncidentError: the incident was changed meanwhile; nothing was sent.
        """
        began = self._monotonic()
        readings = await self._read(incident, target, world)
        verdict = self._judge(incident, target, readings, world)
        if verdict.is_proven:
            # The world was read at the start of the tick. What holds the alert is asked once more,
            # as late as can be: a silence made a second ago wins (S4).
            world = await self._lookout.read(world.clock)
            verdict = self._judge(incident, target, readings, world)
        event = self._event(incident, target, verdict, world)
        if isinstance(event, e.StopProven):
            event = replace(event, quota=self._quota(world, due))
        try:
            incident = await self._recorder.record(incident, event)
        except IntentExistsError:
            return await self._recorder.record(incident, e.StopBlocked(Reason.STOP_ELSEWHERE))
        except TaskKeptError:
            # Kept a moment ago: the next tick holds the incident, or withdraws its intent.
            return incident
        except BreakerTrippedError as exc:
            # The same: the next tick holds it, with all the others.
            log.error("breaker_tripped", incident_id=incident.incident_id, why=str(exc))  # noqa: TRY400 -- it is no error of ours.
            return incident
        if incident.state is not IncidentState.STOPPING or readings.allocation is None:
            # Not proven; or proven once too often, and left to a person.
            return incident
        if isinstance(event, e.StopProven):
            return await self._carry_out(incident, readings.allocation, began)
        return incident

    def _event(self, incident: Incident, target: Target, verdict: Verdict, world: World) -> e.Event:
        """Return what the verdict means.

        A hold that only the last look has seen ends the round like any other, though it may be over
        at the next tick (S9).
        """
        holds = holds_over(incident, world)
        if holds and incident.state is IncidentState.NOTIFIED:
            return e.HoldsObserved(holds)
        return consequence(target, verdict, str(uuid.uuid4()))

    def _quota(self, world: World, due: Sequence[PlannedStop]) -> Quota:
        """Return what the intent is measured by (S7). It is proven, so what runs is known."""
        running = len(world.snapshot.running) if world.snapshot else 0
        return Quota(world.rulebook.breaker, running, tuple(due))

    def _judge(
        self, incident: Incident, target: Target, readings: Readings, world: World
    ) -> Verdict:
        policy = self._context.rulebook.policy(incident.identity.policy)
        limits = self._context.rulebook.limits
        return judge(incident, target, readings, world, policy=policy, limits=limits)

    async def _read(self, incident: Incident, target: Target, world: World) -> Readings:
        try:
            allocation = await self._systems.cluster.read_allocation(
                target.allocation_id, workspaces=world.rulebook.asks_for_workspaces
            )
        except UpstreamError as exc:
            return Readings(None, allocation_error=str(exc) or type(exc).__name__)
        alert = (world.firing or {}).get(incident.identity.key)
        if alert is None:
            return Readings(allocation)
        expressions = expressions_of(alert)
        if not expressions.verify or not expressions.evidence:
            return Readings(allocation)
        try:
            verify = await self._systems.rules.query(expressions.verify)
            evidence = await self._systems.rules.query(expressions.evidence)
        except UpstreamError as exc:
            return Readings(allocation, query_error=str(exc) or type(exc).__name__)
        return Readings(allocation, verify=verify, evidence=evidence)

    async def _carry_out(
        self, incident: Incident, allocation: Allocation, began: float
    ) -> Incident:
        """Call Determined, once. From the first commit on, a crash leaves a fate to be proven.

        `began` is when the first reading of the proof was asked for: what it says grows old (S3).
        """
        allocation_id = allocation.allocation_id
        limit = self._context.rulebook.limits.proof_age.total_seconds()

        def may_send() -> bool:
            return self._monotonic() - began <= limit

        answered: e.Event
        try:
            incident = await self._recorder.record(incident, e.StopSending(allocation_id))
        except (TaskKeptError, BreakerTrippedError) as exc:
            log.info("stop_not_sent", allocation_id=allocation_id, why=str(exc))
            return incident
        try:
            answer = await self._systems.cluster.stop(allocation, may_send=may_send)
        except StopNotSentError as exc:
            reason = Reason.STOP_REJECTED if may_send() else Reason.PROOF_OLD
            answered = e.StopNotSent(allocation_id, reason, str(exc))
        except UpstreamRejectedError as exc:
            answered = self._failed(allocation_id, Reason.STOP_REJECTED, str(exc))
        except UpstreamError as exc:
            answered = self._failed(allocation_id, Reason.STOP_UNCONFIRMED, str(exc))
        else:
            answered = e.StopAnswered(allocation_id, IntentState.SENT, Reason.STOP_ACCEPTED, answer)
        return await self._recorder.record(incident, answered)

    def _failed(self, allocation_id: str, reason: Reason, detail: str) -> e.StopAnswered:
        return e.StopAnswered(allocation_id, IntentState.UNCONFIRMED, reason, detail)
