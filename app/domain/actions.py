"""What is to be done: orders that are stored in the transaction of the decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.domain.breaker import BreakerState, Quota
from app.domain.incident import Incident, Intent, IntentState, Receipt
from app.domain.policy import Announcement, Fallback, Mode, StopAction


class MessageKind(StrEnum):
    WARNING = "warning"  # new in the conversation; the only kind that starts a grace period (S1)
    REMINDER = "reminder"  # a new post in the thread
    LAST_CALL = "last_call"  # a new post in the thread
    STATUS = "status"  # the owner's message rewritten in place
    CLOSING = "closing"  # a new post in the thread: how it ended
    ADMINS = "admins"  # a new post to the admins
    BREAKER = "breaker"  # a new post to the admins: the breaker has tripped


REMINDING = frozenset({MessageKind.REMINDER, MessageKind.LAST_CALL})
FOR_ADMINS = frozenset({MessageKind.ADMINS, MessageKind.BREAKER})


class Audience(StrEnum):
    OWNER = "owner"
    ADMINS = "admins"


@dataclass(frozen=True, slots=True)
class SendMessage:
    kind: MessageKind
    text: str = ""
    """For admins: what they are to know. The other kinds are written from the incident."""

    @property
    def audience(self) -> Audience:
        return Audience.ADMINS if self.kind in FOR_ADMINS else Audience.OWNER


@dataclass(frozen=True, slots=True)
class SaveIntent:
    """Put the intent on record, or its new state."""

    allocation_id: str
    intent: Intent
    quota: Quota | None = None
    """What the intent is measured by where the decision is new. None: it is known already."""

    @property
    def goes_forward(self) -> bool:
        """Tell whether a stop begins or is sent by it. To take one back needs nobody's leave."""
        return self.quota is not None or self.intent.state is IntentState.SENDING


Action = SendMessage | SaveIntent


@dataclass(frozen=True, slots=True)
class Matter:
    """One incident, as a message is to tell of it."""

    incident: Incident
    deadlines: Mapping[str, datetime] = field(default_factory=dict)
    """By allocation id: when each is stopped unless something happens. Empty: nothing will be."""
    action: StopAction = StopAction.KILL
    """What the deadlines are the end of."""
    fallback: Fallback = Fallback.NONE
    only_when_queued: bool = False
    keeps: tuple[str, ...] = ()
    """For how long its tasks may still be kept, of what is offered (`keeping.OFFERED`)."""

    @property
    def announcement(self) -> Announcement:
        return Announcement(self.action, self.fallback)

    @property
    def is_enforced(self) -> bool:
        """Tell whether a stop may come of it."""
        return self.incident.mode is Mode.ENFORCE


@dataclass(frozen=True, slots=True)
class Notice:
    """All that a message is written from."""

    kind: MessageKind
    matters: tuple[Matter, ...]
    """What it is about, at least one: all of one owner, and of one alert."""
    now: datetime
    thread: Receipt | None = None
    """The message that it is a reply to."""
    text: str = ""
    superseded: bool = False
    """Of a message that is rewritten: a newer one says how things stand."""
    breaker: BreakerState = field(default_factory=BreakerState)
    """As it is now, where the message is about it."""

    @property
    def is_broadcast(self) -> bool:
        """Tell whether it is a reply that stands in the conversation itself as well.

        So a warning always does: nobody need be notified of a mere reply (S1).
        """
        return self.thread is not None and self.kind is MessageKind.WARNING

    @property
    def incidents(self) -> tuple[Incident, ...]:
        return tuple(each.incident for each in self.matters)

    @property
    def deadlines(self) -> Mapping[str, datetime]:
        """Return all deadlines that it names, by allocation id."""
        return {key: at for each in self.matters for key, at in each.deadlines.items()}
