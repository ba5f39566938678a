"""The chart of a task's utilization, and what is asked for it."""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
import respx

from app.adapters import charts
from app.adapters.charts import BUSIEST, MEAN, Chart, measured
from app.adapters.prometheus import Prometheus
from app.domain.readings import Series
from app.errors import UpstreamMalformedError, UpstreamUnavailableError
from tests.domain.examples import T0

ROOT = Path(__file__).parents[2]
BEGIN = T0 - charts.SPAN
STEP = timedelta(minutes=3)
RANGE = "http://prometheus/api/v1/query_range"


class Answering:
    """Implements `app.ports.Trends`."""

    def __init__(self, *series: Series, slow: bool = False) -> None:
        self._series = series
        self._slow = slow

    async def range(
        self, _expression: str, *, begin: datetime, end: datetime, step: timedelta
    ) -> Sequence[Series]:
        assert (begin, end, step) == (BEGIN, T0, STEP)
        if self._slow:
            await asyncio.Event().wait()
        return self._series


def series(*values: float | None, name: str = BUSIEST) -> Series:
    points = ((BEGIN + number * STEP, value) for number, value in enumerate(values))
    return Series({"__name__": name}, tuple((at, v) for at, v in points if v is not None))


async def chart_of(*found: Series) -> Chart:
    [chart] = (await measured(Answering(*found), ["a.1"], T0)).by_allocation.values()
    return chart


def test_what_is_asked_for_is_recorded() -> None:
    rules = (ROOT / "alerting-rules/usage.rules.yaml").read_text()

    assert {BUSIEST, MEAN} <= set(re.findall(r"record: (\S+)", rules))


async def test_line_is_broken_where_nothing_was_measured() -> None:
    chart = await chart_of(series(0.0, 100.0, None, 50.0))

    assert chart.busiest_path == "M0.0 80.0h0L2.7 0.0M8.0 40.0h0"
    assert (chart.most, chart.average, chart.latest[1]) == (100.0, 50.0, 50.0)


async def test_numbers_that_cannot_be_are_drawn_within_the_plot_or_not_at_all() -> None:
    chart = await chart_of(series(float("nan"), 250.0, float("inf"), -3.0))

    assert chart.busiest_path == "M2.7 0.0h0M8.0 80.0h0"


async def test_single_gpu_has_a_single_line() -> None:
    assert (await chart_of(series(1.0), series(1.0, name=MEAN))).mean == ()


async def test_mean_of_several_gpus_is_a_line_of_its_own() -> None:
    chart = await chart_of(series(80.0), series(20.0, name=MEAN))

    assert (chart.average, chart.mean_path) == (20.0, "M0.0 64.0h0")


async def test_nothing_measured_and_nothing_answered_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(charts, "_PATIENCE", 0.0)

    nothing = await measured(Answering(), ["a.1"], T0)
    too_late = await measured(Answering(slow=True), ["a.1", "b.1"], T0)

    assert (dict(nothing.by_allocation), nothing.unreachable) == ({}, False)
    assert (dict(too_late.by_allocation), too_late.unreachable) == ({}, True)


@respx.mock
async def test_prometheus_is_asked_for_a_range() -> None:
    found = [{"metric": {"__name__": "x"}, "values": [[T0.timestamp(), "12.5"]]}]
    route = respx.post(RANGE).respond(
        json={"status": "success", "data": {"resultType": "matrix", "result": found}}
    )

    async with httpx.AsyncClient(base_url="http://prometheus") as client:
        answer = await Prometheus(client).range("x{}", begin=BEGIN, end=T0, step=STEP)

    assert answer == [Series({"__name__": "x"}, ((T0, 12.5),))]
    sent = dict(httpx.QueryParams(route.calls.last.request.content.decode()))
    assert sent == {
        "query": "x{}",
        "start": f"{BEGIN.timestamp():.3f}",
        "end": f"{T0.timestamp():.3f}",
        "step": "180",
    }


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(503), UpstreamUnavailableError),
        (httpx.Response(200, text="<html>"), UpstreamMalformedError),
        (
            httpx.Response(
                200,
                json={
                    "status": "success",
                    "data": {
                        "resultType": "matrix",
                        "result": [{"metric": {}, "values": [[1e300, "1"]]}],
                    },
                },
            ),
            UpstreamMalformedError,
        ),
    ],
    ids=["away", "no JSON", "no time"],
)
@respx.mock
async def test_what_cannot_be_read_is_an_error(
    answer: httpx.Response, error: type[Exception]
) -> None:
    respx.post(RANGE).mock(return_value=answer)

    async with httpx.AsyncClient(base_url="http://prometheus") as client:
        with pytest.raises(error):
            await Prometheus(client).range("x{}", begin=BEGIN, end=T0, step=STEP)
