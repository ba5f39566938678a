"""The configuration: one YAML file, each field also from the environment. docs/configuration.md."""

import ipaddress
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from app.domain.access import Role
from app.domain.cluster import TaskType
from app.domain.policy import Limits, Mode, Policy, Rulebook, StopAction
from app.durations import parse_duration
from app.errors import ConfigurationError

CONFIG_VARIABLE = "WATCHDOG_CONFIG"
DEFAULT_CONFIG = Path("watchdog.yaml")
SHORTEST_GRACE = timedelta(minutes=5)


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("a duration must be longer than nothing")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), AfterValidator(_positive)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpSection(Section):
    """A system beside us that speaks HTTP."""

    url: AnyHttpUrl
    external_url: AnyHttpUrl | None = None
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
    admin_channel: str
    """The channel's id (C…): admins are told here, and owners who cannot be reached are named."""
    email_domain: str = ""
    """Owners are looked up as `{username}@{email_domain}`. Empty: only those under `users`."""
    remember: Duration = timedelta(minutes=5)
    """How long it is remembered who was found in Slack, and who was not."""


class TokenSection(Section):
    name: str
    role: Role
    file: Path


class PolicySection(Section):
    action: StopAction = StopAction.NONE
    mode: Mode = Mode.ENFORCE
    grace: dict[TaskType, Duration] = Field(default_factory=dict)
    grace_default: Duration = timedelta(hours=1)
    reminder_at: float = Field(default=0.5, gt=0, lt=1)
    last_call: Duration = timedelta(minutes=10)
    attempts: int = Field(default=5, ge=1, le=20)
    tell_admins_after: Duration = timedelta(minutes=15)


class LimitsSection(Section):
    evidence_age: Duration = timedelta(seconds=30)
    heartbeat_age: Duration = timedelta(minutes=5)
    snapshot_age: Duration = timedelta(seconds=60)
    tick_gap: Duration = timedelta(seconds=60)
    stop_retry: Duration = timedelta(seconds=60)
    unreachable_retry: Duration = timedelta(hours=1)
    unconfirmed: Duration = timedelta(minutes=15)


class UserSection(Section):
    slack_id: str = ""
    email: str = ""
    channel: str = ""
    """A team's channel that is told in the owner's place."""
    slot_limit: int | None = Field(default=None, ge=0)


class DefaultsSection(Section):
    slot_limit: int | None = Field(default=None, ge=0)
    """Slots that a user may hold while others wait. None: no limit is published."""


_RECLAIM = PolicySection(
    action=StopAction.KILL,
    grace={TaskType.NOTEBOOK: timedelta(hours=2), TaskType.SHELL: timedelta(hours=2)},
)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="WATCHDOG_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    mode: Mode = Mode.OBSERVE
    """Owners hear nothing and nothing is stopped, until somebody decides so (S10)."""
    listen_host: str = "127.0.0.1"
    listen_port: int = Field(default=8090, ge=0, le=65535)
    public_url: AnyHttpUrl = AnyHttpUrl("http://localhost:8090")
    database_url: str = "sqlite+aiosqlite:///state/watchdog.db"
    determined: DeterminedSection
    prometheus: PrometheusSection
    alertmanagers: list[AlertmanagerSection] = Field(min_length=1)
    slack: SlackSection
    api_tokens: list[TokenSection] = Field(min_length=1)
    policies: dict[str, PolicySection] = Field(default_factory=lambda: {"reclaim": _RECLAIM})
    users: dict[str, UserSection] = Field(default_factory=dict)
    defaults: DefaultsSection = DefaultsSection()
    limits: LimitsSection = LimitsSection()
    tick_interval: Duration = timedelta(seconds=15)
    tick_spacing: Duration = timedelta(seconds=1)
    """The shortest time between two ticks, however many webhooks ask for one."""
    request_timeout: Duration = timedelta(seconds=10)
    message_retry: Duration = timedelta(seconds=1)
    """The pause after a message's first failed attempt; it doubles with each further one."""
    message_retry_longest: Duration = timedelta(minutes=1)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the signature is pydantic's.
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- likewise.
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=path)

    @model_validator(mode="after")
    def _leave_time_to_read(self) -> Self:
        """A grace period is long enough for a person, except where every system is on loopback."""
        shortest = min(
            (
                grace
                for policy in self.policies.values()
                for grace in (policy.grace_default, *policy.grace.values())
            ),
            default=SHORTEST_GRACE,
        )
        if shortest < SHORTEST_GRACE and not self.is_on_loopback:
            raise ValueError(
                "policies: a grace period is at least 5m, so that a person can read the message"
            )
        return self

    @property
    def is_on_loopback(self) -> bool:
        urls = [self.determined.url, self.prometheus.url, self.slack.api_url]
        urls += [peer.url for peer in self.alertmanagers]
        return all(is_loopback(url) for url in urls)

    def rulebook(self) -> Rulebook:
        return Rulebook(
            mode=self.mode,
            policies={
                name: Policy(name=name, **policy.model_dump())
                for name, policy in self.policies.items()
            },
            limits=Limits(**self.limits.model_dump()),
        )


def is_loopback(url: AnyHttpUrl) -> bool:
    host = (url.host or "").strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_settings() -> Settings:
    """Read the file that WATCHDOG_CONFIG names (or watchdog.yaml), and the environment.

    Raises:
        ConfigurationError: with one line for each field that is wrong.
    """
    path = Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))
    if not path.is_file():
        raise ConfigurationError(
            f"there is no configuration at {path}; "
            f"copy watchdog.example.yaml there, or name another file in {CONFIG_VARIABLE}"
        )
    try:
        return Settings()
    except ValidationError as exc:
        raise ConfigurationError(_explain(path, exc)) from exc
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, ValueError) as exc:
        raise ConfigurationError(f"{path} is not readable as YAML: {exc}") from exc


def _explain(path: Path, exc: ValidationError) -> str:
    lines = [f"{path}: {exc.error_count()} fields are wrong"]
    for error in exc.errors(include_input=False, include_url=False):
        where = ".".join(str(part) for part in error["loc"]) or "configuration"
        lines.append(f"  {where}: {error['msg']}")
    return "\n".join(lines)


def read_secret(path: Path) -> str:
    """Read a secret from its file.

    Raises:
        ConfigurationError: it cannot be read, or is empty.
    """
    try:
        secret = path.read_text().strip()
    except OSError as exc:
        raise ConfigurationError(f"secret file {path}: {exc.strerror}") from exc
    if not secret:
        raise ConfigurationError(f"secret file {path} is empty")
    return secret


def durations(model: BaseModel) -> dict[str, Any]:
    """Return every duration of a section, nested as the sections are: for tools that scale them."""
    found: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, timedelta):
            found[name] = value
        elif isinstance(value, BaseModel):
            found[name] = durations(value)
        elif isinstance(value, dict) and name == "grace":
            found[name] = {str(key): each for key, each in value.items()}
        elif isinstance(value, dict):
            found[name] = {key: durations(each) for key, each in value.items()}
    return {name: value for name, value in found.items() if value}
