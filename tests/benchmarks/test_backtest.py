"""The benchmark of the backtest: the past that it makes, and how it judges."""

from dataclasses import replace

import pytest

from benchmarks.backtest.figures import MIB, Figures, judge, page
from benchmarks.backtest.past import Past

FIGURES = Figures(
    gpus=100,
    days=30,
    tasks=4_422,
    samples=105_687_894,
    stops=1_914,
    seconds=59.9,
    cpu=25.8,
    served=40.0,
    others=0.25,
    memory=499 * MIB,
)


@pytest.mark.parametrize(
    ("figures", "passed"),
    [
        (FIGURES, [True, True]),
        (replace(FIGURES, seconds=60.0), [False, True]),
        (replace(FIGURES, memory=500 * MIB), [True, False]),
    ],
)
def test_a_minute_and_500_mib_are_too_much(figures: Figures, passed: list[bool]) -> None:
    assert [each.passed for each in judge(figures)] == passed


def test_page_tells_what_was_measured() -> None:
    text = page("A machine.", FIGURES)

    assert "4,422 tasks, 105,687,894 recorded samples, 1,914 would-be stops" in text
    assert "Prometheus 40.0 s; other programs took 25%" in text
    assert "PASS  30 days of 100 GPUs in under 60 s: 59.9 s" in text


def test_past_is_the_same_each_time_and_fills_every_gpu() -> None:
    written: list[list[bytes]] = []
    for _ in range(2):
        requests: list[bytes] = []
        past = Past(gpus=3, begin=1_700_000_000, length=5_760)
        past.write(requests.append)
        written.append(requests)

    assert written[0] == written[1]
    assert past.tasks >= 3
    # Six rows for each GPU at nearly each moment, and the heartbeat.
    assert past.samples > 0.9 * (3 * 6 + 1) * 5_760
