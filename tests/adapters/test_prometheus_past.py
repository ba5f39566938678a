"""Long stretches out of Prometheus: where a sample goes, and what is no answer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx

from app.adapters.prometheus_past import PrometheusPast
from app.domain.readings import Track
from app.errors import UpstreamMalformedError, UpstreamRejectedError, UpstreamUnavailableError

RANGE = "http://prometheus/api/v1/query_range"
BEGIN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
START = int(BEGIN.timestamp())
STEP = timedelta(seconds=30)


@pytest.fixture
async def past() -> AsyncIterator[PrometheusPast]:
    async with httpx.AsyncClient(base_url="http://prometheus") as client:
        yield PrometheusPast(client)


def matrix(*values: list[list[Any]]) -> dict[str, Any]:
    result = [{"metric": {"a": str(n)}, "values": each} for n, each in enumerate(values)]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


async def tracks(past: PrometheusPast, steps: int = 3) -> list[Track]:
    return list(await past.tracks("up", begin=BEGIN, steps=steps, step=STEP))


@respx.mock
async def test_steps_are_asked_for_from_the_first_to_the_last(past: PrometheusPast) -> None:
    route = respx.post(RANGE).respond(json=matrix())

    assert await tracks(past) == []

    asked = parse_qs(route.calls.last.request.content.decode())
    assert asked == {
        "query": ["up"],
        "start": [str(START)],
        "end": [str(START + 60)],
        "step": ["30"],
    }


@respx.mock
async def test_each_sample_is_at_its_step_and_nothing_where_there_was_none(
    past: PrometheusPast,
) -> None:
    whole = [[START, "0"], [START + 30, "0.5"], [START + 60, "1"]]
    respx.post(RANGE).respond(json=matrix(whole, [[START + 30, "7"]]))

    found = await tracks(past)

    assert [each.labels for each in found] == [{"a": "0"}, {"a": "1"}]
    assert list(found[0].values) == [0, 0.5, 1]
    assert [str(each) for each in found[1].values] == ["nan", "7.0", "nan"]


@respx.mock
@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"status": "error"},
        {"status": "success", "data": {"resultType": "vector", "result": []}},
        {"status": "success", "data": []},
        {"status": "success", "data": {"resultType": "matrix", "result": None}},
        {"status": "success", "data": {"resultType": "matrix"}},
        matrix([[START, None]]),
        matrix([[START, "one"]]),
        matrix([[START + 90, "1"]]),
        matrix([[START - 30, "1"]]),
        matrix([[START]]),
    ],
    ids=str,
)
async def test_what_is_no_matrix_is_no_answer(past: PrometheusPast, answer: object) -> None:
    respx.post(RANGE).respond(json=answer)

    with pytest.raises(UpstreamMalformedError):
        await tracks(past)


@respx.mock
async def test_answer_that_is_not_whole_is_none(past: PrometheusPast) -> None:
    respx.post(RANGE).respond(json=matrix() | {"warnings": ["remote read: time-out"]})

    with pytest.raises(UpstreamUnavailableError, match="remote read"):
        await tracks(past)


@respx.mock
@pytest.mark.parametrize(
    ("status", "error"), [(503, UpstreamUnavailableError), (422, UpstreamRejectedError)]
)
async def test_refusal_is_an_error(
    past: PrometheusPast, status: int, error: type[Exception]
) -> None:
    respx.post(RANGE).respond(status)

    with pytest.raises(error):
        await tracks(past)
