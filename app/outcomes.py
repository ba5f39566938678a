"""What becomes of a message: confirmed, refused, dropped or postponed; and what that means."""

from contextlib import suppress
from datetime import timedelta

import structlog

from app.context import Context
from app.domain import events as e
from app.domain.actions import Audience, Matter, MessageKind, Notice
from app.domain.clock import APART
from app.domain.incident import GivenWarning, Hold, Receipt
from app.domain.outbox import Delivery, Pace, Recipient
from app.domain.policy import Announcement
from app.domain.reasons import Reason
from app.domain.steps import Transition
from app.doubt import TO_BE_ANSWERED
from app.errors import StaleIncidentError
from app.ports import IncidentStore, Outbox
from app.recorder import Recorder

log = structlog.get_logger()


class Outcomes:
    def __init__(
        self,
        outbox: Outbox,
        store: IncidentStore,
        recorder: Recorder,
        context: Context,
        pace: Pace,
    ) -> None:
        self._outbox = outbox
        self._store = store
        self._recorder = recorder
        self._context = context
        self._pace = pace

    async def confirm(
        self, delivery: Delivery, receipt: Receipt, notice: Notice, recipient: Recipient
    ) -> None:
        """Store the confirmation and what it means, however often others store meanwhile."""
        while True:
            incident = await self._store.incident(delivery.incident_id)
            event = await self._confirmed(delivery, receipt, notice, recipient)
            events = [event] if event else []
            transition = self._recorder.after(Transition(incident), events)
            try:
                await self._outbox.sent(delivery.message_id, receipt, transition)
            except StaleIncidentError:
                continue
            self._recorder.note(transition)
            self._context.telemetry.delivery(delivery.kind, "sent")
            return

    async def _confirmed(
        self, delivery: Delivery, receipt: Receipt, notice: Notice, recipient: Recipient
    ) -> e.Event | None:
        if delivery.kind is not MessageKind.WARNING:
            return None
        now = self._context.now()
        # What an attempt named before holds too: it may be the one that has arrived.
        named = delivery.promised.deadline or now
        # Another replica may count the time, by a clock that is ahead of ours.
        apart = timedelta() if self._context.counts_time() else APART
        gap = self._context.rulebook.limits.tick_gap
        clock = (await self._store.clock()).latest(now, gap, apart=apart)
        breaker = await self._store.breaker()
        warnings = {
            target.allocation_id: GivenWarning(
                delivered_at=now,
                clock=clock,
                deadline=max(matter.deadlines.get(target.allocation_id, now), named),
                username=target.username,
                announced=announced_by(delivery, matter),
                channel=recipient.channel,
                breaker_at=breaker.at,
            )
            for matter in notice.matters
            if matter.incident.incident_id == delivery.incident_id
            for target in matter.incident.open_targets
        }
        return e.WarningDelivered(delivery.round, receipt, warnings)

    async def hold_to(self, delivery: Delivery) -> None:
        """Remember by which grace period a reminder that goes out names its deadlines (S1)."""
        event = e.ReminderDue(delivery.kind, goes_out=True)
        while True:
            incident = await self._store.incident(delivery.incident_id)
            transition = self._recorder.after(Transition(incident), [event])
            if not transition.entries:
                return
            with suppress(StaleIncidentError):
                await self._recorder.store(transition)
                return

    async def refuse(self, delivery: Delivery, why: str) -> None:
        """Nobody who counts as the owner can be told: nothing of theirs is stopped (S1)."""
        if delivery.audience is Audience.ADMINS:
            # What admins must know stays until they can: somebody has to mend their channel.
            await self.postpone(delivery, why, None)
            return
        if delivery.kind not in TO_BE_ANSWERED:
            await self.drop(delivery, why)
            return
        # A reminder that goes nowhere says of the warning before it that nobody can answer it.
        until = self._context.now() + self._context.rulebook.limits.unreachable_retry
        hold = Hold(Reason.OWNER_UNREACHABLE, until=until, detail=why)
        await self._drop(delivery, why, e.OwnerUnreachable(delivery.round, hold))
        self._context.telemetry.delivery(delivery.kind, "refused")

    async def begin_anew(self, delivery: Delivery, recipient: Recipient) -> None:
        """Drop a reminder of a warning that was given elsewhere: who is told now was not (S1)."""
        why = f"the warning was given elsewhere than in {recipient.channel}"
        event = e.EpisodeBegan({"now_told_in": recipient.channel}, Reason.RECIPIENT_CHANGED)
        await self._drop(delivery, why, event)
        self._context.telemetry.delivery(delivery.kind, "dropped")

    async def _drop(self, delivery: Delivery, why: str, event: e.Event) -> None:
        """Drop a message, and store what that means, however often others store meanwhile."""
        while True:
            incident = await self._store.incident(delivery.incident_id)
            transition = self._recorder.after(Transition(incident), [event])
            try:
                await self._outbox.drop(delivery.message_id, why, transition)
            except StaleIncidentError:
                continue
            self._recorder.note(transition)
            return

    async def drop(self, delivery: Delivery, why: str) -> None:
        log.info("message_dropped", message_id=delivery.message_id, kind=delivery.kind, why=why)
        self._context.telemetry.delivery(delivery.kind, "dropped")
        await self._outbox.drop(delivery.message_id, why, None)

    async def postpone(self, delivery: Delivery, why: str, retry_after: timedelta | None) -> None:
        wait = retry_after or self._pace.after(delivery.attempts)
        log.warning("message_postponed", message_id=delivery.message_id, why=why)
        self._context.telemetry.delivery(delivery.kind, "postponed")
        await self._outbox.postpone(delivery.message_id, self._context.now() + wait, why)


def announced_by(delivery: Delivery, matter: Matter) -> Announcement | None:
    """Return the mildest that the message has said to be done, once this notice is tried too.

    None: an attempt was made before anybody noted what it said.
    """
    if delivery.attempted_at is None:
        return matter.announcement
    before = delivery.promised.announced
    return before and before.milder_of(matter.announcement)
