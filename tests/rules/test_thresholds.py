"""The numbers of alerting-rules/thresholds.rules.yaml, held to every text that names them."""

import re
from typing import Any

import pytest
import yaml

from tests.docs.pages import code, read, rows, section

Alerts = dict[str, dict[str, Any]]

THRESHOLDS = {
    rule["record"]: float(re.fullmatch(r"vector\((.*)\)", rule["expr"])[1])  # type: ignore[index]
    for group in yaml.safe_load(read("alerting-rules/thresholds.rules.yaml"))["groups"]
    for rule in group["rules"]
}
NUMBER = re.compile(r"[\d.,]+ (?:%|MiB|times)")


def spelled(name: str) -> str:
    """Return the threshold as texts for people name it."""
    value = THRESHOLDS[name]
    if name.endswith(":mebibytes"):
        return f"{value:,.0f} MiB"
    return f"{value:g} times" if name.endswith("_share:ratio") else f"{100 * value:g} %"


def readers(alerts: Alerts, name: str) -> list[str]:
    return [alert for alert, rule in alerts.items() if f"scalar({name})" in rule["expr"]]


@pytest.mark.parametrize("name", THRESHOLDS)
def test_threshold_is_what_the_list_of_alerts_says(name: str, alerts: Alerts) -> None:
    listed = {
        code(row["alert"]): NUMBER.findall(row["fires when"])
        for row in rows(read("docs/alerts.md"), "alert", "scope")
    }

    assert readers(alerts, name), "no alert compares with it"
    for alert in readers(alerts, name):
        assert spelled(name) in listed[alert], alert


@pytest.mark.parametrize("name", THRESHOLDS)
def test_texts_of_an_alert_name_no_other_limit(name: str, alerts: Alerts) -> None:
    for alert in readers(alerts, name):
        expression, annotations = alerts[alert]["expr"], alerts[alert]["annotations"]
        limits = {spelled(each) for each in THRESHOLDS if each in expression}
        # What the expression itself compares with, in percent or as it is.
        limits |= {f"{100 * float(n):g} %" for n in re.findall(r"[<>]=? (0\.\d+)", expression)}
        limits |= {f"{n} %" for n in re.findall(r"[<>]=? (\d+)", expression)}

        assert set(NUMBER.findall(annotations["description"])) <= limits, alert


def test_users_are_told_the_limits_that_there_are() -> None:
    told = NUMBER.findall(section(read("docs/detection.md"), "## What else is noticed"))

    assert told, "the page names limits"
    assert set(told) <= {spelled(name) for name in THRESHOLDS}
