"""A stand-in for Slack, as far as the receiver's port shows it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.actions import Audience, MessageKind, Notice
from app.domain.incident import IncidentState, Receipt, RecipientKind
from app.domain.outbox import Recipient
from app.errors import UpstreamError, UpstreamRejectedError, UpstreamUnavailableError
from tests.receiver.clocks import Time

ADMINS = "C-admins"


@dataclass(frozen=True, slots=True)
class Post:
    """A new message in Slack: somebody was notified."""

    at: datetime
    channel: str
    ts: str
    to: RecipientKind
    kind: MessageKind
    message_ids: tuple[str, ...]
    thread: Receipt | None
    is_broadcast: bool
    deadlines: dict[str, datetime]
    state: IncidentState
    """The first incident's, as the message told it."""
    text: str
    names: tuple[str, ...]
    """The tasks of all incidents that it is about."""


class FakeSlack:
    """Implements `app.ports.Messenger`."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.unknown: set[str] = set()
        """Owners who are not in Slack, or deactivated there."""
        self.delegates: dict[str, str] = {}
        """Channels that the configuration names, by owner."""
        self.mistaken: dict[str, str] = {}
        """Owners for whom the configuration names somebody else by mistake, by owner."""
        self.fault: UpstreamError | None = None
        """What every call raises."""
        self.refusals: dict[RecipientKind, UpstreamError] = {}
        """What posting raises, by who is written to."""
        self.is_open = True
        """Whether what people press reaches the receiver."""
        self.lost_answers = 0
        """How many of the next posts are made, and their confirmation lost."""
        self.deleted: set[str] = set()
        """Messages that somebody has deleted, by their receipts' keys."""
        self.pauses: dict[str, timedelta] = {}
        """How long each channel takes nothing more."""
        self.searches = 0
        """How often it was asked for a message that may have arrived."""
        self.posts: list[Post] = []
        self.updates: list[tuple[Receipt, Notice]] = []

    async def probe(self) -> None:
        self._answer()

    def hears(self) -> bool:
        return self.is_open

    async def recipient(self, audience: Audience, username: str) -> Recipient:
        self._answer()
        if audience is Audience.ADMINS:
            return Recipient(ADMINS, RecipientKind.ADMINS)
        if username in self.delegates:
            return Recipient(self.delegates[username], RecipientKind.DELEGATE)
        if username in self.unknown:
            return Recipient(ADMINS, RecipientKind.ADMINS, "deactivated in Slack")
        return Recipient(f"D-{self.mistaken.get(username, username)}", RecipientKind.OWNER)

    async def wait(self, recipient: Recipient) -> timedelta:
        return self.pauses.get(recipient.channel, timedelta())

    async def post(
        self, recipient: Recipient, notice: Notice, *, message_ids: Sequence[str]
    ) -> Receipt:
        self._answer()
        if notice.thread and notice.thread.key in self.deleted:
            # So it is where a thread is gone: in the conversation itself.
            notice = replace(notice, thread=None)
        if recipient.kind in self.refusals:
            raise self.refusals[recipient.kind]
        post = Post(
            at=self._time.wall,
            channel=recipient.channel,
            ts=f"{len(self.posts) + 1}.0",
            to=recipient.kind,
            kind=notice.kind,
            message_ids=tuple(message_ids),
            thread=notice.thread,
            is_broadcast=notice.is_broadcast,
            deadlines=dict(notice.deadlines),
            state=notice.incidents[0].state,
            text=notice.text,
            names=tuple(t.task_id for each in notice.incidents for t in each.targets),
        )
        self.posts.append(post)
        if self.lost_answers:
            self.lost_answers -= 1
            raise UpstreamUnavailableError("Slack did not answer in time")
        return _receipt(post)

    async def find(
        self,
        recipient: Recipient,
        message_ids: Collection[str],
        *,
        notice: Notice,
        since: datetime,
    ) -> Mapping[str, Receipt]:
        self._answer()
        self.searches += 1
        there = [
            post
            for post in self.posts
            if post.channel == recipient.channel
            and (post.thread == notice.thread or (notice.is_broadcast and post.thread is None))
            and post.at >= since
        ]
        return {
            each: _receipt(post)
            for post in there
            for each in post.message_ids
            if each in message_ids
        }

    async def update(self, receipt: Receipt, notice: Notice) -> None:
        self._answer()
        if receipt.key in self.deleted:
            raise UpstreamRejectedError(
                "Slack answered message_not_found", code="message_not_found"
            )
        self.updates.append((receipt, notice))

    def told(self, to: RecipientKind = RecipientKind.OWNER) -> list[MessageKind]:
        return [post.kind for post in self.posts if post.to is to]

    def told_admins(self) -> list[str]:
        return [post.text for post in self.posts if post.to is RecipientKind.ADMINS]

    def _answer(self) -> None:
        if self.fault is not None:
            raise self.fault


def _receipt(post: Post) -> Receipt:
    root_ts = post.thread.ts if post.thread else ""
    return Receipt(post.channel, post.ts, post.to, root_ts=root_ts)
