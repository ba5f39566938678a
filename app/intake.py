"""From the webhook to the disk: stored before the answer, worked on after it (S8)."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from app.context import Context
from app.domain.alert import Alert, Scope
from app.domain.events import AlertActive
from app.domain.opening import Before, open_incident
from app.domain.situation import is_over_limit
from app.domain.steps import Transition
from app.errors import StaleIncidentError, StoreUnavailableError
from app.ports import IncidentStore
from app.recorder import Recorder

log = structlog.get_logger()
_TRIES = 3


class Intake:
    def __init__(
        self,
        store: IncidentStore,
        recorder: Recorder,
        context: Context,
        *,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._context = context
        self._wake = wake

    async def receive(self, alerts: Sequence[Alert], *, heartbeat: bool = False) -> None:
        """Commit what a delivery of the webhook brought.

        Raises:
            StoreUnavailableError: nothing was committed; Alertmanager has to send it again.
        """
        now = self._context.now()
        wanted = [alert for alert in alerts if alert.firing and self._may_run(alert, now)]
        heartbeat_at = now if heartbeat else None
        before = await self._before(wanted, now)
        for _ in range(_TRIES):
            transitions = [
                self._open(alert, before)
                for alert in wanted
                if not before.is_left_over(alert.identity.key, alert.starts_at)
            ]
            try:
                stored = await self._store.receive(transitions, heartbeat_at=heartbeat_at)
            except StaleIncidentError:
                continue
            break
        else:
            raise StoreUnavailableError("other deliveries were faster, again and again")
        for transition in stored:
            self._recorder.note(transition)
        if alerts:
            log.info("webhook_received", alerts=len(alerts), opened=len(stored))
            self._wake()

    def _may_run(self, alert: Alert, now: datetime) -> bool:
        """Leave out alerts about allocations that Determined no longer lists, or about users who
        are within their limit.

        Prometheus keeps an alert firing for a while after the end of what it is about. Should the
        view be wrong, the reconciler finds the alert by itself.
        """
        snapshot = self._context.view.fresh(now, self._context.rulebook.limits.snapshot_age)
        if snapshot is None:
            return True
        if alert.identity.scope is Scope.USER:
            limits = self._context.rulebook.slot_limits
            return is_over_limit(alert.identity, snapshot, limits)
        return alert.identity.allocation_id in snapshot.allocations

    async def _before(self, alerts: Sequence[Alert], now: datetime) -> Before:
        limits = self._context.rulebook.limits
        since = Before.since(now, limits)
        keys = [each.identity.key for each in alerts]
        resolved = await self._store.resolved(keys, since=since)
        return Before(resolved, now, limits, await self._store.dismissed_of(keys))

    def _open(self, alert: Alert, before: Before) -> Transition:
        """Open an incident. The delivery itself says that nothing suppresses the alert."""
        policy = self._context.rulebook.policy_for(alert.identity)
        opening = open_incident(
            str(uuid.uuid4()),
            alert.identity,
            mode=policy.ceiling(self._context.rulebook.mode),
            annotations=alert.annotations,
            at=before.now,
            settled_at=before.settled_at(alert.identity.key),
        )
        return self._recorder.after(opening, [AlertActive()])
