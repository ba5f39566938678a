"""Policies as the configuration writes them: reminders, what is done instead, and who must wait."""

from datetime import timedelta
from typing import Any

import pytest

from app.domain.policy import Fallback, Mode, Policy, StopAction
from app.settings import load_settings
from tests.api.conftest import Configure, refusal


def policy(
    configure: Configure, configuration: dict[str, Any], name: str = "reclaim", **section: object
) -> Policy:
    if section:
        configuration["policies"] = {name: section}
    configure(configuration)
    return load_settings().rulebook().policy(name)


def test_as_shipped_two_policies_stop_and_the_others_tell_or_record(
    configure: Configure, configuration: dict[str, Any]
) -> None:
    configure(configuration)

    policies = load_settings().rulebook().policies

    ceilings = {name: each.ceiling(Mode.ENFORCE) for name, each in policies.items()}
    assert ceilings == {
        "reclaim": Mode.ENFORCE,
        "slots": Mode.ENFORCE,
        "advise": Mode.WARN,
        "review": Mode.OBSERVE,
        "urgent": Mode.WARN,
    }
    assert not any(each.only_when_queued for each in policies.values())


def test_urgent_policy_that_is_set_to_stop_has_a_short_grace_period(
    configure: Configure, configuration: dict[str, Any]
) -> None:
    urgent = policy(configure, configuration, "urgent")

    assert urgent.grace_for("notebook") == timedelta(minutes=10)
    assert urgent.reminders == (timedelta(minutes=5),)
    assert urgent.waking_hours.are_off


@pytest.mark.parametrize("reminder", [0, 1, 1.5, -0.5, "half", "0s", True, [0.5]])
def test_reminder_that_is_neither_a_share_nor_a_time_is_refused(
    configure: Configure, configuration: dict[str, Any], reminder: object
) -> None:
    configuration["policies"] = {"reclaim": {"reminders": [reminder]}}
    configure(configuration)

    assert "policies.reclaim.reminders.0" in refusal()


def test_pause_is_an_action_and_no_fallback(
    configure: Configure, configuration: dict[str, Any]
) -> None:
    pausing = policy(configure, configuration, action="pause", fallback="kill")
    configuration["policies"] = {"reclaim": {"action": "pause", "fallback": "pause"}}
    configure(configuration)

    assert (pausing.action, pausing.fallback) == (StopAction.PAUSE, Fallback.KILL)
    assert "policies.reclaim.fallback" in refusal()


def test_policy_that_waits_for_others_needs_a_reminder(
    configure: Configure, configuration: dict[str, Any]
) -> None:
    configuration["policies"] = {"reclaim": {"only_when_queued": True, "reminders": []}}
    configure(configuration)

    assert "policies.reclaim: only_when_queued needs a reminder" in refusal()
