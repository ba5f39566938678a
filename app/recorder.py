"""Where events become history: decide, store, count, log, in this one order."""

from collections.abc import Iterable

import structlog

from app.context import Context
from app.domain.events import Event
from app.domain.incident import Incident
from app.domain.lifecycle import advance
from app.domain.policy import Policy
from app.domain.press import Once
from app.domain.steps import Transition
from app.ports import IncidentStore

log = structlog.get_logger()


class Recorder:
    def __init__(self, store: IncidentStore, context: Context) -> None:
        self._store = store
        self._context = context

    def policy(self, incident: Incident) -> Policy:
        return self._context.rulebook.policy_for(incident.identity)

    def after(self, transition: Transition, events: Iterable[Event]) -> Transition:
        """Let the events follow, without storing anything."""
        for event in events:
            policy = self.policy(transition.incident)
            further = advance(transition.incident, event, policy, at=self._context.now())
            transition = transition.followed_by(further)
        return transition

    async def record(
        self, incident: Incident, *events: Event, once: Once | None = None
    ) -> Incident:
        """Store what the events make of the incident, in one transaction.

        Raises:
            AskedTwiceError: something was stored under this key before.
            StaleIncidentError: the incident was changed since it was read; nothing was stored.
            IntentExistsError: another incident means to stop the same allocation.
        """
        return await self.store(self.after(Transition(incident), events), once=once)

    async def store(self, transition: Transition, *, once: Once | None = None) -> Incident:
        """Store a transition. Raises as `record` does."""
        if not transition.entries:
            return transition.incident
        stored = await self._store.commit(transition, once=once)
        self.note(transition)
        return stored

    def note(self, transition: Transition) -> None:
        """Count and log a transition that is on disk."""
        self._context.telemetry.transition(transition)
        incident = transition.incident
        for entry in transition.entries:
            log.info(
                "incident",
                incident_id=incident.incident_id,
                alertname=incident.identity.alertname,
                username=incident.identity.username,
                allocation_id=incident.identity.allocation_id,
                reason=entry.reason,
                before=entry.before,
                after=entry.after,
                actor=entry.actor,
                detail=entry.detail,
            )
