"""Tells the admins, once a week and once a day, what no single message tells: the digests.

They are made by the replica that delivers, beside its outbox: Prometheus may take its time to sum
up a week, and no warning waits for that.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from app.context import Context
from app.domain.digest import WeeklyDigest, WeekTally
from app.domain.digest_times import DigestKind, Moments
from app.domain.exceptions import Exceptions, Names, owners_in, protections
from app.domain.observed import DayTally, ObservedDigest
from app.domain.outbox import Pace
from app.errors import UpstreamError
from app.lookout import Systems
from app.loops import contained
from app.ports.digests import Bulletin, DigestBook, Letter
from app.tenure import Tenure
from app.usage import read_usage

log = structlog.get_logger()
_SEARCH_MARGIN = timedelta(minutes=1)


class Digests:
    def __init__(
        self,
        book: DigestBook,
        bulletin: Bulletin,
        systems: Systems,
        context: Context,
        tenure: Tenure,
        *,
        moments: Mapping[DigestKind, Moments],
        pace: Pace,
    ) -> None:
        """`moments`: when each is due; a kind that is not in it is not sent."""
        self._book = book
        self._bulletin = bulletin
        self._systems = systems
        self._context = context
        self._tenure = tenure
        self._moments = moments
        self._pace = pace

    async def send_due(self) -> None:
        """Make the digests that are due, and send them, where no other replica does."""
        if not self._tenure.is_sure():
            return
        failed = self._context.telemetry.step_failed
        with self._tenure.while_held():
            last = await self._book.last()
            for kind, moments in self._moments.items():
                with contained("digest", failed):
                    await self._order(kind, moments, last.get(kind))
            for letter in await self._book.due(self._context.now()):
                with contained("digest", failed):
                    await self._send(letter)

    async def _order(self, kind: DigestKind, moments: Moments, last: datetime | None) -> None:
        """Claim the latest moment, if it is new. Of several that were missed, that one alone."""
        zone = self._context.rulebook.zone
        moment = moments.last(self._context.now(), zone)
        if last is None:
            await self._book.begin(kind, moment)
            return
        if moment <= last:
            return
        since = moments.before(moment, zone)
        weekly = kind is DigestKind.WEEKLY
        message = await (self._weekly if weekly else self._observed)(since, moment)
        claimed = await self._book.claim(Letter(kind, moment, str(uuid.uuid4()), message))
        log.info("digest_claimed", kind=kind, moment=moment.isoformat(), claimed=claimed)

    async def _send(self, letter: Letter) -> None:
        try:
            if not await self._has_arrived(letter):
                await self._book.attempt(letter, self._context.now())
                self._tenure.demand_sure()
                await self._bulletin.post(letter.message, message_id=letter.message_id)
        except UpstreamError as exc:
            wait = getattr(exc, "retry_after", None) or self._pace.after(letter.attempts)
            log.warning("digest_postponed", kind=letter.kind, why=str(exc))
            self._context.telemetry.delivery("digest", "postponed")
            await self._book.postpone(letter, self._context.now() + wait, str(exc))
            return
        await self._book.sent(letter)
        self._context.telemetry.delivery("digest", "sent")

    async def _has_arrived(self, letter: Letter) -> bool:
        """Look for one that was tried before: its confirmation may have been lost."""
        if letter.attempted_at is None:
            return False
        since = letter.attempted_at - _SEARCH_MARGIN
        return await self._bulletin.is_there(letter.message_id, since=since)

    async def _weekly(self, since: datetime, until: datetime) -> str:
        tally = WeekTally(since, until)
        async for story in self._book.stories(since):
            tally.add(story)
        now, rules = self._context.now(), self._systems.rules
        usage = await read_usage(rules, since, until, now=now)
        exceptions = await self._exceptions()
        return self._bulletin.weekly(WeeklyDigest(tally, usage, exceptions))

    async def _observed(self, since: datetime, until: datetime) -> str:
        """Return the digest, or nothing where there is nothing to say."""
        tally, rulebook = DayTally(since, until), self._context.rulebook
        async for story in self._book.stories(since):
            tally.add(story, rulebook)
        digest = ObservedDigest(tally, rulebook.mode)
        return self._bulletin.observed(digest) if digest.is_worth_telling else ""

    async def _exceptions(self) -> Exceptions:
        now, rulebook = self._context.now(), self._context.rulebook
        snapshot = self._context.view.fresh(now, rulebook.limits.snapshot_age)
        peers = await self._systems.peers.read()
        others: dict[str, set[str]] = {}
        for alert in (alert for peer in peers for alert in peer.alerts.values()):
            for name, value in alert.labels.items():
                others.setdefault(name, set()).add(value)
        names = Names(
            alerts=await self._book.alertnames(),
            policies=frozenset(rulebook.policies),
            users=None if snapshot is None else owners_in(snapshot),
            running=() if snapshot is None else tuple(snapshot.running),
            others=others,
        )
        silences = [silence for peer in peers for silence in peer.silences]
        return Exceptions(
            protections(silences, rulebook.exempt, names, now),
            unread=tuple(f"{peer.peer}: {peer.error}" for peer in peers if not peer.readable),
            owners_known=snapshot is not None,
        )
