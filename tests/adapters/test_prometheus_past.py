"""Long stretches out of Prometheus: where a sample goes, and what is no answer."""

import json
from collections.abc import AsyncIterator, Callable
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


def as_prometheus_writes_it(answer: dict[str, Any]) -> str:
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False)


WRITTEN = pytest.mark.parametrize("write", [as_prometheus_writes_it, json.dumps])
"""In the one form, which is read at a glance; and in another, which means the same."""


@respx.mock
@WRITTEN
async def test_each_value_is_at_its_steps_and_nothing_where_there_was_none(
    past: PrometheusPast, write: Callable[[dict[str, Any]], str]
) -> None:
    series = {
        "whole": [[START, "0"], [START + 30, "0.5"], [START + 60, "0"]],
        "a part": [[START + 30, "7"], [START + 60, "7"]],
        "with a gap": [[START, "1"], [START + 60.0, "1"]],
        "no number": [[START, "NaN"], [START + 30, "1"], [START + 60, "NaN"]],
    }
    respx.post(RANGE).respond(content=write(matrix(*series.values())))

    found = await tracks(past)

    assert [each.levels for each in found] == [
        {0.0: 0b101, 0.5: 0b010},
        {7.0: 0b110},
        {1.0: 0b101},
        {1.0: 0b010},
    ]
    assert [each.labels for each in found] == [{"a": str(n)} for n in range(4)]


@respx.mock
@WRITTEN
async def test_labels_of_users_are_read_whatever_they_look_like(
    past: PrometheusPast, write: Callable[[dict[str, Any]], str]
) -> None:
    name = 'é"]]},{"metric":{},"values":[[1,"2"]]}]}}\\'
    answer = matrix([[START, "1"]], [[START + 30, "1"]])
    answer["data"]["result"][0]["metric"] = {"username": name}
    respx.post(RANGE).respond(content=write(answer))

    first, second = await tracks(past)

    assert (first.labels, first.levels) == ({"username": name}, {1.0: 0b001})
    assert second.levels == {1.0: 0b010}


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
        {"status": "success", "data": {"resultType": "matrix", "result": [None]}},
        matrix([[START]]),
    ],
    ids=str,
)
async def test_what_is_no_matrix_is_no_answer(past: PrometheusPast, answer: object) -> None:
    respx.post(RANGE).respond(json=answer)

    with pytest.raises(UpstreamMalformedError):
        await tracks(past)


@respx.mock
@WRITTEN
@pytest.mark.parametrize(
    "values",
    [
        [[START, "one"]],
        [[START + 90, "1"]],
        [[START - 30, "1"]],
        [[START, "1"], [START + 30, "1"], [START + 60, "1"], [START + 90, "1"]],
    ],
    ids=str,
)
async def test_sample_that_is_none_or_was_not_asked_for_makes_no_answer(
    past: PrometheusPast, write: Callable[[dict[str, Any]], str], values: list[list[Any]]
) -> None:
    respx.post(RANGE).respond(content=write(matrix(values)))

    with pytest.raises(UpstreamMalformedError):
        await tracks(past)


@respx.mock
@WRITTEN
async def test_answer_that_is_not_whole_is_none(
    past: PrometheusPast, write: Callable[[dict[str, Any]], str]
) -> None:
    answer = matrix([[START, "1"]]) | {"warnings": ["remote read: time-out"]}
    respx.post(RANGE).respond(content=write(answer))

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
