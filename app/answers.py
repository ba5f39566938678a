"""What owners and operators answer to the watchdog: keep it, stop it now, a false alarm."""

import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from app.context import Context
from app.domain.events import Dismissed, Event, Evidence, HoldsObserved, StopRequested
from app.domain.incident import Hold, Incident, Keep, StopRequest
from app.domain.keeping import still_allowed_for_all
from app.domain.policy import StopAction
from app.domain.press import Once
from app.domain.reasons import Reason
from app.domain.steps import Transition, is_under_way
from app.durations import format_duration
from app.errors import (
    KeepTooLongError,
    NothingToKeepError,
    StaleIncidentError,
    StopUnderWayError,
)
from app.ports import IncidentStore
from app.recorder import Recorder

_TRIES = 5


class Answers:
    """Each method is one transaction that follows from a look at the incident as it is stored.

    A final incident is left as it is, and returned. What is asked for under a key (`once`) is done
    once: a second time raises AskedTwiceError.
    """

    def __init__(
        self,
        store: IncidentStore,
        recorder: Recorder,
        context: Context,
        *,
        wake: Callable[[], None],
    ) -> None:
        """`wake`: lets the loops look at once."""
        self._store = store
        self._recorder = recorder
        self._context = context
        self._wake = wake

    async def keep(
        self,
        incident_id: str,
        duration: timedelta,
        *,
        by: str,
        reason: str,
        once: Once | None = None,
    ) -> Incident:
        """Hold the incident from this moment on, and show it in Alertmanager as a silence.

        The keep and the hold are one transaction, which no stop can pass (S13): whoever comes
        second finds another version of the incident.

        Raises:
            StopUnderWayError: the task is being stopped.
            NothingToKeepError: the incident has no task at the moment.
            KeepTooLongError: the policy does not allow so much.
            StaleIncidentError: others change the incident again and again.
        """
        for _ in range(_TRIES):
            incident = await self._store.incident(incident_id)
            if incident.is_final:
                return incident
            try:
                await self._keep(incident, duration, by, reason, once)
            except StaleIncidentError:
                continue
            self._wake()
            return await self._store.incident(incident_id)
        raise StaleIncidentError(incident_id)

    async def stop(
        self,
        incident_id: str,
        allocation_ids: Collection[str],
        *,
        by: str,
        reason: str,
        once: Once | None = None,
        action: StopAction = StopAction.KILL,
        evidence: Evidence | None = None,
    ) -> Incident:
        """Let these allocations be stopped by the next tick, once Determined confirms them.

        Raises:
            StaleIncidentError: others change the incident again and again.
        """
        now = self._context.now()
        despite = await keeps_in_force(self._store, allocation_ids, now)
        request = StopRequest(by, now, action, despite)
        asked = StopRequested(tuple(sorted(allocation_ids)), request, reason, evidence or {})
        return await self._record(incident_id, asked, once)

    async def dismiss(
        self,
        incident_id: str,
        *,
        by: str,
        reason: str,
        once: Once | None = None,
        evidence: Evidence | None = None,
    ) -> Incident:
        """Close the incident as a false alarm. The alert opens another one only after its
        condition was seen to be over.

        Raises:
            StaleIncidentError: others change the incident again and again.
        """
        return await self._record(incident_id, Dismissed(by, reason, evidence or {}), once)

    async def still_allowed(self, incident: Incident) -> timedelta:
        """Return how long a keep of all the incident's tasks may last from now on."""
        policy, now = self._recorder.policy(incident), self._context.now()
        task_ids = sorted({target.task_id for target in incident.open_targets})
        since = incident.opened_at
        keeps = await self._store.keeps_since(task_ids, policy.name, since)
        return still_allowed_for_all(keeps, task_ids, policy, since=since, now=now)

    async def demand_keepable(self, incident: Incident, duration: timedelta) -> None:
        """Raise what `keep` would raise, as far as it shows before anything is stored."""
        if any(is_under_way(target) for target in incident.targets):
            raise StopUnderWayError(incident.incident_id)
        if not incident.open_targets:
            raise NothingToKeepError(incident.incident_id)
        await self._demand_allowed(incident, duration)

    async def _record(self, incident_id: str, event: Event, once: Once | None) -> Incident:
        for _ in range(_TRIES):
            incident = await self._store.incident(incident_id)
            try:
                stored = await self._recorder.record(incident, event, once=once)
            except StaleIncidentError:
                continue
            self._wake()
            return stored
        raise StaleIncidentError(incident_id)

    async def _keep(
        self, incident: Incident, duration: timedelta, by: str, reason: str, once: Once | None
    ) -> None:
        await self.demand_keepable(incident, duration)
        task_ids = sorted({target.task_id for target in incident.open_targets})
        now = self._context.now()
        hold = Hold(Reason.KEPT, by=by, until=now + duration, detail=reason)
        event = HoldsObserved((*incident.holds, hold), actor=by)
        transition = self._recorder.after(Transition(incident), [event])
        keeps = _keeps(incident, task_ids, hold, now)
        await self._store.add_keeps(keeps, transition, once=once)
        self._recorder.note(transition)

    async def _demand_allowed(self, incident: Incident, duration: timedelta) -> None:
        allowed = await self.still_allowed(incident)
        if duration > allowed:
            policy = self._recorder.policy(incident)
            left = format_duration(timedelta(seconds=max(allowed // timedelta(seconds=1), 0)))
            raise KeepTooLongError(
                f"{left} are left: policy {policy.name} allows "
                f"{format_duration(policy.keep_longest)} at a time, and "
                f"{format_duration(policy.keep_total)} within one incident.",
                allowed=allowed,
            )


async def keeps_in_force(
    store: IncidentStore, allocation_ids: Collection[str], now: datetime
) -> tuple[str, ...]:
    """Return the ids of the keeps that whoever asks for a stop of these goes against."""
    task_ids = {each.rpartition(".")[0] for each in allocation_ids}
    return tuple(
        sorted(each.keep_id for each in await store.keeps(now) if each.task_id in task_ids)
    )


def _keeps(incident: Incident, task_ids: Sequence[str], hold: Hold, now: datetime) -> list[Keep]:
    return [
        Keep(
            keep_id=str(uuid.uuid4()),
            task_id=task_id,
            policy=incident.identity.policy,
            until=hold.until or now,
            by=hold.by,
            reason=hold.detail,
            created_at=now,
        )
        for task_id in task_ids
    ]
