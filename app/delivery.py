"""From the outbox to Slack: each message once, and never one that is out of date."""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from app.context import Context
from app.domain import events as e
from app.domain.actions import Audience, MessageKind, Notice
from app.domain.alert import Scope
from app.domain.cluster import is_deactivated
from app.domain.incident import (
    GivenWarning,
    Hold,
    Incident,
    Receipt,
    RecipientKind,
)
from app.domain.outbox import Delivery, Pace, Recipient
from app.domain.policy import Mode
from app.domain.reasons import Reason
from app.domain.schedule import deadlines, promised
from app.domain.steps import Transition
from app.doubt import TO_BE_ANSWERED, Doubt, is_true
from app.errors import StaleIncidentError, UpstreamError, UpstreamRejectedError
from app.loops import contained
from app.ports import IncidentStore, Messenger, Outbox
from app.recorder import Recorder
from app.tenure import Tenure

log = structlog.get_logger()
_BATCH = 50
_SEARCH_MARGIN = timedelta(minutes=1)


class Dispatcher:
    def __init__(
        self,
        outbox: Outbox,
        store: IncidentStore,
        messenger: Messenger,
        recorder: Recorder,
        context: Context,
        tenure: Tenure,
        *,
        pace: Pace,
    ) -> None:
        self._outbox = outbox
        self._store = store
        self._messenger = messenger
        self._recorder = recorder
        self._context = context
        self._tenure = tenure
        self._pace = pace
        self._doubt = Doubt(store, recorder, context)

    async def deliver_due(self) -> None:
        """Send what is due, where no other replica does."""
        if await self._tenure.begin():
            with self._tenure.while_held():
                await self._deliver_all()
        oldest = await self._outbox.oldest()
        self._context.telemetry.oldest_message.set(oldest.timestamp() if oldest else 0)

    async def _deliver_all(self) -> None:
        """Raises: StaleLeaseError: another replica has taken over; it goes on where this ends."""
        deliveries = await self._outbox.due(self._context.now(), limit=_BATCH)
        newest = {
            each.incident_id: each.message_id
            for each in deliveries
            if each.kind is MessageKind.STATUS
        }
        for delivery in deliveries:
            latest = newest.get(delivery.incident_id, delivery.message_id)
            if delivery.kind is MessageKind.STATUS and delivery.message_id != latest:
                # Each is written from what is so now: one of them says it all.
                await self._drop(delivery, "superseded")
                continue
            await self._tenure.go_on()
            with contained("delivery", self._context.telemetry.step_failed):
                await self._deliver(delivery)

    async def _deliver(self, delivery: Delivery) -> None:
        incident = await self._store.incident(delivery.incident_id)
        out_of_date = not is_true(delivery, incident)
        doubt = "" if out_of_date else await self._doubt.about(delivery, incident)
        try:
            if out_of_date:
                await self._give_up(delivery, incident)
            elif doubt:
                await self._postpone(delivery, doubt, None)
            elif delivery.kind is MessageKind.STATUS:
                await self._rewrite(delivery, incident)
            else:
                await self._post(delivery, incident)
        except UpstreamRejectedError as exc:
            await self._refused(delivery, str(exc))
        except UpstreamError as exc:
            await self._postpone(delivery, str(exc), getattr(exc, "retry_after", None))

    async def _give_up(self, delivery: Delivery, incident: Incident) -> None:
        """Drop what is out of date. A warning that may be there already is looked for first: the
        deadline that it names must not stay (S10).
        """
        if delivery.kind is MessageKind.WARNING and delivery.attempted_at is not None:
            owner = incident.identity.username
            recipient = await self._messenger.recipient(delivery.audience, owner)
            notice = await self._notice(delivery, incident)
            receipt = await self._found(delivery, recipient, notice)
            if receipt is not None:
                await self._confirm(delivery, receipt, notice)
                return
        await self._drop(delivery, f"out of date: the incident is {incident.state}")

    async def _rewrite(self, delivery: Delivery, incident: Incident) -> None:
        if incident.message is None:
            await self._drop(delivery, "there is no message to rewrite")
            return
        notice = await self._notice(delivery, incident)
        self._tenure.demand_sure()
        await self._messenger.update(incident.message, notice)
        await self._outbox.sent(delivery.message_id, None, None)
        self._context.telemetry.delivery(delivery.kind, "sent")

    async def _post(self, delivery: Delivery, incident: Incident) -> None:
        owner = incident.identity.username
        if delivery.audience is Audience.OWNER and self._is_deactivated(owner):
            await self._refused(delivery, f"the account of {owner} is deactivated in Determined")
            return
        recipient = await self._messenger.recipient(delivery.audience, owner)
        if delivery.audience is Audience.OWNER and recipient.kind is RecipientKind.ADMINS:
            await self._refused(delivery, recipient.detail)
            return
        notice = await self._notice(delivery, incident)
        receipt = await self._found(delivery, recipient, notice)
        if receipt is None:
            await self._outbox.attempt(delivery.message_id, self._context.now())
            self._tenure.demand_sure()
            receipt = await self._messenger.post(recipient, notice, message_id=delivery.message_id)
        await self._confirm(delivery, receipt, notice)
        self._context.telemetry.delivery(delivery.kind, "sent")

    def _is_deactivated(self, owner: str) -> bool:
        limit = self._context.rulebook.limits.snapshot_age
        return is_deactivated(owner, self._context.view.fresh(self._context.now(), limit))

    async def _found(
        self, delivery: Delivery, recipient: Recipient, notice: Notice
    ) -> Receipt | None:
        """Look for a message that was tried before: its confirmation may have been lost."""
        if delivery.attempted_at is None:
            return None
        return await self._messenger.find(
            recipient,
            delivery.message_id,
            thread=notice.thread,
            since=delivery.attempted_at - _SEARCH_MARGIN,
        )

    async def _notice(self, delivery: Delivery, incident: Incident) -> Notice:
        now = self._context.now()
        first = delivery.kind is MessageKind.WARNING
        policy = self._recorder.policy(incident)
        return Notice(
            kind=delivery.kind,
            incident=self._named(incident),
            now=now,
            deadlines=self._promised(incident, now) if first else await self._due(incident, now),
            thread=None if first or delivery.audience is Audience.ADMINS else incident.message,
            text=delivery.text,
            action=policy.action,
            fallback=policy.fallback,
            only_when_queued=policy.only_when_queued,
        )

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

    async def _due(self, incident: Incident, now: datetime) -> dict[str, datetime]:
        clock = (await self._store.clock()).latest(now, self._context.rulebook.limits.tick_gap)
        return deadlines(incident, self._recorder.policy(incident), clock=clock, now=now)

    async def _confirm(self, delivery: Delivery, receipt: Receipt, notice: Notice) -> None:
        """Store the confirmation and what it means, however often others store meanwhile."""
        while True:
            incident = await self._store.incident(delivery.incident_id)
            event = await self._confirmed(delivery, receipt, notice)
            events = [event] if event else []
            transition = self._recorder.after(Transition(incident), events)
            try:
                await self._outbox.sent(delivery.message_id, receipt, transition)
            except StaleIncidentError:
                continue
            self._recorder.note(transition)
            return

    async def _confirmed(
        self, delivery: Delivery, receipt: Receipt, notice: Notice
    ) -> e.Event | None:
        if delivery.kind is not MessageKind.WARNING:
            return None
        now = self._context.now()
        clock = (await self._store.clock()).latest(now, self._context.rulebook.limits.tick_gap)
        warnings = {
            target.allocation_id: GivenWarning(
                delivered_at=now,
                clock=clock,
                deadline=notice.deadlines.get(target.allocation_id, now),
                username=target.username,
            )
            for target in notice.incident.open_targets
        }
        return e.WarningDelivered(delivery.round, receipt, warnings)

    async def _refused(self, delivery: Delivery, why: str) -> None:
        """Nobody who counts as the owner can be told: nothing of theirs is stopped (S1)."""
        if delivery.audience is Audience.ADMINS:
            # What admins must know stays until they can: somebody has to mend their channel.
            await self._postpone(delivery, why, None)
            return
        if delivery.kind not in TO_BE_ANSWERED:
            await self._drop(delivery, why)
            return
        # A reminder that goes nowhere says of the warning before it that nobody can answer it.
        until = self._context.now() + self._context.rulebook.limits.unreachable_retry
        hold = Hold(Reason.OWNER_UNREACHABLE, until=until, detail=why)
        while True:
            incident = await self._store.incident(delivery.incident_id)
            event = e.OwnerUnreachable(delivery.round, hold)
            transition = self._recorder.after(Transition(incident), [event])
            try:
                await self._outbox.drop(delivery.message_id, why, transition)
            except StaleIncidentError:
                continue
            self._recorder.note(transition)
            self._context.telemetry.delivery(delivery.kind, "refused")
            return

    async def _drop(self, delivery: Delivery, why: str) -> None:
        log.info("message_dropped", message_id=delivery.message_id, kind=delivery.kind, why=why)
        self._context.telemetry.delivery(delivery.kind, "dropped")
        await self._outbox.drop(delivery.message_id, why, None)

    async def _postpone(self, delivery: Delivery, why: str, retry_after: timedelta | None) -> None:
        wait = retry_after or self._pace.after(delivery.attempts)
        log.warning("message_postponed", message_id=delivery.message_id, why=why)
        self._context.telemetry.delivery(delivery.kind, "postponed")
        await self._outbox.postpone(delivery.message_id, self._context.now() + wait, why)
