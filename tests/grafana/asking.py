"""Asks a Prometheus what a dashboard asks it, as Grafana does, with the time of the demo."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.scaling import scale_promql
from demo.world import World
from tests.grafana.reading import Asked, filled

STEP = timedelta(minutes=1)
Series = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What somebody has chosen; all users, pools and tasks."""

    hours: int = 8
    """How much of the time is shown; the worlds of the tests are hardly older."""
    allocation_id: str = ""
    gpu_uuids: Sequence[str] = ()
    agent_ids: Sequence[str] = ()

    def values(self) -> Mapping[str, str]:
        return {
            "__range": f"{self.hours}h",
            "__range_s": str(self.hours * 3600),
            "__interval": "1m",
            # Four scrapes of the slowest: the demo asks Prometheus about itself once a minute.
            "__rate_interval": "4m",
            "resource_pool": ".*",
            "username": ".*",
            "task_id": ".*",
            "allocation_id": self.allocation_id,
            "gpu_uuid": f"({'|'.join(self.gpu_uuids)})",
            "agent_id": f"({'|'.join(self.agent_ids)})",
        }


def answers(query: Asked, world: World, choice: Choice) -> list[Series]:
    """Return the series that have a number: with `values` over time, or with one `value`."""
    expr = scale_promql(filled(query.expr, choice.values()), world.setup.factor)
    path, when = ("query", {}) if query.instant else ("query_range", _time(world, choice))
    answer = world.http.post(
        f"{world.prometheus_url}/api/v1/{path}", data={"query": expr, **when}
    ).json()
    assert answer["status"] == "success", f"{query}: {answer.get('error')}"
    return [each for each in answer["data"]["result"] if any(map(math.isfinite, numbers(each)))]


def numbers(series: Series) -> Iterator[float]:
    for _, value in series.get("values") or [series["value"]]:
        yield float(value)


def _time(world: World, choice: Choice) -> Mapping[str, str]:
    """Return whole steps, as Grafana asks: so the points of all queries are those of one moment."""
    step = world.scaled(STEP)
    end = datetime.now(UTC).timestamp() // step.total_seconds() * step.total_seconds()
    start = end - world.scaled(timedelta(hours=choice.hours)).total_seconds()
    return {
        "start": f"{start:.3f}",
        "end": f"{end:.3f}",
        "step": f"{step.total_seconds():.3f}",
    }
