"""The window that an owner is told, held to the window that the rules give the type of the task."""

import re
from typing import Any

import yaml

from tests.docs.pages import read

Alerts = dict[str, dict[str, Any]]


def windows() -> dict[str, str]:
    """Return the minutes that allocation_id:watchdog_idle_window:info gives each type of task."""
    groups = yaml.safe_load(read("alerting-rules/mapping.rules.yaml"))["groups"]
    [expression] = [
        rule["expr"]
        for group in groups
        for rule in group["rules"]
        if rule["record"] == "allocation_id:watchdog_idle_window:info"
    ]
    given = re.findall(r'\{task_type=~"(.*?)"\}, "window", "(\d+)m"', expression)
    return {type_: minutes for types, minutes in given for type_ in types.split("|")}


def test_owner_is_told_the_window_of_the_type_of_the_task(alerts: Alerts) -> None:
    description = alerts["GPUAllocationIdle"]["annotations"]["description"]
    [(condition, short, other)] = re.findall(
        r"\{\{ if (.*?) \}\}(\d+)\{\{ else \}\}(\d+)\{\{ end \}\}\s+minutes", description
    )
    named = re.findall(r'eq \$labels\.task_type "(\w+)"', condition)

    assert set(named) == {type_ for type_, minutes in windows().items() if minutes == short}
    assert set(windows().values()) == {short, other}
