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

from app.domain.cluster import TaskType
from app.domain.policy import Limits, Mode, Policy, Rulebook, StopAction
from app.errors import ConfigurationError
from app.sections import (
    AlertmanagerSection,
    DefaultsSection,
    DeterminedSection,
    Duration,
    LimitsSection,
    PolicySection,
    PrometheusSection,
    SlackSection,
    TokenSection,
    UserSection,
)

CONFIG_VARIABLE = "WATCHDOG_CONFIG"
DEFAULT_CONFIG = Path("watchdog.yaml")
SHORTEST_GRACE = timedelta(minutes=5)


def _known_database(url: str) -> str:
    if not url.startswith(("sqlite+aiosqlite://", "postgresql+asyncpg://")):
        raise ValueError("a database begins with sqlite+aiosqlite:// or postgresql+asyncpg://")
    return url


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
    database_url: Annotated[str, AfterValidator(_known_database)] = (
        "sqlite+aiosqlite:///state/watchdog.db"
    )
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
    def _count_every_tick(self) -> Self:
        """A clock that skips gaps must not skip every tick."""
        if self.tick_interval >= self.limits.tick_gap:
            raise ValueError("tick_interval must be shorter than limits.tick_gap")
        return self

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
        elif isinstance(value, dict) and name == "grace":
            found[name] = {str(key): each for key, each in value.items()}
        elif isinstance(value, dict):
            found[name] = {key: durations(each) for key, each in value.items()}
    return {name: value for name, value in found.items() if value}
