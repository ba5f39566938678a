"""From the outbox to Slack: each message once, and never one that is out of date."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from app.context import Context
from app.domain.actions import REMINDING, Audience, MessageKind, Notice
from app.domain.alert import Scope
from app.domain.announcing import is_told_elsewhere
from app.domain.bundles import Bundle, bundles
from app.domain.cluster import is_deactivated
from app.domain.incident import Incident, Receipt, RecipientKind
from app.domain.outbox import Delivery, Pace, Promise, Recipient
from app.doubt import Doubt, is_true
from app.errors import UpstreamError, UpstreamRejectedError
from app.loops import contained
from app.notices import Notices
from app.outcomes import Outcomes, announced_by
from app.ports import IncidentStore, Messenger, Outbox
from app.recorder import Recorder
from app.tenure import Tenure

log = structlog.get_logger()
_LOOK = 1_000
"""So many that are due are looked at, to see which go together."""
_BATCH = 50
_SEARCH_MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Order:
    delivery: Delivery
    incident: Incident
    """As it was read right before."""

    @property
    def owner(self) -> str:
        return self.incident.identity.username


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
        self._context = context
        self._tenure = tenure
        self._doubt = Doubt(store, recorder, context)
        self._notices = Notices(store, outbox, recorder, context)
        self._outcomes = Outcomes(outbox, store, recorder, context, pace)

    async def deliver_due(self) -> None:
        """Send what is due, where no other replica does."""
        if await self._tenure.begin():
            with self._tenure.while_held():
                await self._deliver_all()
        oldest = await self._outbox.oldest()
        self._context.telemetry.oldest_message.set(oldest.timestamp() if oldest else 0)

    async def _deliver_all(self) -> None:
        """Raises: StaleLeaseError: another replica has taken over; it goes on where this ends."""
        due = await self._outbox.due(self._context.now(), limit=_LOOK)
        for bundle in bundles(due)[:_BATCH]:
            with self._contained():
                await self._deliver(bundle)

    def _contained(self) -> AbstractContextManager[None]:
        return contained("delivery", self._context.telemetry.step_failed)

    async def _deliver(self, bundle: Bundle) -> None:
        newest = {each.incident_id: each.message_id for each in bundle}
        ready = []
        for delivery in bundle:
            await self._tenure.go_on()
            is_latest = newest[delivery.incident_id] == delivery.message_id
            if not is_latest and delivery.kind is not MessageKind.WARNING:
                # Each would be written from what is so now: one of them says it all.
                await self._outcomes.drop(delivery, "superseded")
                continue
            with self._contained():
                order = Order(delivery, await self._store.incident(delivery.incident_id))
                if await self._is_ready(order):
                    ready.append(order)
        send = self._rewrite if bundle[0].kind is MessageKind.STATUS else self._post
        for orders in _told_together(ready):
            with self._contained():
                await self._try(orders, send)

    async def _is_ready(self, order: Order) -> bool:
        if not is_true(order.delivery, order.incident):
            await self._try([order], self._give_up)
            return False
        doubt = await self._doubt.about(order.delivery, order.incident)
        if doubt:
            await self._outcomes.postpone(order.delivery, doubt, None)
        return not doubt

    async def _try(
        self, orders: Sequence[Order], step: Callable[[Sequence[Order]], Awaitable[None]]
    ) -> None:
        try:
            await step(orders)
        except UpstreamRejectedError as exc:
            for each in orders:
                await self._outcomes.refuse(each.delivery, str(exc))
        except UpstreamError as exc:
            retry_after = getattr(exc, "retry_after", None)
            for each in orders:
                await self._outcomes.postpone(each.delivery, str(exc), retry_after)

    async def _give_up(self, orders: Sequence[Order]) -> None:
        """Drop what is out of date. A warning that may be there already is looked for first: the
        deadline that it names must not stay (S10).
        """
        [order] = orders
        delivery, incident = order.delivery, order.incident
        if delivery.kind is MessageKind.WARNING and delivery.attempted_at is not None:
            recipient = await self._messenger.recipient(delivery.audience, order.owner)
            if not await self._search(orders, recipient):
                return
        await self._outcomes.drop(delivery, f"out of date: the incident is {incident.state}")

    async def _rewrite(self, orders: Sequence[Order]) -> None:
        message = orders[0].incident.message
        if message is None:
            for each in orders:
                await self._outcomes.drop(each.delivery, "there is no message to rewrite")
            return
        incidents = [each.incident for each in orders]
        *below, (_, whole) = await self._notices.rewritings(message, incidents)
        self._tenure.demand_sure()
        for receipt, notice in below:
            try:
                await self._messenger.update(receipt, notice)
            except UpstreamRejectedError as exc:
                # It may be gone. What counts is the message above it.
                log.info("message_not_rewritten", ts=receipt.ts, why=str(exc))
        await self._messenger.update(message, whole)
        for each in orders:
            await self._outbox.sent(each.delivery.message_id, None, None)
            self._context.telemetry.delivery(each.delivery.kind, "sent")

    async def _post(self, orders: Sequence[Order]) -> None:
        """Post one message for all of them, one owner's, and confirm each by itself."""
        first, owner = orders[0].delivery, orders[0].owner
        recipient = None
        why = f"the account of {owner} is deactivated in Determined"
        if first.audience is Audience.ADMINS or not self._is_deactivated(owner):
            recipient = await self._messenger.recipient(first.audience, owner)
            why = recipient.detail
        is_nobody = recipient is None or recipient.kind is RecipientKind.ADMINS
        if recipient is None or (first.audience is Audience.OWNER and is_nobody):
            for each in orders:
                await self._outcomes.refuse(each.delivery, why)
            return
        orders = await self._told_there(orders, recipient)
        if not orders:
            return
        wait = await self._messenger.wait(recipient)
        if wait:
            for each in orders:
                await self._outcomes.postpone(each.delivery, "so much at once is refused", wait)
            return
        orders = await self._search(orders, recipient)
        if not orders:
            return
        await self._bind(orders)
        notice = await self._notice(orders, recipient)
        promises = {each.delivery.message_id: _promised(each.delivery, notice) for each in orders}
        await self._outbox.attempt(promises, self._context.now())
        self._tenure.demand_sure()
        receipt = await self._messenger.post(recipient, notice, message_ids=list(promises))
        for each in orders:
            await self._outcomes.confirm(each.delivery, receipt, notice, recipient)

    async def _bind(self, orders: Sequence[Order]) -> None:
        """Note what reminders will name, before they are written: what was posted binds."""
        for each in orders:
            if each.delivery.kind in REMINDING:
                await self._outcomes.hold_to(each.delivery)

    async def _told_there(self, orders: Sequence[Order], recipient: Recipient) -> Sequence[Order]:
        """Let those begin anew who would be reminded elsewhere than they were warned."""
        left = []
        for each in orders:
            if each.delivery.kind in REMINDING and is_told_elsewhere(each.incident, recipient):
                await self._outcomes.begin_anew(each.delivery, recipient)
            else:
                left.append(each)
        return left

    def _is_deactivated(self, owner: str) -> bool:
        limit = self._context.rulebook.limits.snapshot_age
        return is_deactivated(owner, self._context.view.fresh(self._context.now(), limit))

    async def _search(self, orders: Sequence[Order], recipient: Recipient) -> Sequence[Order]:
        """Confirm what arrived though its confirmation was lost; return what did not arrive."""
        tried = {
            each.delivery.message_id: each.delivery.attempted_at
            for each in orders
            if each.delivery.attempted_at is not None
        }
        if not tried:
            return orders
        notice = await self._notice(orders, recipient)
        since = min(tried.values()) - _SEARCH_MARGIN
        found = await self._messenger.find(recipient, list(tried), notice=notice, since=since)
        for each in orders:
            receipt = found.get(each.delivery.message_id)
            if receipt is not None:
                await self._outcomes.confirm(each.delivery, receipt, notice, recipient)
        return [each for each in orders if each.delivery.message_id not in found]

    async def _notice(self, orders: Sequence[Order], recipient: Recipient) -> Notice:
        first = orders[0]
        thread = None
        if first.delivery.kind is MessageKind.WARNING:
            thread = await self._live_message(first.incident, recipient)
        elif first.delivery.audience is Audience.OWNER:
            thread = first.incident.message
        incidents = [each.incident for each in orders]
        text = first.delivery.text
        return await self._notices.about(first.delivery.kind, incidents, thread=thread, text=text)

    async def _live_message(self, incident: Incident, recipient: Recipient) -> Receipt | None:
        """Return the message under which the owner has this alert already, the latest of them."""
        identity = incident.identity
        told = await self._store.told(identity.username, identity.alertname)
        found = [
            each.message
            for each in told
            if each.message is not None
            and each.message.channel == recipient.channel
            and _conversation(each) == _conversation(incident)
        ]
        return max(found, key=lambda each: (len(each.ts), each.ts), default=None)


def _promised(delivery: Delivery, notice: Notice) -> Promise:
    """Return what the message has said, once this notice is tried too."""
    mine = [each for each in notice.matters if each.incident.incident_id == delivery.incident_id]
    before = [delivery.promised.deadline] if delivery.promised.deadline else []
    named = [deadline for matter in mine for deadline in matter.deadlines.values()]
    announced = announced_by(delivery, mine[0]) if mine else None
    return Promise(max([*named, *before], default=None), announced)


def _told_together(orders: Iterable[Order]) -> Iterable[Sequence[Order]]:
    """Part what the incidents, as they are by now, do not let one message tell of."""
    found: dict[Hashable, list[Order]] = {}
    for each in orders:
        is_first = each.delivery.kind is MessageKind.WARNING
        live = None if is_first else each.incident.message
        found.setdefault((_conversation(each.incident), live), []).append(each)
    return found.values()


def _conversation(incident: Incident) -> str:
    """Return what is the same for incidents that one message may tell of; for one owner and alert.

    What a user holds too much of a pool is asked for as a whole, and told of by itself.
    """
    return incident.identity.key if incident.identity.scope is Scope.USER else ""
