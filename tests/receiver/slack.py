"""A stand-in for Slack, as far as the receiver's port shows it."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.actions import Audience, MessageKind, Notice
from app.domain.incident import IncidentState, Receipt, RecipientKind
from app.domain.outbox import Recipient
from app.errors import UpstreamError, UpstreamUnavailableError
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
    message_id: str
    thread: Receipt | None
    deadlines: dict[str, datetime]
    state: IncidentState
    """The incident's, as the message told it."""
    text: str


class FakeSlack:
    """Implements `app.ports.Messenger`."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.unknown: set[str] = set()
        """Owners who are not in Slack, or deactivated there."""
        self.delegates: dict[str, str] = {}
        """Channels that the configuration names, by owner."""
        self.fault: UpstreamError | None = None
        """What every call raises."""
        self.refusals: dict[RecipientKind, UpstreamError] = {}
        """What posting raises, by who is written to."""
        self.lost_answers = 0
        """How many of the next posts are made, and their confirmation lost."""
        self.posts: list[Post] = []
        self.updates: list[tuple[Receipt, Notice]] = []

    async def probe(self) -> None:
        self._answer()

    async def recipient(self, audience: Audience, username: str) -> Recipient:
        self._answer()
        if audience is Audience.ADMINS:
            return Recipient(ADMINS, RecipientKind.ADMINS)
        if username in self.delegates:
            return Recipient(self.delegates[username], RecipientKind.DELEGATE)
        if username in self.unknown:
            return Recipient(ADMINS, RecipientKind.ADMINS, "deactivated in Slack")
        return Recipient(f"D-{username}", RecipientKind.OWNER)

    async def post(self, recipient: Recipient, notice: Notice, *, message_id: str) -> Receipt:
        self._answer()
        if recipient.kind in self.refusals:
            raise self.refusals[recipient.kind]
        post = Post(
            at=self._time.wall,
            channel=recipient.channel,
            ts=f"{len(self.posts) + 1}.0",
            to=recipient.kind,
            kind=notice.kind,
            message_id=message_id,
            thread=notice.thread,
            deadlines=dict(notice.deadlines),
            state=notice.incident.state,
            text=notice.text,
        )
        self.posts.append(post)
        if self.lost_answers:
            self.lost_answers -= 1
            raise UpstreamUnavailableError("Slack did not answer in time")
        return Receipt(post.channel, post.ts, post.to)

    async def find(
        self, recipient: Recipient, message_id: str, *, thread: Receipt | None, since: datetime
    ) -> Receipt | None:
        self._answer()
        for post in self.posts:
            is_there = (post.channel, post.thread) == (recipient.channel, thread)
            if is_there and post.message_id == message_id and post.at >= since:
                return Receipt(post.channel, post.ts, recipient.kind)
        return None

    async def update(self, receipt: Receipt, notice: Notice) -> None:
        self._answer()
        self.updates.append((receipt, notice))

    def told(self, to: RecipientKind = RecipientKind.OWNER) -> list[MessageKind]:
        return [post.kind for post in self.posts if post.to is to]

    def told_admins(self) -> list[str]:
        return [post.text for post in self.posts if post.to is RecipientKind.ADMINS]

    def _answer(self) -> None:
        if self.fault is not None:
            raise self.fault
