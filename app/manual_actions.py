"""What operators do about an incident by hand: once, for a reason, and with open eyes.

Whatever speaks against a stop is told, and noted in the history; none of it forbids the stop (S12).
"""

import asyncio
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from app.answers import Answers
from app.context import Context
from app.domain.by_hand_words import Objection, in_short, objection
from app.domain.cluster import PAUSABLE
from app.domain.evidence import Readings
from app.domain.foresight import Effect, Foresight, Outlook, foresee
from app.domain.incident import Incident, IncidentState, StopRequest
from app.domain.policy import StopAction
from app.domain.press import Once
from app.domain.reasons import Reason
from app.domain.world import World
from app.errors import (
    AskedTwiceError,
    NothingToStopError,
    NotPausableError,
    StopGivenUpError,
    TooLateToDismissError,
    UnknownTargetError,
    UpstreamError,
)
from app.lookout import Lookout, Systems
from app.ports import IncidentStore, PressBook
from app.recorder import Recorder

_TWICE = Foresight((Outlook(Effect.NOTHING, "That was done before under the same key."),))


@dataclass(frozen=True, slots=True)
class Order:
    """Who asks, why, and whether it is meant."""

    by: str
    reason: str
    key: str = ""
    """What is done under a key is done once, for each caller, incident and action. Empty: none."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The incident as it is now, with what comes of the order, or would come of it."""

    incident: Incident
    foresight: Foresight


class ManualActions:
    """A dry run asks, refuses and answers as the action itself would, and stores nothing.

    A final incident is left as it is. Nobody is asked here whether they may.
    """

    def __init__(
        self,
        answers: Answers,
        store: IncidentStore,
        book: PressBook,
        recorder: Recorder,
        systems: Systems,
        context: Context,
    ) -> None:
        self._answers = answers
        self._store = store
        self._book = book
        self._recorder = recorder
        self._systems = systems
        self._lookout = Lookout(systems, store, context)
        self._context = context

    async def stop(
        self,
        incident_id: str,
        order: Order,
        action: StopAction,
        allocation_ids: Collection[str] | None = None,
        *,
        once: Once | None = None,
    ) -> Done:
        """Let these allocations be stopped by the next tick; None: all that are open.

        `once`: what it is done once for, where that is not the incident.

        Raises:
            UnknownTargetError, NothingToStopError, NotPausableError, StopGivenUpError: nothing of
                it can be done.
            StaleIncidentError: others change the incident again and again.
        """
        once = once or self.once(order, action, incident_id)
        incident = await self._store.incident(incident_id)
        settled = await self._settled(incident, once)
        if settled:
            return settled
        wanted = _wanted(incident, action, allocation_ids)
        foresight = await self.foresee_stop(incident, wanted, order, action)
        if order.dry_run:
            return Done(incident, foresight)
        try:
            after = await self._answers.stop(
                incident_id,
                wanted,
                by=order.by,
                reason=detail_of(order, foresight, action),
                once=once,
                action=action,
                evidence=evidence_of_order(foresight, once, action),
            )
        except AskedTwiceError:
            return await self.repeated(incident, once)
        return _over(after) if after.is_final else Done(after, foresight)

    async def dismiss(self, incident_id: str, order: Order) -> Done:
        """Close it as a false alarm.

        Raises:
            TooLateToDismissError: it is being stopped.
            StaleIncidentError: others change the incident again and again.
        """
        once = self.once(order, "dismiss", incident_id)
        incident = await self._store.incident(incident_id)
        settled = await self._settled(incident, once)
        if settled:
            return settled
        if incident.state is IncidentState.STOPPING:
            raise TooLateToDismissError(incident_id)
        words = "It is closed; its alert opens another one only after it was seen to be over."
        foresight = Foresight((Outlook(Effect.ACTS, words),), _taken_back(incident))
        if order.dry_run:
            return Done(incident, foresight)
        try:
            after = await self._answers.dismiss(
                incident_id,
                by=order.by,
                reason=detail_of(order, foresight),
                once=once,
                evidence=evidence_of_order(foresight, once),
            )
        except AskedTwiceError:
            return await self.repeated(incident, once)
        if not after.is_final:
            raise TooLateToDismissError(incident_id)
        return Done(after, foresight) if after.state is IncidentState.DISMISSED else _over(after)

    async def keep(self, incident_id: str, order: Order, duration: timedelta) -> Done:
        """Keep its tasks for so long. Raises as `Answers.keep` does."""
        once = self.once(order, "keep", incident_id)
        incident = await self._store.incident(incident_id)
        settled = await self._settled(incident, once)
        if settled:
            return settled
        words = "Nothing is stopped until it ends; then the owner is warned anew."
        foresight = Foresight((Outlook(Effect.ACTS, words),), _taken_back(incident))
        if order.dry_run:
            await self._answers.demand_keepable(incident, duration)
            return Done(incident, foresight)
        try:
            after = await self._answers.keep(
                incident_id, duration, by=order.by, reason=order.reason, once=once
            )
        except AskedTwiceError:
            return await self.repeated(incident, once)
        return _over(after) if after.is_final else Done(after, foresight)

    def once(self, order: Order, action: str, about: str) -> Once | None:
        if order.dry_run or not order.key:
            return None
        key = json.dumps(["api", action, about, order.by, order.key])
        return Once(key, self._context.now())

    async def _settled(self, incident: Incident, once: Once | None) -> Done | None:
        """Return the answer where there is nothing left to do: it was done before, or is over."""
        if once and await self._book.acted(once.key):
            return await self.repeated(incident, once)
        return _over(incident) if incident.is_final else None

    async def repeated(self, incident: Incident, once: Once | None) -> Done:
        """Answer as the first time, as far as the history has it, with the incident as it is."""
        found = _TWICE
        for entry in await self._store.history(incident.incident_id):
            if once and entry.evidence.get("key") == once.key:
                found = _foresight_of(entry.evidence)
        return Done(await self._store.incident(incident.incident_id), found)

    async def foresee_stop(
        self, incident: Incident, wanted: Collection[str], order: Order, action: StopAction
    ) -> Foresight:
        clock = (await self._store.clock()).elapsed
        world = await self._lookout.read(clock)
        readings = await asyncio.gather(*(self._read(each, world) for each in wanted))
        return foresee(
            incident,
            wanted,
            StopRequest(order.by, self._context.now(), action),
            dict(zip(wanted, readings, strict=True)),
            world,
            self._recorder.policy(incident),
        )

    async def _read(self, allocation_id: str, world: World) -> Readings:
        """Ask Determined, which alone is heard of it (S2, S5)."""
        try:
            allocation = await self._systems.cluster.read_allocation(
                allocation_id, workspaces=world.rulebook.asks_for_workspaces
            )
        except UpstreamError as exc:
            return Readings(None, allocation_error=str(exc) or type(exc).__name__)
        return Readings(allocation)


def _wanted(
    incident: Incident, action: StopAction, allocation_ids: Collection[str] | None
) -> list[str]:
    """Return which allocations are meant, of those that are open."""
    named = allocation_ids or [each.allocation_id for each in incident.targets]
    for each in named:
        if incident.target(each) is None:
            raise UnknownTargetError(each)
    wanted = [each for each in incident.open_targets if each.allocation_id in named]
    if not wanted:
        raise NothingToStopError(incident.incident_id)
    if incident.state is IncidentState.ESCALATED:
        raise StopGivenUpError(incident.incident_id)
    for target in wanted:
        if action is StopAction.PAUSE and target.task_type not in PAUSABLE:
            raise NotPausableError(target.task_type)
    return [each.allocation_id for each in wanted]


def _over(incident: Incident) -> Done:
    words = f"The incident is {incident.state}: nothing is done."
    return Done(incident, Foresight((Outlook(Effect.NOTHING, words),)))


def _taken_back(incident: Incident) -> tuple[Objection, ...]:
    return tuple(
        objection(
            Reason.STOP_REQUESTED, f"by {target.request.by}", allocation_id=target.allocation_id
        )
        for target in incident.open_targets
        if target.request
    )


def detail_of(order: Order, foresight: Foresight, action: StopAction = StopAction.KILL) -> str:
    """Return one line for the history: which call, why, and against what."""
    asked = f"{action}: {order.reason}" if action is StopAction.PAUSE else order.reason
    against = in_short(foresight.objections)
    return f"{asked} (against it: {against})" if against else asked


def evidence_of_order(
    foresight: Foresight, once: Once | None, action: StopAction | None = None
) -> Mapping[str, Any]:
    return {
        **({"action": action} if action else {}),
        **({"key": once.key} if once else {}),
        "effects": [asdict(each) for each in foresight.outlooks],
        "warnings": [asdict(each) for each in foresight.objections],
    }


def _foresight_of(evidence: Mapping[str, Any]) -> Foresight:
    return Foresight(
        tuple(
            replace(Outlook(**each), effect=Effect(each["effect"])) for each in evidence["effects"]
        ),
        tuple(
            replace(Objection(**each), reason=Reason(each["reason"]))
            for each in evidence["warnings"]
        ),
    )
