"""Alertmanager's routes, in every way in which they may be written."""

from typing import Any

import pytest

from app.adapters.alertmanager_status import InhibitRule, PeerConfiguration, Route
from app.preflight.routing import inhibits, ours, ways

LABELS = {"alertname": "GPUAllocationIdle", "policy": "reclaim", "scope": "allocation"}


@pytest.mark.parametrize(
    "written",
    [
        {"matchers": ['policy="reclaim"', 'scope=~"allocation|user"']},
        {"matchers": '{policy="reclaim", scope=~"allocation|user"}'},
        {"matchers": ['policy=~"reclaim|a,b"']},
        {"match": {"policy": "reclaim"}},
        {"match_re": {"policy": "re.*"}},
        {"matchers": ["missing!~.+"]},
        {},
    ],
    ids=["a list", "one text", "a comma in quotes", "match", "match_re", "not there", "all"],
)
def test_matching_route_is_taken_however_it_is_written(written: dict[str, Any]) -> None:
    route = Route.model_validate({"receiver": "top", "routes": [{"receiver": "own", **written}]})

    assert [way.receiver for way in ways(route, LABELS)] == ["own"]


@pytest.mark.parametrize(
    "written",
    [
        {"matchers": ['policy="slots"']},
        {"matchers": ['policy=~"re"']},
        {"match": {"policy": "reclaim", "scope": "user"}},
        {"matchers": ['"a label of tomorrow"="x"']},
    ],
    ids=["another", "a part of it", "only one of two", "a name of later versions"],
)
def test_other_route_is_not_taken(written: dict[str, Any]) -> None:
    route = Route.model_validate({"receiver": "top", "routes": [{"receiver": "own", **written}]})

    assert [way.receiver for way in ways(route, LABELS)] == ["top"]


def test_first_route_that_matches_ends_the_search_unless_it_goes_on() -> None:
    routes = [{"receiver": "a", "continue": True}, {"receiver": "b"}, {"receiver": "c"}]

    route = Route.model_validate({"receiver": "top", "routes": routes})

    assert [way.receiver for way in ways(route, LABELS)] == ["a", "b"]


def test_route_inherits_its_pace_and_not_its_hours() -> None:
    below = {"matchers": ['policy="reclaim"'], "routes": None}
    above = {"repeat_interval": "1h", "mute_time_intervals": ["nights"], "routes": [below]}

    [way] = ways(Route.model_validate({"receiver": "top", "routes": [above]}), LABELS)

    assert (way.receiver, way.group_interval, way.repeat_interval) == ("top", "5m", "1h")
    assert way.hours == ()


def test_inhibition_asks_that_labels_are_equal() -> None:
    written = {"source_match": {"alertname": "Doubt"}, "target_match_re": {"alertname": "GPU.*"}}
    rule = InhibitRule.model_validate({**written, "equal": ["policy"]})

    assert inhibits(rule, {"alertname": "Doubt", "policy": "reclaim"}, LABELS)
    assert not inhibits(rule, {"alertname": "Doubt", "policy": "other"}, LABELS)
    assert not inhibits(rule, LABELS, LABELS)


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("http://gpu-watchdog:8090/api/v1/alerts", True),
        ("<secret>", True),
        ("http://elsewhere/hook", False),
    ],
    ids=["the watchdog", "hidden, as later versions do", "somebody else"],
)
def test_receiver_of_the_watchdog_is_known_by_its_address(url: str, *, is_ours: bool) -> None:
    receivers = [{"name": "x", "webhook_configs": [{"url": url}]}, {"name": "null"}]
    found = PeerConfiguration.model_validate({"route": {}, "receivers": receivers})

    assert bool(ours(found.receivers)) is is_ours
