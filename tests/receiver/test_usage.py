"""What is read of GPU-hours by type, from a Prometheus that has an answer to everything."""

import re
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest

from app.domain.readings import RuleAlert, Sample
from app.errors import UpstreamUnavailableError
from app.usage import NO_RECORD, TypeUsage, read_usage_by_type
from tests.domain.examples import T0

DAY = timedelta(days=1)


class Prometheus:
    """Implements `app.ports.Rules`: a GPU-hour of notebooks in whatever time is asked for."""

    def __init__(self, covered: float = 1.0) -> None:
        self.asked: list[str] = []
        self.covered = covered
        self.fault: Exception | None = None

    async def query(self, expression: str) -> Sequence[Sample]:
        if "WatchdogHeartbeat" in expression:
            return [Sample({}, self.covered)]
        if self.fault:
            raise self.fault
        self.asked.append(expression)
        broken = Sample({"task_type": "shell"}, float("nan"))
        return [Sample({"task_type": "notebook"}, 1.0), broken]

    async def firing_alerts(self) -> Sequence[RuleAlert]:
        return ()

    async def has_alert(self, alertname: str) -> bool:
        return bool(alertname)


async def test_a_long_time_is_asked_for_a_day_at_a_time_without_a_gap() -> None:
    prometheus = Prometheus()
    since, until = T0 - 5 * DAY, T0 - 2.5 * DAY

    usage = await read_usage_by_type(prometheus, since, until, now=T0)

    assert usage == TypeUsage({"notebook": 3.0}, {"notebook": 3.0}, {"notebook": 3.0}, 1.0)
    parts = [re.findall(r"\)\[(\d+)s:1m\] offset (\d+)s", each) for each in prometheus.asked]
    times = [(int(late) + int(span), int(late)) for [(span, late)] in parts[:3]]
    days = [DAY.total_seconds() * each for each in (5, 4, 3, 2.5)]
    assert times == list(pairwise(days))


@pytest.mark.parametrize("covered", [0.0, 1.0])
async def test_without_a_record_or_an_answer_no_figure_is_a_zero(covered: float) -> None:
    prometheus = Prometheus(covered)
    prometheus.fault = UpstreamUnavailableError("Prometheus answered 503")

    usage = await read_usage_by_type(prometheus, T0 - DAY, T0, now=T0)

    assert usage == (
        "Prometheus could not be read: Prometheus answered 503" if covered else NO_RECORD
    )
