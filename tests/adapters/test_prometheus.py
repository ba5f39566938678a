"""What Prometheus answers, and what is made of it."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx

from app.adapters.prometheus import Prometheus
from app.domain.readings import RuleAlert, Sample
from app.errors import UpstreamMalformedError, UpstreamUnavailableError
from demo.plain import PLAIN
from tests.domain.examples import IDENTITY

URL = "http://prometheus"
ALERTS = f"{URL}/api/v1/alerts"
RULES = f"{URL}/api/v1/rules"
QUERY = f"{URL}/api/v1/query"


@pytest.fixture
def broken() -> list[str]:
    return []


@pytest.fixture
async def prometheus(broken: list[str]) -> AsyncIterator[Prometheus]:
    async with httpx.AsyncClient(base_url=URL, verify=PLAIN) as client:
        yield Prometheus(client, on_broken=broken.append)


def alert(state: str = "firing", active_at: str = "2026-11-24T12:00:00Z", **labels: str) -> Any:  # noqa: ANN401 -- JSON
    return {
        "labels": IDENTITY.labels() | labels,
        "annotations": {"verify": "idle{}", "summary": "idle"},
        "state": state,
        "activeAt": active_at,
        "value": "1e+00",
        "keepFiringSince": "0001-01-01T00:00:00Z",
    }


def answer(data: object, **more: object) -> dict[str, object]:
    return {"status": "success", "data": data, **more}


def alerts(*found: object) -> dict[str, object]:
    return answer({"alerts": list(found)})


def result(kind: str, found: object) -> dict[str, object]:
    return answer({"resultType": kind, "result": found})


@respx.mock
async def test_alert_comes_with_identity_annotations_and_beginning(prometheus: Prometheus) -> None:
    respx.get(ALERTS).respond(json=alerts(alert(active_at="2026-11-24T12:00:00.123456789Z")))

    [found] = await prometheus.firing_alerts()

    assert found.identity == IDENTITY
    assert found.annotations == {"verify": "idle{}", "summary": "idle"}
    assert found.active_at == datetime(2026, 11, 24, 12, 0, 0, 123457, tzinfo=UTC)


@respx.mock
async def test_labels_beyond_the_identity_do_not_change_it(prometheus: Prometheus) -> None:
    respx.get(ALERTS).respond(json=alerts(alert(cluster="lab", team="vision")))

    [found] = await prometheus.firing_alerts()

    assert found.identity.key == IDENTITY.key


@pytest.mark.parametrize("state", ["pending", "inactive"])
@respx.mock
async def test_only_firing_counts(prometheus: Prometheus, state: str) -> None:
    respx.get(ALERTS).respond(json=alerts(alert(state)))

    assert await prometheus.firing_alerts() == []


@respx.mock
async def test_alerts_of_others_are_passed_over_in_silence(
    prometheus: Prometheus, broken: list[str]
) -> None:
    foreign = alert()
    foreign["labels"] = {"alertname": "DiskFull", "severity": "critical"}
    respx.get(ALERTS).respond(json=alerts(foreign))

    assert await prometheus.firing_alerts() == []
    assert broken == []


@pytest.mark.parametrize("scope", ["agent", "cluster"])
@respx.mock
async def test_alerts_for_the_admins_are_passed_over_in_silence(
    prometheus: Prometheus, broken: list[str], scope: str
) -> None:
    labels = {"alertname": "ExporterDown", "severity": "warning", "policy": "telemetry"}
    for_admins = alert() | {"labels": labels | {"scope": scope, "agent_id": "agent-a"}}
    respx.get(ALERTS).respond(json=alerts(for_admins, alert()))

    found = await prometheus.firing_alerts()

    assert [each.identity for each in found] == [IDENTITY]
    assert broken == []


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("username", ""),
        ("scope", "galaxy"),
        ("scope", "admins"),
        ("task_type", "spaceship"),
        ("allocation_id", "../../experiments/41.1"),
        ("task_id", "another task"),
    ],
)
@respx.mock
async def test_alert_that_breaks_the_contract_is_told_and_left_out(
    prometheus: Prometheus, broken: list[str], label: str, value: str
) -> None:
    respx.get(ALERTS).respond(json=alerts(alert(**{label: value}), alert()))

    found = await prometheus.firing_alerts()

    assert [each.identity for each in found] == [IDENTITY]
    assert len(broken) == 1
    assert value in broken[0] if value else label in broken[0]


@respx.mock
async def test_alert_that_never_began_breaks_the_contract(
    prometheus: Prometheus, broken: list[str]
) -> None:
    respx.get(ALERTS).respond(json=alerts(alert(active_at="0001-01-01T00:00:00Z")))

    assert await prometheus.firing_alerts() == []
    assert broken == ["activeAt is not set"]


@pytest.mark.parametrize("order", [1, -1])
@respx.mock
async def test_of_two_alerts_with_one_identity_the_later_beginning_counts(
    prometheus: Prometheus, order: int
) -> None:
    early, late = alert(active_at="2026-11-24T12:00:00Z"), alert(active_at="2026-11-24T13:00:00Z")
    respx.get(ALERTS).respond(json=alerts(*[early, late][::order]))

    [found] = await prometheus.firing_alerts()

    assert found.active_at.hour == 13


@respx.mock
async def test_s9_an_alert_that_changed_since_the_last_answer_is_read_anew(
    prometheus: Prometheus,
) -> None:
    later = alert(active_at="2026-11-24T12:00:15Z")
    said = [alert(), later, later | {"annotations": {"verify": "busy{}"}}]
    seen: list[RuleAlert] = []
    for each in said:
        respx.get(ALERTS).respond(json=alerts(each))
        seen += await prometheus.firing_alerts()

    assert [each.active_at.second for each in seen] == [0, 15, 15]
    assert [each.annotations["verify"] for each in seen] == ["idle{}", "idle{}", "busy{}"]


@respx.mock
async def test_an_alert_that_did_not_change_is_in_memory_once(prometheus: Prometheus) -> None:
    respx.get(ALERTS).respond(json=alerts(alert()))

    [one] = await prometheus.firing_alerts()
    [other] = await prometheus.firing_alerts()

    assert one is other


@respx.mock
async def test_loaded_rule_is_found_by_its_name(prometheus: Prometheus) -> None:
    groups = [{"name": "a", "rules": []}, {"name": "b", "rules": [{"name": "GPUAllocationIdle"}]}]
    route = respx.get(RULES, params={"type": "alert"}).respond(json=answer({"groups": groups}))

    assert await prometheus.has_alert("GPUAllocationIdle")
    assert not await prometheus.has_alert("GPUAllocation")
    assert route.call_count == 2


@respx.mock
async def test_query_is_posted_as_it_is(prometheus: Prometheus) -> None:
    route = respx.post(QUERY).respond(json=result("vector", []))
    expression = 'max_over_time(x{a="b+c&d", e=~"f|g"}[30m]) == 0'

    await prometheus.query(expression)

    assert parse_qs(route.calls.last.request.content.decode()) == {"query": [expression]}


@respx.mock
async def test_vector_becomes_samples(prometheus: Prometheus) -> None:
    vector = [{"metric": {"allocation_id": "a.1"}, "value": [1795521600.123, "0.25"]}]
    respx.post(QUERY).respond(json=result("vector", vector))

    assert await prometheus.query("x") == [Sample({"allocation_id": "a.1"}, 0.25)]


@respx.mock
async def test_nothing_found_is_no_sample(prometheus: Prometheus) -> None:
    respx.post(QUERY).respond(json=result("vector", []))

    assert await prometheus.query("x") == []


@respx.mock
async def test_scalar_is_one_sample_without_labels(prometheus: Prometheus) -> None:
    respx.post(QUERY).respond(json=result("scalar", [1795521600, "12"]))

    assert await prometheus.query("scalar(x)") == [Sample({}, 12.0)]


@pytest.mark.parametrize(
    ("text", "value"), [("+Inf", math.inf), ("-Inf", -math.inf), ("1e-07", 1e-07)]
)
@respx.mock
async def test_every_number_of_prometheus_is_read(
    prometheus: Prometheus, text: str, value: float
) -> None:
    respx.post(QUERY).respond(json=result("scalar", [1795521600, text]))

    assert await prometheus.query("x") == [Sample({}, value)]


@respx.mock
async def test_nan_stays_nan(prometheus: Prometheus) -> None:
    respx.post(QUERY).respond(json=result("scalar", [1795521600, "NaN"]))

    [sample] = await prometheus.query("x")

    assert math.isnan(sample.value)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("matrix", [{"metric": {}, "values": [[1, "2"]]}]),
        ("string", [1, "text"]),
        ("vector", [{"metric": {}, "histogram": [1, {"count": "5"}]}]),
        ("vector", [{"metric": {}, "value": [1, "many"]}]),
    ],
)
@respx.mock
async def test_other_results_are_not_guessed_at(
    prometheus: Prometheus, kind: str, found: object
) -> None:
    respx.post(QUERY).respond(json=result(kind, found))

    with pytest.raises(UpstreamMalformedError):
        await prometheus.query("x")


@respx.mock
async def test_error_within_a_200_is_an_error(prometheus: Prometheus) -> None:
    body = {"status": "error", "errorType": "bad_data", "error": "parse error", "data": {}}
    respx.post(QUERY).respond(json=body)

    with pytest.raises(UpstreamMalformedError, match="status error"):
        await prometheus.query("x")


@respx.mock
async def test_answer_that_may_lack_something_proves_nothing(prometheus: Prometheus) -> None:
    """Prometheus warns so when a remote storage did not answer: a busy sample may be missing."""
    found = result("vector", []) | {"warnings": ["remote read failed"]}
    respx.post(QUERY).respond(json=found)

    with pytest.raises(UpstreamUnavailableError, match="remote read failed"):
        await prometheus.query("x")


@respx.mock
async def test_a_list_of_alerts_that_may_lack_some_is_none(prometheus: Prometheus) -> None:
    respx.get(ALERTS).respond(json=alerts(alert()) | {"warnings": ["some are missing"]})

    with pytest.raises(UpstreamUnavailableError, match="some are missing"):
        await prometheus.firing_alerts()


async def test_silence_about_broken_alerts_is_possible() -> None:
    with respx.mock:
        respx.get(ALERTS).respond(json=alerts(alert(username="")))
        async with httpx.AsyncClient(base_url=URL, verify=PLAIN) as client:
            assert await Prometheus(client).firing_alerts() == []
