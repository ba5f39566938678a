"""docs/configuration.md and watchdog.example.yaml, held to the settings."""

import os
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from pydantic import AnyHttpUrl, BaseModel
from pydantic.fields import FieldInfo

from app.domain.digest_times import Moments
from app.domain.policy import Mode
from app.domain.waking import WakingHours
from app.durations import format_duration
from app.sections import Matchers, Networks, PolicySection, Reminders, SlackIds
from app.settings import CONFIG_VARIABLE, Settings, load_settings
from tests.docs.pages import ROOT, blocks, code, codes, read, rows, section

PAGE = read("docs/configuration.md")
EXAMPLE = ROOT / "watchdog.example.yaml"
KEYS = {"policies": "<name>", "users": "<username>"}
WORDS: dict[object, str] = {
    Matchers: "list of matchers",
    Reminders: "list of reminders",
    SlackIds: "list of Slack ids",
    Networks: "list of networks",
    datetime: "day, or moment",
    WakingHours: "part of a day, or `off`",
    tzinfo: "time zone",
    bool: "yes or no",
    str: "text",
    int: "whole number",
    float: "number",
    timedelta: "duration",
    Path: "file",
    AnyHttpUrl: "URL",
}
OTHER_VALUES: dict[str, tuple[str, object]] = {
    "yes or no": ("true", True),
    "text": ("other", "other"),
    "whole number": ("7", 7),
    "number": ("0.25", 0.25),
    "duration": ("7m", timedelta(minutes=7)),
    "part of a day": ("07:00-19:00", WakingHours(time(7), time(19))),
    "time of the week": ("friday 15:30", Moments(time(15, 30), 4)),
    "time of day": ("10:30", Moments(time(10, 30))),
    "list of reminders": ('[0.25, "7m"]', (0.25, timedelta(minutes=7))),
    "list of Slack ids": ('["U7", "W7"]', ("U7", "W7")),
    "list of networks": ('["10.0.0.7", "fd00::/8"]', ("10.0.0.7/32", "fd00::/8")),
    "time zone": ("Europe/Zurich", ZoneInfo("Europe/Zurich")),
    "file": ("a/file", Path("a/file")),
    "URL": ("http://other.example/", AnyHttpUrl("http://other.example/")),
}
NOT_JUST_ANY: dict[str, tuple[str, object]] = {
    "breaker.max_share": ("0.5", 0.5),
    "database_url": ("sqlite+aiosqlite:///other.db", "sqlite+aiosqlite:///other.db"),
    "tick_interval": ("20s", timedelta(seconds=20)),
}
"""Values for fields that do not take any of their type."""


@dataclass(frozen=True, slots=True)
class Field:
    path: str
    type: str
    default: str
    environment: str


def fields(model: type[BaseModel], path: str = "", name: str = "WATCHDOG_") -> Iterator[Field]:
    """Yield what the page must say of each field, of those below it too."""
    for key, field in model.model_fields.items():
        here, variable = path + key, name + key.upper()
        annotation = _without_none(field.annotation)
        arguments = typing.get_args(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from fields(annotation, f"{here}.", f"{variable}__")
        elif typing.get_origin(annotation) is list:
            yield Field(here, "list", _default(field), f"`{variable}`")
            for below in fields(arguments[0], f"{here}[]."):
                yield Field(below.path, below.type, below.default, f"in `{variable}`")
        elif typing.get_origin(annotation) is dict and here in KEYS:
            one = f"{variable}__{KEYS[here].upper()}"
            yield Field(here, "by name", _default(field), f"`{one}`")
            yield from fields(arguments[1], f"{here}.{KEYS[here]}.", f"{one}__")
        elif typing.get_origin(annotation) is dict:
            by_type = "durations by type of task"
            yield Field(here, by_type, _default(field), f"`{variable}__<TYPE>`")
        else:
            yield Field(here, _type(annotation, field), _default(field), f"`{variable}`")


def _without_none(annotation: Any) -> Any:  # noqa: ANN401  # annotations are anything
    if typing.get_origin(annotation) in {types.UnionType, typing.Union}:
        [annotation] = [each for each in annotation.__args__ if each is not types.NoneType]
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = annotation.__origin__
    return annotation


def _type(annotation: object, field: FieldInfo) -> str:
    if annotation is Moments:
        weekly = field.default.weekday is not None
        return f"time of {'the week' if weekly else 'day'}, or empty"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f"`{member}`" for member in annotation)
    bounds = {
        name: getattr(each, name)
        for each in field.metadata
        for name in ("ge", "le", "gt", "lt")
        if hasattr(each, name)
    }
    match bounds:
        case {"ge": least, "le": most}:
            return f"{WORDS[annotation]}, {least} to {most}"
        case {"ge": least}:
            return f"{WORDS[annotation]}, {least} or more"
        case {"gt": least, "lt": most}:
            return f"{WORDS[annotation]}, above {least} and below {most}"
        case _:
            return WORDS[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    match field.get_default(call_default_factory=True):
        case None:
            return "none"
        case bool() as is_so:
            return f"`{str(is_so).lower()}`"
        case timedelta() as duration:
            return f"`{format_duration(duration)}`"
        case []:
            return "empty"
        case tuple() as reminders:
            return ", ".join(f"`{_reminder(each)}`" for each in reminders)
        case dict() as named:
            return ", ".join(f"`{name}`" for name in named) or "empty"
        case value:
            return f"`{value}`" if str(value) else "empty"


def _reminder(value: object) -> str:
    return format_duration(value) if isinstance(value, timedelta) else str(value)


DOCUMENTED = {
    code(row["field"]): Field(code(row["field"]), row["type"], row["default"], row["environment"])
    for row in rows(PAGE, "field", "type", "default", "environment")
}
REAL = {field.path: field for field in fields(Settings)}
SETTABLE = [
    field
    for field in REAL.values()
    # A password and a token exclude each other; lists are given whole.
    if field.environment.startswith("`WATCHDOG") and field.path != "determined.token_file"
    if not {field.type} & {"list", "by name"}
]


@pytest.fixture(autouse=True)
def only_the_example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Read the example from a folder without secrets, and nothing of this machine."""
    for name in os.environ:
        if name.upper().startswith("WATCHDOG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv(CONFIG_VARIABLE, str(EXAMPLE))
    monkeypatch.chdir(tmp_path)


def test_every_setting_is_documented_and_no_other() -> None:
    assert DOCUMENTED.keys() == REAL.keys()


@pytest.mark.parametrize("path", REAL)
def test_setting_is_documented_as_it_is(path: str) -> None:
    assert DOCUMENTED[path] == REAL[path]


@pytest.mark.parametrize("field", SETTABLE, ids=lambda field: field.path)
def test_documented_variable_sets_the_field(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = code(field.environment)
    for key, stands_for in {"<NAME>": "RECLAIM", "<USERNAME>": "BOB", "<TYPE>": "TRIAL"}.items():
        variable = variable.replace(key, stands_for)
    before = found(load_settings(), field.path)
    text, value = other_value(field, before)
    monkeypatch.setenv(variable, text)

    settings = load_settings()

    assert before != value
    assert found(settings, field.path) == value


def found(settings: Settings, path: str) -> object:
    """Return the value of a field; None for a name or a type that is not there."""
    value: Any = settings
    for name in path.replace("<name>", "reclaim").replace("<username>", "bob").split("."):
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    return value.get("trial") if isinstance(value, dict) else value


def other_value(field: Field, before: object) -> tuple[str, object]:
    """Return a value that the field does not have yet, and how it is written."""
    if field.type.startswith("`"):
        other = next(name for name in codes(field.type) if name != before)
        return other, other
    if field.path in NOT_JUST_ANY:
        return NOT_JUST_ANY[field.path]
    if field.type.startswith("durations"):
        return OTHER_VALUES["duration"]
    return OTHER_VALUES[field.type.split(",")[0]]


def test_default_policies_are_shown_word_for_word() -> None:
    [shown] = blocks(section(PAGE, "## policies"), "yaml")

    policies = {
        name: PolicySection(**policy) for name, policy in yaml.safe_load(shown)["policies"].items()
    }

    assert policies == Settings.model_fields["policies"].get_default(call_default_factory=True)


def test_example_can_be_read_without_its_secrets() -> None:
    settings = load_settings()

    given = yaml.safe_load(EXAMPLE.read_text())
    assert settings.determined.password_file == Path(given["determined"]["password_file"])
    assert settings.slack.bot_token_file == Path(given["slack"]["bot_token_file"])
    assert [str(token.file) for token in settings.api_tokens] == [
        token["file"] for token in given["api_tokens"]
    ]


def test_example_stops_nothing() -> None:
    assert load_settings().mode is Mode.OBSERVE


def test_policies_of_the_example_are_the_default_ones() -> None:
    default = Settings.model_fields["policies"].get_default(call_default_factory=True)

    assert load_settings().policies == default
