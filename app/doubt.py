"""Is a message that waits still true? Asked right before it is sent (S10)."""

from app.context import Context
from app.domain.actions import MessageKind
from app.domain.announcing import is_announced
from app.domain.cluster import Snapshot
from app.domain.incident import Incident, IncidentState
from app.domain.outbox import Delivery
from app.domain.policy import Mode
from app.domain.standing import may_be_exempt, standing_holds
from app.domain.steps import words
from app.ports import IncidentStore
from app.recorder import Recorder

_STATES = {
    MessageKind.WARNING: frozenset({IncidentState.FIRING}),
    MessageKind.REMINDER: frozenset({IncidentState.NOTIFIED}),
    MessageKind.LAST_CALL: frozenset({IncidentState.NOTIFIED}),
}
"""The states in which a message of this kind is still true; the other kinds always are."""
TO_BE_ANSWERED = frozenset(_STATES)
"""The kinds that tell an owner what will happen unless they say no."""


def is_true(delivery: Delivery, incident: Incident) -> bool:
    """Tell whether what the message would say still is so."""
    states = _STATES.get(delivery.kind)
    if states is None:
        return True
    return incident.state in states and incident.round == delivery.round


class Doubt:
    def __init__(self, store: IncidentStore, recorder: Recorder, context: Context) -> None:
        self._store = store
        self._recorder = recorder
        self._context = context

    async def about(self, delivery: Delivery, incident: Incident) -> str:
        """Return why the message may not be true any more, although no tick has seen it yet.

        The next tick settles it: then the message is sent, or is out of date.
        """
        if delivery.kind not in TO_BE_ANSWERED:
            return ""
        rulebook = self._context.rulebook
        if incident.mode is not self._recorder.policy(incident).ceiling(rulebook.mode):
            # The configuration is another one by now.
            return "the mode has changed"
        if not is_announced(incident, rulebook):
            return "what would be done has changed"
        if incident.mode is Mode.ENFORCE and (await self._store.breaker()).tripped:
            return "the breaker is tripped"
        snapshot = self._snapshot()
        held = tuple(standing_holds(incident, rulebook, snapshot, self._context.now()))
        if held or delivery.kind is not MessageKind.WARNING:
            return words(held) or self._untold(incident, snapshot)
        if not _is_confirmed(incident, snapshot):
            return "Determined does not confirm the owner"
        return await self._kept(incident)

    def _untold(self, incident: Incident, snapshot: Snapshot | None) -> str:
        """Say what speaks against a reminder while Determined does not tell (S11)."""
        is_known = snapshot is not None
        if is_known or not may_be_exempt(incident, self._context.rulebook, self._context.now()):
            return ""
        return "it may be exempt, and Determined does not tell"

    def _snapshot(self) -> Snapshot | None:
        limit = self._context.rulebook.limits.snapshot_age
        return self._context.view.fresh(self._context.now(), limit)

    async def _kept(self, incident: Incident) -> str:
        tasks = {target.task_id for target in incident.open_targets}
        for keep in await self._store.keeps(self._context.now()):
            if keep.task_id in tasks and keep.policy == incident.identity.policy:
                return f"kept by {keep.by}"
        return ""


def _is_confirmed(incident: Incident, snapshot: Snapshot | None) -> bool:
    """Tell whether Determined, read lately, lists every target with the owner to be told."""
    if snapshot is None:
        return False
    targets = incident.open_targets
    found = [(each, snapshot.allocations.get(each.allocation_id)) for each in targets]
    return bool(targets) and all(
        allocation is not None and allocation.username == target.username
        for target, allocation in found
    )
