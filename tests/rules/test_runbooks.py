import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs/runbooks"
SECTIONS = (
    "## Meaning",
    "## Impact",
    "## Diagnosis",
    "## Mitigation",
    "## How to silence",
    "## What the watchdog does by itself",
)
METRIC = re.compile(r"\b(?:\w+:\w+:\w+|(?:watchdog|det|DCGM)_\w+)\b")


def test_every_alert_has_a_runbook_and_every_runbook_an_alert(
    alerts: dict[str, dict[str, Any]],
) -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(alerts)


def test_every_alert_links_to_its_own_runbook(alerts: dict[str, dict[str, Any]]) -> None:
    for name, alert in alerts.items():
        assert alert["annotations"]["runbook_url"].endswith(f"/docs/runbooks/{name}.md")


@pytest.mark.parametrize("annotation", ["runbook_url", "dashboard_url"])
def test_all_links_of_a_kind_begin_with_one_address(
    annotation: str, alerts: dict[str, dict[str, Any]]
) -> None:
    links = [alert["annotations"].get(annotation) for alert in alerts.values()]

    # One address to change for an installation, so one replacement must be enough.
    assert len({urlsplit(link).netloc for link in links if link}) == 1


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_runbook_has_every_section(path: Path) -> None:
    text = path.read_text()

    assert text.startswith(f"# {path.stem}\n")
    assert [line for line in text.splitlines() if line.startswith("## ")] == list(SECTIONS)


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_recorded_names_in_a_runbook_are_recorded(path: Path) -> None:
    recorded = {
        rule["record"]
        for rules in (ROOT / "alerting-rules").glob("*.rules.yaml")
        for group in yaml.safe_load(rules.read_text())["groups"]
        for rule in group["rules"]
        if "record" in rule
    }

    named = {name for name in METRIC.findall(path.read_text()) if ":" in name}

    assert named <= recorded, f"{path.name} names what no rule records"
