"""Waking hours and time zones in the configuration (S13)."""

import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.day import parse_daily, parse_weekly
from app.domain.digest_times import Moments
from app.domain.waking import ALWAYS, WakingHours
from app.settings import load_settings
from tests.api.conftest import Configure, refusal

Parse = Callable[[object], Moments | None]
DAY, LONG_DAY = WakingHours(time(9), time(21)), WakingHours(time(7, 30), time(23))


def hours_in_force(configure: Configure, configuration: dict[str, Any]) -> dict[str, WakingHours]:
    configure(configuration)
    policies = load_settings().rulebook().policies
    return {name: policy.waking_hours for name, policy in policies.items()}


def test_hours_are_from_nine_to_nine_in_utc_unless_somebody_says_otherwise(
    configuration: dict[str, Any], configure: Configure
) -> None:
    hours = hours_in_force(configure, configuration)

    assert hours.pop("urgent").are_off, "a machine that runs out of memory does not wait"
    assert set(hours.values()) == {DAY}
    assert load_settings().rulebook().zone_of("bob") is UTC


def test_policy_may_have_hours_of_its_own_or_none(
    configuration: dict[str, Any], configure: Configure
) -> None:
    policies: dict[str, dict[str, object]] = {
        "reclaim": {},
        "long": {"waking_hours": "07:30-23:00"},
        "urgent": {"waking_hours": False},
    }

    found = hours_in_force(configure, configuration | {"policies": policies})

    assert found == {"reclaim": DAY, "long": LONG_DAY, "urgent": ALWAYS}


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("07:30-23:00", LONG_DAY),
        ('"07:30-23:00"', LONG_DAY),
        ("20:00-04:00", WakingHours(time(20), time(4))),
        ("off", ALWAYS),
        ('"off"', ALWAYS),
        ("false", ALWAYS),
    ],
)
def test_hours_as_they_are_written_in_yaml(
    configuration: dict[str, Any], configure: Configure, written: str, hours: WakingHours
) -> None:
    path = configure(configuration)
    path.write_text(f"{path.read_text()}defaults: {{waking_hours: {written}}}\n")

    assert load_settings().defaults.waking_hours == hours


@pytest.mark.parametrize("written", ["on", "9-21", "09:00", "09:00-24:00", "~", "{begin: 9}"])
def test_what_is_no_part_of_a_day_is_refused(
    configuration: dict[str, Any], configure: Configure, written: str
) -> None:
    path = configure(configuration)
    path.write_text(f"{path.read_text()}defaults: {{waking_hours: {written}}}\n")

    assert "defaults.waking_hours: Value error" in refusal()


def test_hours_without_length_are_refused(
    configuration: dict[str, Any], configure: Configure
) -> None:
    configure(configuration | {"defaults": {"waking_hours": "09:00-09:00"}})

    assert "09:00-09:00 has no length; write off for the whole day" in refusal()


def test_owner_may_have_a_time_zone_of_their_own(
    configuration: dict[str, Any], configure: Configure
) -> None:
    zones = {
        "defaults": {"time_zone": "Europe/Zurich"},
        "users": {"bob": {"time_zone": "Asia/Tokyo"}, "carol": {"email": "c@lab.example"}},
    }
    configure(configuration | zones)

    rulebook = load_settings().rulebook()

    assert [rulebook.zone_of(name) for name in ("bob", "carol", "erin")] == [
        ZoneInfo("Asia/Tokyo"),
        ZoneInfo("Europe/Zurich"),
        ZoneInfo("Europe/Zurich"),
    ]


@pytest.mark.parametrize("name", ["Europe/Zurih", "Europe", "../../etc/passwd", "", 7])
def test_unknown_time_zone_is_refused(
    configuration: dict[str, Any], configure: Configure, name: object
) -> None:
    configure(configuration | {"users": {"bob": {"time_zone": name}}})

    assert f"users.bob.time_zone: Value error, {name!r} is no time zone" in refusal()


@pytest.fixture
def _no_time_zones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A machine without the package tzdata; what was read before is remembered."""
    zoneinfo.reset_tzpath([str(tmp_path_factory.mktemp("zoneinfo"))])
    yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("_no_time_zones")
def test_machine_without_time_zones_knows_utc_and_says_what_is_missing(
    configuration: dict[str, Any], configure: Configure
) -> None:
    configure(configuration | {"defaults": {"time_zone": "UTC"}})
    assert load_settings().defaults.time_zone is UTC
    configure(configuration | {"defaults": {"time_zone": "Antarctica/Troll"}})

    assert "this machine knows none; install the package tzdata" in refusal()


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param({"grace_default": "12h"}, id="for every task"),
        pytest.param({"grace": {"shell": "13h"}}, id="for one type of task"),
        pytest.param({"waking_hours": "09:00-10:00"}, id="in hours of its own"),
    ],
)
def test_grace_period_that_no_day_is_long_enough_for_is_refused(
    configuration: dict[str, Any], configure: Configure, policy: dict[str, Any]
) -> None:
    configure(configuration | {"policies": {"reclaim": {"action": "kill"} | policy}})

    words = refusal()

    assert "policies.reclaim: the grace period of a " in words
    assert "would never end" in words


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param({"grace": {"trial": "3d"}}, id="for what runs at night"),
        pytest.param({"grace_default": "3d", "waking_hours": "off"}, id="without hours"),
        pytest.param({"grace_default": "3d", "action": "none"}, id="where nothing is stopped"),
        pytest.param({"grace_default": "3d", "mode": "warn"}, id="where owners are told"),
    ],
)
def test_longer_grace_period_is_accepted(
    configuration: dict[str, Any], configure: Configure, policy: dict[str, Any]
) -> None:
    configure(configuration | {"policies": {"reclaim": {"action": "kill"} | policy}})

    assert load_settings().policies


@pytest.mark.parametrize(
    ("parse", "written", "moments"),
    [
        (parse_weekly, "monday 09:00", Moments(time(9), 0)),
        (parse_weekly, "Sunday  23:59", Moments(time(23, 59), 6)),
        (parse_weekly, "", None),
        (parse_daily, "07:30", Moments(time(7, 30))),
        (parse_daily, "", None),
    ],
)
def test_when_digests_are_due_as_it_is_written(
    parse: Parse, written: str, moments: Moments | None
) -> None:
    assert parse(written) == moments


@pytest.mark.parametrize(
    ("parse", "written"),
    [
        (parse_weekly, "09:00"),
        (parse_weekly, "mon 09:00"),
        (parse_weekly, "monday 24:00"),
        (parse_weekly, False),
        (parse_daily, "monday 09:00"),
        (parse_daily, "9:00"),
        (parse_daily, 630),
    ],
)
def test_what_is_no_such_time_is_refused(parse: Parse, written: object) -> None:
    with pytest.raises(ValueError, match=r'write ".*09:00".*"" for none'):
        parse(written)
