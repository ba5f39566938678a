"""Words that fit what an alert has found: advice is no threat, and not every alert is idleness."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from app.adapters.slack_conditions import condition
from app.adapters.slack_messages import render
from app.adapters.slack_text import date, plain
from app.domain.actions import MessageKind
from app.domain.incident import Incident, IncidentState
from app.domain.policy import Mode
from tests.adapters.conftest import LINKS
from tests.adapters.slack_examples import DEADLINE_WORDS, TEXTS, incident, notice, said
from tests.domain.examples import T0

ROOT = Path(__file__).parents[2]
UNUSED = re.compile("unused|use the gpus again|in use again", re.IGNORECASE)
OTHER = "GPUAllocationPartlyIdle"


def other(state: IncidentState = IncidentState.NOTIFIED) -> Incident:
    """An alert that has found something else than an idle GPU."""
    base = incident(state)
    return replace(base, identity=replace(base.identity, alertname=OTHER), mode=Mode.WARN)


def test_advice_says_what_was_found_and_what_helps_and_names_no_deadline() -> None:
    text = said(render(notice(about=other(), enforced=False), LINKS))

    assert TEXTS["summary"] in text
    assert "1 % in 30 minutes" in text
    assert f"What helps: {condition(OTHER).change}" in text
    assert "Nothing will be stopped" in text
    assert "silence it in Alertmanager" in text


def test_only_an_alert_of_idle_gpus_calls_a_task_unused() -> None:
    for kind in MessageKind:
        for state in IncidentState:
            for enforced in (True, False):
                each = notice(kind, other(state), enforced=enforced)
                found = UNUSED.search(said(render(each, LINKS)))
                assert found is None, f"{kind} in {state}"


def test_what_has_come_back_is_said_to_be_back() -> None:
    again = replace(incident(), settled_at=T0)

    message = render(notice(about=again), LINKS)

    assert message.text.startswith("Hello again! Your notebook `JupyterLab (brave-otter)` (2 GPUs)")
    assert f"was settled {plain(date(T0))}, and it has come back." in message.text
    assert f"it will be stopped {plain(DEADLINE_WORDS)}" in message.text


@pytest.mark.parametrize("state", set(IncidentState) - {IncidentState.STOPPING})
def test_s10_advice_speaks_of_no_deadline_in_any_state(state: IncidentState) -> None:
    for kind in (MessageKind.STATUS, MessageKind.WARNING):
        text = said(render(notice(kind, other(state), enforced=False), LINKS))

        assert "deadline" not in text.lower()
        assert "will be stopped <" not in text


def test_every_shipped_alert_that_advises_an_owner_says_what_helps() -> None:
    rules = [
        rule
        for path in (ROOT / "alerting-rules").glob("*.rules.yaml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if rule.get("labels", {}).get("policy") in {"advise", "urgent"}
    ]

    assert rules
    assert [rule["alert"] for rule in rules if not condition(rule["alert"]).change] == []
