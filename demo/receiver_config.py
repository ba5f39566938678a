"""The receiver's configuration for this run: the example file, with its durations divided.

As with the rules, the file itself is read. What it leaves out has a default in the code, and those
durations are divided as well.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from app.durations import format_duration
from app.settings import CONFIG_VARIABLE, durations, load_settings

NOT_TIME_OF_THE_CLUSTER = frozenset(
    {"keep_longest", "keep_total", "lease", "message_retry", "proof_age", "request_timeout"}
)
"""What machines take to answer, and to try again, does not get shorter with the demo's time; nor
does what the buttons in Slack say that they are good for.
"""

Tree = Mapping[str, Any]

ANY_HOUR: Tree = {
    "defaults": {"waking_hours": "off"},
    "digest": {"weekly": "", "daily": ""},
}
"""A run takes place at whatever time of day it is, and its days are no shorter than others."""


def merged(one: Tree, other: Tree) -> dict[str, Any]:
    """Return both trees as one; where both have a leaf, the other's."""
    result = dict(one)
    for name, value in other.items():
        before = result.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            result[name] = merged(before, value)
        else:
            result[name] = value
    return result


def write_scaled_settings(example: Path, target: Path, factor: float, changes: Tree) -> None:
    """Write the example's settings with the changes of this run, divided by the factor.

    `changes` has addresses, secrets, and whatever a test wants different; its durations are those
    of a real cluster.

    Raises:
        app.errors.ConfigurationError: the receiver would refuse the settings.
    """
    read: dict[str, Any] = yaml.safe_load(example.read_text())
    settings = merged(merged(read, ANY_HOUR), changes)
    target.write_text(yaml.safe_dump(settings, sort_keys=False))
    with _configured(target):
        known = durations(load_settings())
    scaled = merged(settings, _scaled(known, factor))
    target.write_text(yaml.safe_dump(scaled, sort_keys=False))


def _scaled(tree: Tree, factor: float) -> dict[str, Any]:
    return {
        name: _part(value, factor)
        for name, value in tree.items()
        if name not in NOT_TIME_OF_THE_CLUSTER
    }


def _part(value: Any, factor: float) -> Any:  # noqa: ANN401 -- whatever a configuration holds.
    match value:
        case timedelta():
            return _divided(value, factor)
        case Mapping():
            return _scaled(value, factor)
        case list():
            return [_part(each, factor) for each in value]
        case _:
            return value


def _divided(duration: timedelta, factor: float) -> str:
    # Never nothing: the settings refuse it, since it means "off" elsewhere.
    return format_duration(max(duration / factor, timedelta(milliseconds=1)))


@contextmanager
def _configured(path: Path) -> Iterator[None]:
    """Let the settings be read from this file, and from nobody's environment."""
    before = {name: value for name, value in os.environ.items() if name.startswith("WATCHDOG_")}
    for name in before:
        del os.environ[name]
    os.environ[CONFIG_VARIABLE] = str(path)
    try:
        yield
    finally:
        del os.environ[CONFIG_VARIABLE]
        os.environ.update(before)
