"""One stop: read everything again, judge, put the intent on record, call Determined."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from app.context import Context
from app.domain import by_hand_proof
from app.domain import events as e
from app.domain.breaker import PlannedStop, Quota
from app.domain.cluster import Allocation
from app.domain.consequences import consequence
from app.domain.evidence import with_quota
from app.domain.incident import Incident, IncidentState, IntentState, Target
from app.domain.observation import holds_over
from app.domain.policy import StopAction
from app.domain.proof import Verdict
from app.domain.reasons import Reason
from app.domain.together import Due, Stop
from app.domain.world import World
from app.errors import (
    BreakerTrippedError,
    IntentExistsError,
    StaleIncidentError,
    StopNotSentError,
    TaskKeptError,
    UpstreamError,
    UpstreamRejectedError,
)
from app.lookout import Lookout, Systems
from app.ports import IncidentStore
from app.proving import Proving
from app.recorder import Recorder
from app.tenure import Tenure

log = structlog.get_logger()
_TRIES = 10
"""How often an answer is stored, each time on what others have stored before it."""


class Executor:
    def __init__(
        self,
        systems: Systems,
        store: IncidentStore,
        lookout: Lookout,
        recorder: Recorder,
        context: Context,
        tenure: Tenure,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._systems = systems
        self._incidents = store
        self._proving = Proving(systems, context)
        self._lookout = lookout
        self._recorder = recorder
        self._context = context
        self._tenure = tenure
        self._monotonic = monotonic

    async def stop(
        self,
        stop: Stop,
        world: World,
        *,
        due: Sequence[PlannedStop],
        others: Sequence[Stop] = (),
    ) -> Mapping[str, Incident]:
        """Make one call, if every rule allows it for every allocation; else note why not.

        `due` is all that is due at this tick: the breaker counts it. `others` are the calls that
        may follow. Returns what was stored of the incidents, by id.

        Raises:
            StaleIncidentError: an incident was changed meanwhile; nothing was sent.
        """
        began = self._monotonic()
        readings = await self._proving.read(stop, world)
        verdicts = self._proving.judge(stop, readings, world)
        by_hand = all(target.request for _, target in stop.due)
        if all(verdict.is_proven for verdict in verdicts) and not by_hand:
            company = await self._proving.company(stop, others, world)
            # The world was read at the start of the tick. What holds the alert is asked once more,
            # as late as can be: a silence made a second ago wins (S4).
            beside = world.beside
            world = await self._lookout.read(world.clock)
            world = self._proving.counted(stop, company, world, beside)
            verdicts = self._proving.judge(stop, readings, world)
        go = all(verdict.is_proven for verdict in verdicts)
        latest = {incident.incident_id: incident for incident, _ in stop.due}
        for (before, target), verdict in zip(stop.due, verdicts, strict=True):
            incident = latest[before.incident_id]
            event = self._event(incident, target, verdict, world)
            if isinstance(event, e.StopProven) and not go:
                event = self._not_all(target, world)
            elif isinstance(event, e.StopProven):
                quota = self._quota(world, due)
                # Of what a person asks for it counts nothing.
                proof = event.proof if target.request else with_quota(event.proof, quota)
                event = replace(event, proof=proof, quota=quota, action=stop.action)
            after = await self._record(incident, event)
            if after is None:
                # What is on record of the others is judged anew at the next tick.
                return latest
            latest[before.incident_id] = after
        known = [each.allocation for each in readings if each.allocation is not None]
        if go and all(each.state is IncidentState.STOPPING for each in latest.values()):
            # Else proven once too often, and left to a person.
            await self._carry_out(stop, latest, known, began)
        return latest

    async def _record(self, incident: Incident, event: e.Event) -> Incident | None:
        """Store what the verdict means. Return None where somebody does not let the stop begin."""
        try:
            return await self._recorder.record(incident, event)
        except IntentExistsError:
            await self._recorder.record(incident, e.StopBlocked(Reason.STOP_ELSEWHERE))
        except TaskKeptError:
            # Kept a moment ago: the next tick holds the incident, or withdraws its intent.
            pass
        except BreakerTrippedError as exc:
            # The same: the next tick holds it, with all the others.
            log.error("breaker_tripped", incident_id=incident.incident_id, why=str(exc))  # noqa: TRY400 -- it is no error of ours.
        return None

    def _event(self, incident: Incident, target: Target, verdict: Verdict, world: World) -> e.Event:
        """Return what the verdict means.

        A hold that only the last look has seen ends the round like any other, though it may be over
        at the next tick (S9).
        """
        holds = holds_over(incident, world)
        if target.request:
            return by_hand_proof.consequence(target, verdict, str(uuid.uuid4()), world.now)
        if holds and incident.state is IncidentState.NOTIFIED:
            return e.HoldsObserved(holds)
        return consequence(incident, target, verdict, str(uuid.uuid4()))

    def _not_all(self, target: Target, world: World) -> e.Event:
        """Return what it means that another allocation of the same call may not be stopped."""
        no = Verdict(Reason.NOT_PAUSABLE, "not all of it may be stopped now")
        if target.request:
            return by_hand_proof.consequence(target, no, "", world.now)
        return e.StopBlocked(no.reason, no.detail)

    def _quota(self, world: World, due: Sequence[PlannedStop]) -> Quota:
        """Return what the intent is measured by (S7). It is proven, so what runs is known."""
        running = len(world.snapshot.running) if world.snapshot else 0
        return Quota(world.rulebook.breaker, running, tuple(due))

    async def _carry_out(
        self,
        stop: Stop,
        latest: dict[str, Incident],
        allocations: Sequence[Allocation],
        began: float,
    ) -> None:
        """Call Determined, once. From the first commit on, a crash leaves a fate to be proven.

        `began` is when the first reading of the proof was asked for: what it says grows old (S3). A
        clock that was set back meanwhile puts a deadline that was over before its owner again (S1).
        """
        limit = self._context.rulebook.limits.proof_age.total_seconds()
        named = [
            target.warning.deadline
            for _, target in stop.due
            if target.warning is not None and not target.request
        ]

        def may_send() -> bool:
            is_young = self._monotonic() - began <= limit
            is_over = all(self._context.now() >= deadline for deadline in named)
            return is_young and is_over and self._tenure.is_sure()

        sending = await self._sending(stop, latest)
        if len(sending) < len(stop.due):
            not_all = _not_sent(Reason.STOP_ELSEWHERE, "not all of it may be stopped")
            await self._answer(sending, latest, not_all)
            return
        try:
            answer = await self._call(stop.action, allocations, may_send)
        except StopNotSentError as exc:
            reason = Reason.STOP_REJECTED if may_send() else Reason.PROOF_OLD
            answered = _not_sent(reason, str(exc))
        except UpstreamRejectedError as exc:
            answered = _failed(Reason.STOP_REJECTED, str(exc))
        except UpstreamError as exc:
            answered = _failed(Reason.STOP_UNCONFIRMED, str(exc))
        else:
            answered = _taken(answer)
        await self._answer(sending, latest, answered)

    async def _call(
        self, action: StopAction, allocations: Sequence[Allocation], may_send: Callable[[], bool]
    ) -> str:
        match action:
            case StopAction.PAUSE:
                return await self._systems.cluster.pause(allocations, may_send=may_send)
            case StopAction.KILL:
                return await self._systems.cluster.stop(allocations[0], may_send=may_send)
            case StopAction.NONE:
                raise StopNotSentError("there is no call for it: nothing was sent")

    async def _sending(self, stop: Stop, latest: dict[str, Incident]) -> list[Due]:
        """Note of each that it is about to be called, up to the first that may not be."""
        sending: list[Due] = []
        for before, target in stop.due:
            event = e.StopSending(target.allocation_id)
            incident = latest[before.incident_id]
            try:
                latest[before.incident_id] = await self._recorder.record(incident, event)
            except (TaskKeptError, BreakerTrippedError, StaleIncidentError) as exc:
                log.info("stop_not_sent", allocation_id=target.allocation_id, why=str(exc))
                break
            sending.append((before, target))
        return sending

    async def _answer(
        self,
        sending: Sequence[Due],
        latest: dict[str, Incident],
        answered: Callable[[str], e.Event],
    ) -> None:
        """Note what became of the call, of each allocation by itself."""
        for before, target in sending:
            incident = latest[before.incident_id]
            event = answered(target.allocation_id)
            latest[before.incident_id] = await self._keep_answer(incident, target, event)

    async def _keep_answer(self, incident: Incident, target: Target, event: e.Event) -> Incident:
        """Store what became of the call, however often others store meanwhile (S12).

        Nobody says it twice: without it a stop that was refused is as good as one that was taken.
        Returns the incident as it was stored last.
        """
        called = _call(incident, target)
        for _ in range(_TRIES):
            try:
                return await self._recorder.record(incident, event)
            except StaleIncidentError:
                incident = await self._incidents.incident(incident.incident_id)
            if _call(incident, target) != called:
                # It was taken back, or the end of the task was seen: there is no call to answer.
                break
        log.warning("stop_answer_lost", allocation_id=target.allocation_id, answer=str(event))
        return incident


def _call(incident: Incident, target: Target) -> tuple[str, int] | None:
    """Return which call is being made for the allocation. None: none is."""
    found = incident.target(target.allocation_id)
    intent = found.intent if found else None
    if intent is None or intent.state is not IntentState.SENDING:
        return None
    return intent.intent_id, intent.attempts


def _not_sent(reason: Reason, detail: str) -> Callable[[str], e.Event]:
    return lambda allocation_id: e.StopNotSent(allocation_id, reason, detail)


def _failed(reason: Reason, detail: str) -> Callable[[str], e.Event]:
    state = IntentState.UNCONFIRMED
    return lambda allocation_id: e.StopAnswered(allocation_id, state, reason, detail)


def _taken(answer: str) -> Callable[[str], e.Event]:
    state, reason = IntentState.SENT, Reason.STOP_ACCEPTED
    return lambda allocation_id: e.StopAnswered(allocation_id, state, reason, answer)
