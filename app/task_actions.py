"""A stop by hand of a task, whether an incident is about it or not.

Without one it gets an incident of its own, opened and asked to stop in one transaction. From there
on the stop is made, verified, told and explained like any other by hand (S2, S5, S6, S8, S12).
"""

import uuid
from collections.abc import Callable, Iterable

from app.answers import keeps_in_force
from app.context import Context
from app.domain.alert import Scope
from app.domain.by_hand import is_by_hand
from app.domain.cluster import PAUSABLE, Allocation
from app.domain.events import StopRequested
from app.domain.incident import Incident, IncidentState, StopRequest
from app.domain.opening import open_by_hand
from app.domain.outbox import IncidentQuery
from app.domain.policy import StopAction
from app.domain.press import Once
from app.domain.prospect import NeverJudged, never_judged
from app.domain.tasks import running_task
from app.errors import (
    AskedTwiceError,
    ClusterUnreadError,
    IncidentNotFoundError,
    NotPausableError,
    NotStoppableError,
    OwnerUnknownError,
    StaleIncidentError,
    TaskNotFoundError,
)
from app.manual_actions import Done, ManualActions, Order, detail_of, evidence_of_order
from app.ports import IncidentStore, PressBook
from app.recorder import Recorder

_TRIES = 5
_LATEST = 1000
_KEYS = uuid.UUID("6d3f4a52-9c0e-4d3b-8f0a-5a3c1e7b2d90")
"""Makes ids of incidents from keys, so that what was done under a key is found again."""


class TaskActions:
    def __init__(
        self,
        manual: ManualActions,
        store: IncidentStore,
        book: PressBook,
        recorder: Recorder,
        context: Context,
        *,
        wake: Callable[[], None],
    ) -> None:
        """`wake`: lets the loops look at once."""
        self._manual = manual
        self._store = store
        self._book = book
        self._recorder = recorder
        self._context = context
        self._wake = wake

    async def stop(self, task_id: str, order: Order, action: StopAction) -> Done:
        """Let the task be stopped by the next tick.

        An open incident about it is asked. A dry run answers as the action itself would, and stores
        nothing; where it would open an incident, that has no id.

        Raises:
            ClusterUnreadError: Determined was not read lately: nobody knows what runs.
            TaskNotFoundError: it does not run.
            OwnerUnknownError, NotStoppableError, NotPausableError: it cannot be stopped so.
            StopGivenUpError: it was tried by hand, again and again, in vain.
            StaleIncidentError: others are faster again and again.
        """
        once = self._manual.once(order, f"task {action}", task_id)
        if once and await self._book.acted(once.key):
            return await self._repeated(task_id, once)
        for _ in range(_TRIES):
            allocation = self._allocation(task_id, action)
            incident = _asked(allocation, await self._store.open_incidents())
            try:
                if incident is None:
                    return await self._open(allocation, order, action, once)
                only = [allocation.allocation_id]
                return await self._manual.stop(incident.incident_id, order, action, only, once=once)
            except StaleIncidentError:
                continue
            except AskedTwiceError:
                if once is None:
                    raise
                return await self._repeated(task_id, once)
        raise StaleIncidentError(task_id)

    def _allocation(self, task_id: str, action: StopAction) -> Allocation:
        """Return what runs of the task, of which all is known that a stop needs."""
        now, limits = self._context.now(), self._context.rulebook.limits
        snapshot = self._context.view.fresh(now, limits.snapshot_age)
        if snapshot is None:
            raise ClusterUnreadError
        task = running_task(task_id, snapshot, self._context.view.started)
        if task is None:
            raise TaskNotFoundError(task_id)
        allocation = task.latest
        if allocation.username is None:
            raise OwnerUnknownError(task_id)
        if allocation.task_type is None or never_judged(allocation) is NeverJudged.NOT_STOPPABLE:
            raise NotStoppableError(allocation.task_type or "task of an unknown type")
        if action is StopAction.PAUSE and allocation.task_type not in PAUSABLE:
            raise NotPausableError(allocation.task_type)
        return allocation

    async def _open(
        self, allocation: Allocation, order: Order, action: StopAction, once: Once | None
    ) -> Done:
        """Open an incident and ask it to stop, at once (S8)."""
        at = self._context.now()
        # One that is only tried out is on no disk.
        incident_id = "" if order.dry_run else _id(once)
        opening = open_by_hand(incident_id, allocation, by=order.by, why=order.reason, at=at)
        only = (allocation.allocation_id,)
        foresight = await self._manual.foresee_stop(opening.incident, only, order, action)
        asked = StopRequested(
            only,
            StopRequest(order.by, at, action, await keeps_in_force(self._store, only, at)),
            detail_of(order, foresight, action),
            evidence_of_order(foresight, once, action),
        )
        transition = self._recorder.after(opening, [asked])
        if order.dry_run:
            return Done(opening.incident, foresight)
        stored = await self._recorder.store(transition, once=once)
        self._wake()
        return Done(stored, foresight)

    async def _repeated(self, task_id: str, once: Once) -> Done:
        """Answer as the first time, with the incident as it is by now."""
        try:
            incident = await self._store.incident(_id(once))
        except IncidentNotFoundError:
            incident = await self._asked_before(task_id)
        return await self._manual.repeated(incident, once)

    async def _asked_before(self, task_id: str) -> Incident:
        """Return the latest incident about the task: it had one when the key was used.

        Raises:
            TaskNotFoundError: it is long over.
        """
        latest = await self._store.search(IncidentQuery(limit=_LATEST))
        for incident in latest:
            if any(each.task_id == task_id and each.request for each in incident.targets):
                return incident
        raise TaskNotFoundError(task_id)


def _id(once: Once | None) -> str:
    return str(uuid.uuid5(_KEYS, once.key) if once else uuid.uuid4())


def _asked(allocation: Allocation, known: Iterable[Incident]) -> Incident | None:
    """Return the open incident that is to carry out a stop of this allocation.

    One that stops it already, else one about it alone. Not one whose alert was given up, for this
    is a new decision; but what a person asked for is not asked for again, in vain.
    """
    found = [
        each
        for each in known
        if (each.state is not IncidentState.ESCALATED or is_by_hand(each))
        and any(t.allocation_id == allocation.allocation_id for t in each.open_targets)
    ]
    return min(found, key=_farthest_first, default=None)


def _farthest_first(incident: Incident) -> tuple[bool, bool]:
    is_stopping = incident.state is IncidentState.STOPPING
    return not is_stopping, incident.identity.scope is Scope.USER
