"""Messages on their way out: what is stored between a decision and Slack's confirmation."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.actions import Audience, MessageKind
from app.domain.incident import IncidentState, RecipientKind
from app.domain.policy import Announcement


@dataclass(frozen=True, slots=True)
class Recipient:
    """A conversation in Slack."""

    channel: str
    kind: RecipientKind
    detail: str = ""
    """For the fall-back: why the owner cannot be reached."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a message has said, whichever attempt to post it is the one that arrived."""

    deadline: datetime | None = None
    """The latest that was named. None: none."""
    announced: Announcement | None = None
    """The mildest of what was said to be done then. None: unknown."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of the outbox."""

    message_id: str
    """Travels with the message, so that one whose confirmation was lost can be found again."""
    incident_id: str
    kind: MessageKind
    audience: Audience
    round: int
    text: str
    created_at: datetime
    attempts: int
    attempted_at: datetime | None
    """When it was first tried. Not None: it may have arrived already."""
    promised: Promise = Promise()
    """What it said, when it was tried."""
    username: str = ""
    """The owner whom the incident is about; with the next two, what is told together."""
    alertname: str = ""
    message: str = ""
    """The incident's live message, as `Receipt.key`; empty for none."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a message that Slack did not take is tried again."""

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=1)

    def after(self, attempts: int) -> timedelta:
        return min(self.first * float(1 << min(attempts, 16)), self.longest)


@dataclass(frozen=True, slots=True)
class IncidentQuery:
    """A filter over incidents; None means any."""

    state: IncidentState | None = None
    username: str | None = None
    resource_pool: str | None = None
    alertname: str | None = None
    is_open: bool | None = None
    limit: int = 100
