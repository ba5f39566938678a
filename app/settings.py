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

from app.domain.authority import Authority
from app.domain.breaker import BreakerLimits
from app.domain.cluster import UNSAVED
from app.domain.exemption import Exemption
from app.domain.policy import Limits, Mode, Policy, Rulebook, SlotLimits
from app.errors import ConfigurationError
from app.sections import (
    AlertmanagerSection,
    BreakerSection,
    DefaultsSection,
    DeterminedSection,
    DigestSection,
    Duration,
    DurationOrNone,
    ExemptSection,
    LimitsSection,
    Networks,
    OwnerPageSection,
    PolicySection,
    PrometheusSection,
    SlackSection,
    TokenSection,
    UserSection,
    shipped_policies,
)

CONFIG_VARIABLE = "WATCHDOG_CONFIG"
DEFAULT_CONFIG = Path("watchdog.yaml")
SHORTEST_GRACE = timedelta(minutes=5)
DECIDING = ("mode", "policies", "exempt", "users", "defaults", "limits", "breaker")
"""The fields that are followed without a restart: they say what may be done, and to whom."""


def _known_database(url: str) -> str:
    if not url.startswith(("sqlite+aiosqlite://", "postgresql+asyncpg://")):
        raise ValueError("a database begins with sqlite+aiosqlite:// or postgresql+asyncpg://")
    return url


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="WATCHDOG_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    mode: Mode = Mode.OBSERVE
    """Owners hear nothing and nothing is stopped, until somebody decides so (S10)."""
    listen_host: str = "127.0.0.1"
    listen_port: int = Field(default=8090, ge=0, le=65535)
    trusted_proxies: Networks = ()
    """Whose `X-Forwarded-For` is believed."""
    public_url: AnyHttpUrl = AnyHttpUrl("http://localhost:8090")
    database_url: Annotated[str, AfterValidator(_known_database)] = (
        "sqlite+aiosqlite:///state/watchdog.db"
    )
    determined: DeterminedSection
    prometheus: PrometheusSection
    alertmanagers: list[AlertmanagerSection] = Field(min_length=1)
    slack: SlackSection
    api_tokens: list[TokenSection] = Field(min_length=1)
    owner_page: OwnerPageSection | None = None
    """None: there is no page, and no message links to one."""
    policies: dict[str, PolicySection] = Field(default_factory=shipped_policies)
    users: dict[str, UserSection] = Field(default_factory=dict)
    exempt: list[ExemptSection] = Field(default_factory=list)
    defaults: DefaultsSection = DefaultsSection()
    limits: LimitsSection = LimitsSection()
    breaker: BreakerSection = BreakerSection()
    digest: DigestSection = DigestSection()
    tick_interval: Duration = timedelta(seconds=15)
    tick_spacing: Duration = timedelta(seconds=1)
    """The shortest time between two ticks, however many webhooks ask for one."""
    request_timeout: Duration = timedelta(seconds=10)
    message_retry: Duration = timedelta(seconds=1)
    """The pause after a message's first failed attempt; it doubles with each further one."""
    message_retry_longest: Duration = timedelta(minutes=1)
    retention: DurationOrNone = timedelta(days=90)
    """How long what is over is remembered; none: for ever."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the signature is pydantic's.
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- likewise.
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = configuration_path()
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=path)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        _demand_sense(self)
        return self

    def followed_by(self, later: "Settings") -> "Settings":
        """Return these settings with what decides as the later ones have it, and all else as it is.

        Raises:
            ConfigurationError: what decides does not fit what else is in force until a restart.
        """
        followed = self.model_copy(update={name: getattr(later, name) for name in DECIDING})
        try:
            _demand_sense(followed)
        except ValueError as exc:
            raise ConfigurationError(f"without a restart: {exc}") from exc
        return followed

    def differences(self, other: "Settings") -> list[str]:
        """Return the names of the fields that the others have different."""
        names = type(self).model_fields
        return [name for name in names if getattr(self, name) != getattr(other, name)]

    @property
    def is_on_loopback(self) -> bool:
        urls = [self.determined.url, self.prometheus.url, self.slack.api_url]
        urls += [peer.url for peer in self.alertmanagers]
        return all(is_loopback(url) for url in urls)

    def rulebook(self) -> Rulebook:
        return Rulebook(
            mode=self.mode,
            policies={name: self._policy(name) for name in self.policies},
            limits=Limits(**self.limits.model_dump()),
            breaker=BreakerLimits(**self.breaker.model_dump()),
            zone=self.defaults.time_zone,
            zones={name: user.time_zone for name, user in self.users.items() if user.time_zone},
            exempt=tuple(Exemption(one.matchers, one.reason, one.until) for one in self.exempt),
            slot_limits=SlotLimits(
                default=self.defaults.slot_limit,
                by_user={
                    name: user.slot_limit
                    for name, user in self.users.items()
                    if user.slot_limit is not None
                },
            ),
            authority=Authority(
                admins=frozenset(self.slack.admins),
                stand_ins={name: user.stand_ins for name, user in self.users.items()},
            ),
        )

    def _policy(self, name: str) -> Policy:
        section = self.policies[name]
        hours = section.waking_hours or self.defaults.waking_hours
        given = section.model_dump(exclude={"waking_hours"})
        return Policy(name=name, waking_hours=hours, **given)


def _demand_sense(settings: Settings) -> None:
    """See that what stands in different sections goes together.

    Raises:
        ValueError: it does not.
    """
    if settings.tick_interval >= settings.limits.tick_gap:
        # A clock that skips gaps must not skip every tick.
        raise ValueError("tick_interval must be shorter than limits.tick_gap")
    rulebook = settings.rulebook()
    for policy in rulebook.policies.values():
        shortest = min((policy.grace_default, *policy.grace.values()))
        if shortest < SHORTEST_GRACE and not settings.is_on_loopback:
            # It is for a person, except where every system is on loopback.
            raise ValueError(
                "policies: a grace period is at least 5m, so that a person can read the message"
            )
        if policy.only_when_queued and not policy.reminders:
            # A deadline that was moved has been named by no new message before a reminder does.
            raise ValueError(f"policies.{policy.name}: only_when_queued needs a reminder")
        _demand_an_end(policy)


def _demand_an_end(policy: Policy) -> None:
    """A grace period that no waking hours are long enough for would begin again every day.

    Raises:
        ValueError: it would.
    """
    hours = policy.waking_hours
    if hours.are_off or policy.ceiling(Mode.ENFORCE) is not Mode.ENFORCE:
        return
    for task_type in sorted(UNSAVED):
        if policy.grace_for(task_type) >= hours.length:
            raise ValueError(
                f"policies.{policy.name}: the grace period of a {task_type} is longer than the "
                f"waking hours {hours}, and would never end; shorten it, or set "
                f"policies.{policy.name}.waking_hours"
            )


def is_loopback(url: AnyHttpUrl) -> bool:
    host = (url.host or "").strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def configuration_path() -> Path:
    return Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))


def load_settings() -> Settings:
    """Read the file that WATCHDOG_CONFIG names (or watchdog.yaml), and the environment.

    Raises:
        ConfigurationError: with one line for each field that is wrong.
    """
    path = configuration_path()
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
    except OSError as exc:
        raise ConfigurationError(f"{path}: {exc.strerror}") from exc


def _explain(path: Path, exc: ValidationError) -> str:
    lines = [f"{path}: {exc.error_count()} fields are wrong"]
    for error in exc.errors(include_input=False, include_url=False):
        where = ".".join(str(part) for part in error["loc"]) or "configuration"
        lines.append(f"  {where}: {error['msg']}")
    return "\n".join(lines)


def read_secret(path: Path) -> str:
    """Read a secret from its file.

    Raises:
        ConfigurationError: it cannot be read, is no text, or is empty.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ConfigurationError(f"secret file {path}: {exc.strerror}") from exc
    except UnicodeDecodeError:
        # Without the cause: its text quotes the secret.
        raise ConfigurationError(f"secret file {path} is not text in UTF-8") from None
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
        elif name == "reminders":
            found[name] = list(value)
        elif isinstance(value, dict) and name == "grace":
            found[name] = {str(key): each for key, each in value.items()}
        elif isinstance(value, dict):
            found[name] = {key: durations(each) for key, each in value.items()}
    return {name: value for name, value in found.items() if value}
