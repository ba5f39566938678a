"""A configuration file that has changed is followed as far as it decides; a broken one is not."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from app.context import Context
from app.domain.policy import Mode
from app.reload import Reload
from app.settings import Settings, load_settings
from app.telemetry import Telemetry
from tests.api.conftest import Configure

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EXEMPT = {"matchers": ['username="alice"'], "reason": "thesis", "until": "2026-11-30"}
LOOPBACK = {
    "prometheus": {"url": "http://localhost:9090"},
    "alertmanagers": [{"url": "http://localhost:9093"}],
}


class Process:
    """A receiver's configuration from its start on, and what became of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = NOW
        settings = load_settings()
        self.context = Context(
            settings.rulebook(), Telemetry(CollectorRegistry()), lambda: self.now
        )
        self.followed: list[Settings] = []
        self.reload = Reload(settings, self.context, follow=self.followed.append)
        self.began_with = self.context.rulebook

    def looks(self, times: int = 2) -> list[str]:
        """Look, and return the log: events with what they name."""
        with capture_logs() as logs:
            for _ in range(times):
                self.reload.look()
        return [f"{entry['event']} {entry.get('fields', entry.get('why', ''))}" for entry in logs]

    def metric(self, name: str) -> float | None:
        registry = self.context.telemetry.registry
        return registry.get_sample_value(f"watchdog_config_last_reload_{name}")


@pytest.fixture
def process(configuration: dict[str, Any], configure: Configure) -> Process:
    return Process(configure(configuration))


@pytest.fixture
def changed(
    configuration: dict[str, Any], configure: Configure
) -> Callable[[Mapping[str, Any]], None]:
    """Write the file with these fields otherwise."""

    def change(fields: Mapping[str, Any]) -> None:
        configure(configuration | dict(fields))

    return change


Change = Callable[[Mapping[str, Any]], None]


def test_file_that_stays_as_it_was_changes_nothing(process: Process) -> None:
    assert process.looks(5) == []
    assert process.context.rulebook is process.began_with
    assert process.metric("successful") == 1
    assert process.metric("success_timestamp_seconds") == NOW.timestamp()


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("mode", "warn", lambda rules: rules.mode),
        ("policies", {"reclaim": {"action": "none"}}, lambda rules: rules.policies),
        ("exempt", [EXEMPT], lambda rules: rules.exempt),
        ("users", {"bob": {"slot_limit": 7}}, lambda rules: rules.slot_limits),
        ("users", {"bob": {"time_zone": "Asia/Tokyo"}}, lambda rules: rules.zone_of("bob")),
        ("defaults", {"time_zone": "Asia/Tokyo"}, lambda rules: rules.zone),
        ("defaults", {"waking_hours": "off"}, lambda rules: rules.policies),
        ("limits", {"snapshot_age": "31s", "tick_gap": "2h"}, lambda rules: rules.limits),
        ("breaker", {"max_stops_per_hour": 1}, lambda rules: rules.breaker),
    ],
)
def test_what_decides_is_followed(
    process: Process, changed: Change, field: str, value: object, what: Callable[[Any], object]
) -> None:
    changed({field: value})

    logs = process.looks()

    assert logs == [f"configuration_followed ['{field}']"]
    assert what(process.context.rulebook) != what(process.began_with)
    assert process.context.rulebook == load_settings().rulebook()
    assert [settings.users for settings in process.followed] == [load_settings().users]


def test_each_change_is_followed_once(process: Process, changed: Change) -> None:
    changed({"mode": "warn"})
    process.looks()
    changed({"mode": "enforce"})

    process.looks(6)

    assert process.context.rulebook.mode is Mode.ENFORCE
    assert len(process.followed) == 2


def test_change_between_reading_and_starting_is_followed(
    configuration: dict[str, Any], configure: Configure, changed: Change
) -> None:
    process = Process(configure(configuration))
    changed({"mode": "warn"})

    process.looks()

    assert process.context.rulebook.mode is Mode.WARN


def test_file_is_followed_when_it_has_looked_the_same_twice(
    process: Process, changed: Change
) -> None:
    """What is being written may be readable, and still lack the exemptions at its end."""
    process.looks()
    changed({"mode": "enforce"})
    process.looks(1)
    changed({"mode": "enforce", "exempt": [EXEMPT]})
    process.looks(1)
    assert process.context.rulebook is process.began_with

    process.looks(1)

    assert process.context.rulebook.mode is Mode.ENFORCE
    assert len(process.context.rulebook.exempt) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param("mode: [", "is not readable as YAML", id="no YAML"),
        pytest.param("mode: enforce", "fields are wrong", id="most of it missing"),
        pytest.param("", "fields are wrong", id="nothing in it"),
        pytest.param(None, "there is no configuration at", id="no file"),
    ],
)
def test_broken_file_leaves_the_old_configuration_in_force(
    process: Process, content: str | None, why: str
) -> None:
    before = process.path.read_text()
    process.path.unlink()
    if content is not None:
        process.path.write_text(content)
    process.now += timedelta(hours=1)

    [refused] = process.looks(6)

    assert refused.startswith("configuration_refused ")
    assert why in refused
    assert process.context.rulebook is process.began_with
    assert process.metric("successful") == 0
    assert process.metric("success_timestamp_seconds") == NOW.timestamp()

    process.path.write_text(before)
    assert process.looks(3) == []
    assert process.metric("successful") == 1
    assert process.metric("success_timestamp_seconds") == process.now.timestamp()
    assert process.context.rulebook is process.began_with


def test_one_fault_anywhere_leaves_everything_as_it_was(process: Process, changed: Change) -> None:
    changed({"mode": "enforce", "exempt": [EXEMPT | {"until": "soon"}]})

    [refused] = process.looks()

    assert "exempt.0.until" in refused
    assert process.context.rulebook is process.began_with


def test_every_other_broken_file_is_logged_anew(process: Process, changed: Change) -> None:
    changed({"moode": "warn"})
    first = process.looks(3)
    changed({"moood": "warn"})

    second = process.looks(3)

    assert [len(first), len(second)] == [1, 1]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"listen_port": 9999}, "['listen_port']"),
        ({"tick_spacing": "2s", "message_retry": "2s"}, "['tick_spacing', 'message_retry']"),
        (LOOPBACK, "['prometheus', 'alertmanagers']"),
    ],
)
def test_what_is_opened_at_the_start_waits_for_a_restart_and_is_named(
    process: Process, changed: Change, fields: dict[str, Any], named: str
) -> None:
    changed(fields | {"mode": "warn"})

    logs = process.looks(4)

    assert logs == ["configuration_followed ['mode']", f"configuration_needs_restart {named}"]
    assert process.metric("successful") == 1


def test_clock_that_would_stand_still_until_the_restart_is_refused(
    process: Process, changed: Change
) -> None:
    changed({"tick_interval": "1s", "limits": {"tick_gap": "1m"}})

    [refused] = process.looks()

    assert "without a restart: tick_interval must be shorter" in refused
    assert process.context.rulebook is process.began_with


def test_grace_period_for_loopback_is_refused_while_other_systems_are_in_force(
    process: Process, changed: Change
) -> None:
    changed(LOOPBACK | {"policies": {"reclaim": {"action": "kill", "grace_default": "1s"}}})
    assert load_settings().is_on_loopback

    [refused] = process.looks()

    assert "without a restart: policies: a grace period is at least 5m" in refused
    assert process.context.rulebook is process.began_with


def test_exemption_that_is_over_is_logged_once_at_the_start_and_when_it_ends(
    configuration: dict[str, Any], configure: Configure
) -> None:
    later = EXEMPT | {"reason": "defence", "until": "2026-12-31"}
    process = Process(configure(configuration | {"exempt": [EXEMPT, later]}))
    process.now = datetime(2026, 12, 1, tzinfo=UTC)
    with capture_logs() as at_first:
        process.reload.look()
        process.reload.look()
    process.now = datetime(2027, 1, 1, tzinfo=UTC)

    with capture_logs() as then:
        process.reload.look()
        process.reload.look()

    assert [(entry["event"], entry["reason"]) for entry in (*at_first, *then)] == [
        ("exemption_expired", "thesis"),
        ("exemption_expired", "defence"),
    ]


def test_secrets_and_values_are_not_logged(process: Process) -> None:
    settings = yaml.safe_load(process.path.read_text())
    settings["database_url"] = "postgresql+asyncpg://watchdog:s3cr3t@db/watchdog"
    process.path.write_text(yaml.safe_dump(settings))

    logs = process.looks()

    assert logs == ["configuration_needs_restart ['database_url']"]
