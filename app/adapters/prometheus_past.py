"""Long stretches of the past out of Prometheus: many samples of which little is kept."""

import json
import math
from array import array
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx

from app.adapters.upstream import upstream_errors
from app.domain.readings import Track
from app.errors import UpstreamMalformedError, UpstreamUnavailableError

_SYSTEM = "Prometheus"


class PrometheusPast:
    """Implements `app.ports.Past`. No models: tens of millions of samples are read."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def tracks(
        self, expression: str, *, begin: datetime, steps: int, step: timedelta
    ) -> Sequence[Track]:
        each = round(step.total_seconds())
        start = round(begin.timestamp())
        span = {"start": str(start), "end": str(start + (steps - 1) * each), "step": str(each)}
        with upstream_errors(_SYSTEM):
            response = await self._client.post(
                "/api/v1/query_range", data={"query": expression, **span}
            )
            response.raise_for_status()
            return [
                Track(one["metric"], _values(one["values"], start, each, steps))
                for one in _series(json.loads(response.content))
            ]


def _series(answer: Any) -> list[Any]:  # noqa: ANN401  # it is what Prometheus says
    """Raises:
    UpstreamMalformedError: it is no matrix.
    UpstreamUnavailableError: Prometheus warns that the answer is not whole (S5).
    """
    match answer:
        case {"status": "success", "warnings": [why, *_]}:
            raise UpstreamUnavailableError(f"{_SYSTEM} warns: {why}")

        case {"status": "success", "data": {"resultType": "matrix", "result": list(series)}}:
            return series

        case _:
            raise UpstreamMalformedError(f"{_SYSTEM} answered with something else than a matrix")


def _values(points: list[list[Any]], start: int, step: int, steps: int) -> "array[float]":
    try:
        if len(points) == steps:
            # Nothing is missing.
            return array("d", [float(value) for _, value in points])
        values = array("d", [math.nan]) * steps
        for at, value in points:
            values[_index(at, start, step)] = float(value)
    except (TypeError, IndexError) as exc:
        raise UpstreamMalformedError(f"{_SYSTEM} answered with samples that are none") from exc
    return values


def _index(at: float, start: int, step: int) -> int:
    if at < start:
        raise IndexError(at)
    return (round(at) - start) // step
