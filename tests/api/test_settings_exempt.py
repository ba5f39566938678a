"""Exemptions in the configuration: read strictly, since a slip of the pen would protect nobody."""

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from app.domain.exemption import Exemption
from app.domain.matchers import Matcher
from app.settings import load_settings
from tests.api.conftest import Configure, refusal

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
WHOLE = """
- matchers:
    - username="alice"
    - task_type=~"shell|notebook"
  reason: thesis
  until: 2026-12-31
- {matchers: [experiment_label!~".*prod.*", workspace=infra], reason: " eu ", until: 2026-12-31}
"""


def one(**changes: object) -> dict[str, object]:
    given = {"matchers": ['username="alice"'], "reason": "thesis", "until": "2026-12-31"}
    return {name: value for name, value in (given | changes).items() if value is not None}


def exempt(
    configuration: dict[str, Any], configure: Configure, *entries: object
) -> tuple[Exemption, ...]:
    configure(configuration | {"exempt": list(entries)})
    return load_settings().rulebook().exempt


def test_exemptions_are_read_with_their_matchers_reason_and_end(
    configuration: dict[str, Any], configure: Configure
) -> None:
    first, second = exempt(configuration, configure, *yaml.safe_load(WHOLE))

    assert first == Exemption(
        (Matcher("username", "alice"), Matcher("task_type", "shell|notebook", is_regex=True)),
        "thesis",
        NEW_YEAR,
    )
    assert [each.name for each in second.matchers] == ["experiment_label", "workspace"]
    assert second.reason == "eu"


def test_pattern_matches_as_a_whole_as_in_alertmanager(
    configuration: dict[str, Any], configure: Configure
) -> None:
    [found] = exempt(configuration, configure, one(matchers=['username=~"al|bob"']))

    [matcher] = found.matchers
    assert [matcher.matches({"username": name}) for name in ("al", "alice")] == [True, False]


@pytest.mark.parametrize(
    ("written", "end"),
    [
        ("2026-12-31", NEW_YEAR),
        ('"2026-12-31"', NEW_YEAR),
        ("2026-12-31T18:00:00Z", NEW_YEAR.replace(year=2026, month=12, day=31, hour=18)),
        ('"2027-01-01T01:00:00+01:00"', NEW_YEAR),
        ("2027-01-01T01:00:00+01:00", NEW_YEAR),
    ],
)
def test_end_is_that_of_a_day_in_utc_or_a_moment(
    configuration: dict[str, Any], configure: Configure, written: str, end: datetime
) -> None:
    [found] = exempt(configuration, configure, one(until=yaml.safe_load(written)))

    assert found.until == end


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"matchers": []}, "matchers: "),
        ({"matchers": 'username="alice"'}, "matchers: "),
        ({"matchers": None}, "matchers: Field required"),
        ({"matchers": ["alice"]}, "matchers.0: Value error, 'alice' is no matcher"),
        ({"matchers": [{"username": "alice"}]}, "matchers.0: Value error, "),
        ({"matchers": ['username="alice']}, "matchers.0: Value error, the value of "),
        ({"matchers": ['user="alice"']}, "matchers.0: Value error, a task has no user; "),
        ({"matchers": ['username=~"("']}, "matchers.0: Value error, '(' is no regular"),
        ({"matchers": ['username=~"(?=a)"']}, "matchers.0: Value error, '(?=a)' is no regular"),
        ({"matchers": ['task_type="notebok"']}, "matchers.0: Value error, there is no task_type"),
        ({"reason": None}, "reason: Field required"),
        ({"reason": " "}, "reason: "),
        ({"reason": "x" * 201}, "reason: "),
        ({"until": None}, "until: Field required"),
        ({"until": "tomorrow"}, "until: Value error, tomorrow is no end"),
        ({"until": "2026-12-31T18:00:00"}, "until: Value error, 2026-12-31 18:00:00 is no end"),
        ({"until": "9999-12-31"}, "until: Value error, "),
        ({"until": 20261231}, "until: Value error, 20261231 is no end"),
        ({"untill": "2026-12-31"}, "untill: Extra inputs"),
    ],
)
def test_what_is_wrong_is_refused_by_the_number_of_the_entry(
    configuration: dict[str, Any], configure: Configure, changes: dict[str, object], named: str
) -> None:
    configure(configuration | {"exempt": [one(), one(**changes)]})

    assert f"  exempt.1.{named}" in refusal()
