"""What messages are written from: the incidents as they are at this moment."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from app.context import Context
from app.domain.actions import Matter, MessageKind, Notice
from app.domain.alert import Scope
from app.domain.incident import Incident, IncidentState, Receipt
from app.domain.keeping import offered, still_allowed_for_all
from app.domain.policy import Mode
from app.domain.schedule import deadlines, promised
from app.domain.waking import next_working_morning
from app.ports import IncidentStore, Outbox
from app.recorder import Recorder

Rewriting = tuple[Receipt, Notice]
_WITH_BUTTONS = frozenset({MessageKind.WARNING, MessageKind.STATUS})
_ANSWERABLE = frozenset({IncidentState.FIRING, IncidentState.NOTIFIED, IncidentState.HELD})
_LATEST = 2
"""So many of an incident's warnings are rewritten: the one before may still name what it named."""


class Notices:
    def __init__(
        self, store: IncidentStore, outbox: Outbox, recorder: Recorder, context: Context
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._recorder = recorder
        self._context = context

    async def about(
        self,
        kind: MessageKind,
        incidents: Iterable[Incident],
        *,
        thread: Receipt | None = None,
        text: str = "",
    ) -> Notice:
        now = self._context.now()
        clock = (await self._store.clock()).latest(now, self._context.rulebook.limits.tick_gap)
        matters = tuple([await self._matter(kind, each, now, clock) for each in incidents])
        notice = Notice(kind, matters, now, thread=thread, text=text)
        if kind is MessageKind.BREAKER:
            return replace(notice, breaker=await self._store.breaker())
        return notice

    async def rewritings(self, message: Receipt, incidents: Iterable[Incident]) -> list[Rewriting]:
        """Return what a live message is to say by now, and what stands below it of these.

        The live message comes last: it is the one that must not fail.
        """
        own = {each.incident_id: each for each in incidents}
        known = own | {each.incident_id: each for each in await self._store.told_in(message)}
        whole = await self.about(MessageKind.STATUS, known.values())
        matters = {each.incident.incident_id: each for each in whole.matters}
        posted = {
            incident_id: [each for each in receipts if each.channel == message.channel]
            for incident_id, receipts in (await self._outbox.warnings(list(known))).items()
        }
        below = {
            receipt.ts: receipt
            for incident_id in own
            for receipt in posted.get(incident_id, [])[-_LATEST:]
            if receipt.ts != message.ts
        }
        found = []
        for ts, receipt in below.items():
            named = [key for key, receipts in posted.items() if ts in {r.ts for r in receipts}]
            latest = [key for key in named if posted[key][-1].ts == ts]
            notice = replace(
                whole,
                matters=tuple(matters[key] for key in latest or named),
                thread=message,
                superseded=not latest,
            )
            found.append((receipt, notice))
        return [*found, (message, whole)]

    async def _matter(
        self, kind: MessageKind, incident: Incident, now: datetime, clock: timedelta
    ) -> Matter:
        policy = self._recorder.policy(incident)
        due = partial(deadlines, incident, policy, clock=clock, now=now)
        first = kind is MessageKind.WARNING
        return Matter(
            incident=self._named(incident),
            deadlines=self._promised(incident, now) if first else due(),
            action=policy.action,
            fallback=policy.fallback,
            only_when_queued=policy.only_when_queued,
            keeps=await self._keeps(incident, now) if kind in _WITH_BUTTONS else (),
        )

    async def _keeps(self, incident: Incident, now: datetime) -> tuple[str, ...]:
        """Return for how long every task of it may still be kept."""
        if incident.mode is not Mode.ENFORCE or incident.state not in _ANSWERABLE:
            return ()
        policy, rulebook = self._recorder.policy(incident), self._context.rulebook
        task_ids = sorted({target.task_id for target in incident.open_targets})
        since = incident.opened_at
        keeps = await self._store.keeps_since(task_ids, policy.name, since)
        left = still_allowed_for_all(keeps, task_ids, policy, since=since, now=now)
        zone = rulebook.zone_of(incident.identity.username)
        morning = next_working_morning(policy.waking_hours, now, zone)
        return offered(left, until_morning=morning - now)

    def _named(self, incident: Incident) -> Incident:
        """Add what Determined says of the targets: their names and slots."""
        for target in incident.targets:
            allocation = self._context.view.allocation(target.allocation_id)
            if allocation is not None:
                named = replace(target, name=allocation.name, slots=allocation.slots)
                incident = incident.with_target(named)
        return incident

    def _promised(self, incident: Incident, now: datetime) -> dict[str, datetime]:
        """Return the deadlines that the first warning names; none where nothing is stopped."""
        if incident.mode is not Mode.ENFORCE:
            return {}
        policy = self._recorder.policy(incident)
        zone = self._context.rulebook.zone_of(incident.identity.username)
        ends = {
            target.allocation_id: promised(target, policy, now=now, zone=zone)
            for target in incident.open_targets
        }
        if incident.identity.scope is Scope.USER and ends:
            # They are alternatives to each other: all are looked at again at the same time.
            return dict.fromkeys(ends, max(ends.values()))
        return ends
