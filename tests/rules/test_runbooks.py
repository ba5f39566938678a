import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs/runbooks"
BASE = "https://gpu-watchdog.example.org/docs/runbooks/"
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
        assert alert["annotations"]["runbook_url"] == f"{BASE}{name}.md"


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
