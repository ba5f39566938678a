"""What Alertmanager posts, and what of it is ours."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from app.adapters.alertmanager import WebhookMessage, read_message
from app.domain.alert import HEARTBEAT
from tests.domain.examples import IDENTITY


def posted(**changes: object) -> Any:  # noqa: ANN401 -- JSON
    return {
        "status": "firing",
        "labels": IDENTITY.labels() | {"cluster": "lab"},
        "annotations": {"summary": "idle"},
        "startsAt": "2026-11-24T12:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "9dd4e461268c8034",
    } | changes


def message(*alerts: object, **changes: object) -> WebhookMessage:
    body = {
        "version": "4",
        "groupKey": '{}:{alertname="GPUAllocationIdle"}',
        "status": "firing",
        "receiver": "gpu-watchdog",
        "alerts": list(alerts),
    }
    return WebhookMessage.model_validate(body | changes)


def test_alert_is_read_with_all_its_labels() -> None:
    received = read_message(message(posted()))

    [alert] = received.alerts
    assert alert.identity == IDENTITY
    assert alert.labels == IDENTITY.labels() | {"cluster": "lab"}
    assert alert.annotations == {"summary": "idle"}
    assert alert.starts_at == datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
    assert alert.firing


def test_each_alert_has_its_own_status() -> None:
    ended = posted(status="resolved", endsAt="2026-11-24T12:30:00Z")

    received = read_message(message(posted(), ended))

    assert [alert.firing for alert in received.alerts] == [True, False]


def test_year_one_is_no_end() -> None:
    found = message(posted(), posted(endsAt="2026-11-24T12:30:00Z"))

    assert found.alerts[0].ends_at is None
    assert found.alerts[1].ends_at == datetime(2026, 11, 24, 12, 30, tzinfo=UTC)


def test_fields_of_later_versions_are_let_in() -> None:
    later = message(posted(severityText="x"), notification_reason="first notification")

    assert len(read_message(later).alerts) == 1


def test_message_that_was_cut_says_by_how_much() -> None:
    assert message(posted()).truncated_alerts == 0
    assert message(posted(), truncatedAlerts=12).truncated_alerts == 12


def test_heartbeat_is_no_incident() -> None:
    heartbeat = posted(labels={"alertname": HEARTBEAT, "severity": "none", "policy": "self"})

    received = read_message(message(heartbeat))

    assert received.heartbeat
    assert (received.alerts, received.broken, received.foreign) == ((), (), 0)


def test_heartbeat_that_stopped_is_none() -> None:
    heartbeat = posted(status="resolved", labels={"alertname": HEARTBEAT})

    assert not read_message(message(heartbeat, posted())).heartbeat


def test_alert_without_a_policy_is_not_ours() -> None:
    received = read_message(message(posted(labels={"alertname": "DiskFull"})))

    assert (received.alerts, received.broken, received.foreign) == ((), (), 1)


@pytest.mark.parametrize("scope", ["agent", "cluster"])
@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_alert_for_the_admins_is_counted_and_is_not_ours(scope: str, status: str) -> None:
    labels = {"alertname": "ExporterDown", "policy": "telemetry", "scope": scope}

    received = read_message(message(posted(labels=labels, status=status), posted()))

    assert [alert.identity for alert in received.alerts] == [IDENTITY]
    assert (received.admins, received.broken, received.foreign) == (1, (), 0)


def test_scope_of_somebody_else_makes_no_alert_for_the_admins() -> None:
    received = read_message(message(posted(labels={"alertname": "DiskFull", "scope": "cluster"})))

    assert (received.admins, received.foreign) == (0, 1)


def test_scope_that_is_unknown_breaks_the_contract() -> None:
    received = read_message(message(posted(labels=IDENTITY.labels() | {"scope": "galaxy"})))

    assert (received.alerts, received.admins, received.foreign) == ((), 0, 0)
    [(_, why)] = received.broken
    assert "galaxy" in why


def test_alert_that_breaks_the_contract_does_not_take_the_others_with_it() -> None:
    labels = IDENTITY.labels() | {"task_type": "spaceship"}

    received = read_message(message(posted(labels=labels), posted()))

    assert [alert.identity for alert in received.alerts] == [IDENTITY]
    [(found, why)] = received.broken
    assert found == labels
    assert "task_type" in why


@pytest.mark.parametrize(
    "body",
    [
        {"version": "3", "alerts": []},
        {"version": "4"},
        {"version": "4", "alerts": [{"status": "firing"}]},
        {"version": "4", "alerts": [{"status": "maybe", "labels": {}}]},
    ],
)
def test_what_is_no_version_4_is_refused(body: object) -> None:
    with pytest.raises(ValidationError):
        WebhookMessage.model_validate(body)
