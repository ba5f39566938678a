"""What somebody asks for with a button in Slack."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Verb(StrEnum):
    KEEP = "keep"
    """Argument: for how long. `2h`, `8h`, `24h`, or `morning`: until the next working morning."""
    STOP = "stop"
    """Now. No argument."""
    DISMISS = "dismiss"
    """For admins: a false alarm."""
    ALLOW = "allow"
    """For admins, on the breaker: let this one go on."""
    RESET = "reset"
    """For admins, on the breaker: let all go on."""


@dataclass(frozen=True, slots=True)
class Once:
    """What is stored under this key is stored once, however often it is asked for."""

    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Press:
    """A button that somebody pressed in Slack."""

    press_id: str
    """Unique per press; repeated deliveries of one press have the same."""
    user_id: str
    """Slack's id of who pressed it."""
    channel: str
    """Where the message is, with the timestamp below."""
    message_ts: str
    verb: Verb
    argument: str
    subjects: tuple[str, ...]
    """Ids of incidents; for a stop `incident_id/allocation_id`."""
    response_url: str = field(default="", repr=False)
    """Where Slack takes a private answer. A secret for 30 minutes: never logged, never stored."""
