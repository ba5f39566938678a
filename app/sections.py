"""The sections of the configuration: what may be written where, and what it means."""

import ipaddress
import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    StringConstraints,
    model_validator,
)
from pydantic_settings import NoDecode

from app.adapters.patterns import compiled
from app.day import parse_daily, parse_end, parse_hours, parse_weekly, parse_zone
from app.domain.access import Role
from app.domain.cluster import TaskType
from app.domain.digest_times import Moments
from app.domain.exemption import MATCHED
from app.domain.matchers import Matcher, parse_matcher
from app.domain.policy import Fallback, Mode, Reminder, StopAction
from app.domain.waking import ALWAYS, WakingHours
from app.durations import parse_duration


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("a duration must be longer than nothing")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(_positive)]


def _not_negative(value: timedelta) -> timedelta:
    if value < timedelta():
        raise ValueError("a duration is not shorter than nothing")
    return value


DurationOrNone = Annotated[
    timedelta, BeforeValidator(parse_duration), AfterValidator(_not_negative)
]
"""`0s` says that there is none."""


def _reminder(value: object) -> object:
    """Read a share of the grace period, or a time before its end."""
    value = parse_duration(value)
    if isinstance(value, timedelta):
        return _positive(value)
    if isinstance(value, int | float) and 0 < value < 1:
        return float(value)
    raise ValueError(
        f"{value!r} is no reminder; write a share of the grace period, 0.5, or a time before its "
        "end, 10m"
    )


Reminders = tuple[Annotated[Reminder, BeforeValidator(_reminder)], ...]
Hours = Annotated[InstanceOf[WakingHours], NoDecode, BeforeValidator(parse_hours)]
Zone = Annotated[InstanceOf[tzinfo], BeforeValidator(parse_zone)]


def _matcher(value: object) -> Matcher:
    """Read a matcher about a task. What nothing could ever match is taken for a slip of the pen."""
    if isinstance(value, Matcher):
        return value
    matcher = parse_matcher(str(value))
    if matcher.name not in MATCHED:
        raise ValueError(f"a task has no {matcher.name}; there are: {', '.join(sorted(MATCHED))}")
    if matcher.is_regex:
        pattern = compiled(matcher.value)
        if pattern is None:
            raise ValueError(f"{matcher.value!r} is no regular expression that RE2 knows")
        return replace(matcher, pattern=pattern)
    if matcher.name == "task_type" and matcher.value not in set(TaskType):
        raise ValueError(f"there is no task_type {matcher.value!r}")
    return matcher


Matchers = tuple[Annotated[InstanceOf[Matcher], BeforeValidator(_matcher)], ...]
End = Annotated[datetime, BeforeValidator(parse_end)]


_SLACK_ID = re.compile(r"[UW][A-Z0-9]+", re.ASCII)


def _slack_id(value: str) -> str:
    if not _SLACK_ID.fullmatch(value):
        # A name in its place would never be anybody's, and nobody would be told.
        raise ValueError("write a member's id, U…, which Slack shows in the profile; no name")
    return value


SlackIds = tuple[Annotated[str, AfterValidator(_slack_id)], ...]


def _network(value: str) -> str:
    return str(ipaddress.ip_network(value))


Networks = tuple[Annotated[str, AfterValidator(_network)], ...]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _without_credentials(url: AnyHttpUrl | None) -> AnyHttpUrl | None:
    if url is not None and (url.username or url.password):
        raise ValueError("leave user and password out of the address; it is shown to people")
    return url


class HttpSection(Section):
    """A system beside us that speaks HTTP."""

    url: Annotated[AnyHttpUrl, AfterValidator(_without_credentials)]
    external_url: Annotated[AnyHttpUrl | None, AfterValidator(_without_credentials)] = None
    """The address for people's browsers, in messages. None: `url` is right for them too."""
    ca_file: Path | None = None
    """Certificates (PEM) of the authority that signed the system's own. None: the usual ones."""
    username: str = ""
    password_file: Path | None = None


class DeterminedSection(HttpSection):
    username: str = "watchdog"
    token_file: Path | None = None
    """An access token instead of a user name and password."""
    prometheus_token_file: Path | None = None
    """Where the current token is written for Prometheus's own scrapes of the master."""
    renew_after: Duration = timedelta(days=1)
    """Sessions of Determined end after 7 days, whatever one does."""

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if (self.password_file is None) == (self.token_file is None):
            raise ValueError("give password_file or token_file, one of them")
        return self


class PrometheusSection(HttpSection):
    pass


class AlertmanagerSection(HttpSection):
    pass


class SlackSection(Section):
    api_url: AnyHttpUrl = AnyHttpUrl("https://slack.com/api/")
    bot_token_file: Path
    app_token_file: Path | None = None
    """For Socket Mode. None: Slack is not listened to in that way."""
    signing_secret_file: Path | None = None
    """For `POST /slack/interactions`. None: there is no such endpoint."""
    admin_channel: str
    """The channel's id (C…): admins are told here, and owners who cannot be reached are named."""
    admins: SlackIds = ()
    """Who may press every button, by their ids in Slack."""
    email_domain: str = ""
    """Owners are looked up as `{username}@{email_domain}`. Empty: only those under `users`."""
    remember: Duration = timedelta(minutes=5)
    """How long it is remembered who was found in Slack, and who was not."""

    @property
    def hears_buttons(self) -> bool:
        return self.app_token_file is not None or self.signing_secret_file is not None


class OwnerPageSection(Section):
    """The page at the end of the links in messages to owners."""

    secret_file: Path
    """Signs links and forms. One secret a line: all are valid, the first one signs."""


class TokenSection(Section):
    name: str
    role: Role
    file: Path


class PolicySection(Section):
    action: StopAction = StopAction.NONE
    fallback: Fallback = Fallback.NONE
    mode: Mode = Mode.ENFORCE
    grace: dict[TaskType, Duration] = Field(default_factory=dict)
    grace_default: Duration = timedelta(hours=1)
    reminders: Reminders = (0.5, timedelta(minutes=10))
    only_when_queued: bool = False
    queued_for: Duration = timedelta(minutes=10)
    attempts: int = Field(default=5, ge=1, le=20)
    tell_admins_after: Duration = timedelta(minutes=15)
    keep_longest: Duration = timedelta(hours=24)
    keep_total: Duration = timedelta(hours=72)
    waking_hours: Hours | None = None
    """None: those of the defaults."""


class LimitsSection(Section):
    evidence_age: Duration = timedelta(seconds=30)
    proof_age: Duration = timedelta(seconds=10)
    heartbeat_age: Duration = timedelta(minutes=5)
    snapshot_age: Duration = timedelta(seconds=60)
    tick_gap: Duration = timedelta(seconds=60)
    stop_retry: Duration = timedelta(seconds=60)
    pause_retry: Duration = timedelta(minutes=65)
    gpu_release: Duration = timedelta(minutes=5)
    unreachable_retry: Duration = timedelta(hours=1)
    unconfirmed: Duration = timedelta(minutes=15)
    again_within: Duration = timedelta(minutes=30)
    lease: Duration = timedelta(seconds=45)


class UserSection(Section):
    slack_id: str = ""
    email: str = ""
    channel: str = ""
    """A team's channel that is told in the owner's place."""
    delegates: SlackIds = ()
    """Who may press the owner's buttons too."""

    @property
    def stand_ins(self) -> frozenset[str]:
        """Return who may press the owner's buttons, wherever they are; the owner among them."""
        return frozenset(filter(None, (self.slack_id, *self.delegates)))

    slot_limit: int | None = Field(default=None, ge=0)
    time_zone: Zone | None = None
    """None: that of the defaults."""


class ExemptSection(Section):
    """Tasks that nothing is done about (S11)."""

    matchers: Matchers = Field(min_length=1)
    """All of them must match."""
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    """For the owner, in the history and in Slack."""
    until: End


class DefaultsSection(Section):
    slot_limit: int | None = Field(default=None, ge=0)
    """Slots that a user may hold while others wait. None: no limit is published."""
    waking_hours: Hours = WakingHours(time(9), time(21))
    time_zone: Zone = UTC


WeeklyMoments = Annotated[InstanceOf[Moments] | None, NoDecode, BeforeValidator(parse_weekly)]
DailyMoments = Annotated[InstanceOf[Moments] | None, NoDecode, BeforeValidator(parse_daily)]


class DigestSection(Section):
    """What admins are told without anything having happened; in the time zone of the defaults."""

    weekly: WeeklyMoments = Moments(time(9), weekday=0)
    daily: DailyMoments = Moments(time(9))
    """Only of what is in mode `observe`."""


class BreakerSection(Section):
    """More stops than this within an hour need a person (S7)."""

    max_stops_per_hour: int = Field(default=10, ge=0)
    max_share: float = Field(default=0.25, ge=0, le=1)
    """Of the allocations that run."""
    floor: int = Field(default=3, ge=0)
    """So many may be stopped whatever share of a small cluster they are."""


def shipped_policies() -> dict[str, PolicySection]:
    """Return the policies that the alerting rules name, as they are without a configuration."""
    unsaved = {TaskType.NOTEBOOK: timedelta(hours=2), TaskType.SHELL: timedelta(hours=2)}
    return {
        "reclaim": PolicySection(action=StopAction.KILL, grace=unsaved),
        # Nobody is over a limit that is not there.
        "slots": PolicySection(action=StopAction.KILL),
        "advise": PolicySection(),
        # These could wrong somebody: a person looks first.
        "review": PolicySection(mode=Mode.OBSERVE),
        "urgent": PolicySection(
            grace_default=timedelta(minutes=10),
            reminders=(timedelta(minutes=5),),
            tell_admins_after=timedelta(minutes=5),
            waking_hours=ALWAYS,
        ),
    }
