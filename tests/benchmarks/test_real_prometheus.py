"""The benchmark against a real Prometheus: what it writes is read back, and a small run."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.rules.__main__ import main
from benchmarks.rules.agents import agents_series
from benchmarks.rules.feed import Feed
from benchmarks.rules.fleet import build_fleet
from benchmarks.rules.past import Past
from benchmarks.rules.reach import Window
from benchmarks.rules.rule_files import Group, RuleFiles
from benchmarks.rules.series import Course, Series
from benchmarks.rules.server import Prometheus, PrometheusError

RULES = """\
groups:
  - name: upper
    rules:
      - {record: "pool:gpus:count", expr: "count by (det_resource_pool) (gpu:util:max5m)"}
      - {alert: GPUIdle, expr: "max_over_time(gpu:util:max5m[10m]) == 0", for: 5m}
  - name: lower
    rules:
      - {record: "gpu:util:max5m", expr: "max_over_time(DCGM_FI_DEV_GPU_UTIL[5m])"}
"""


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    with Prometheus(tmp_path, history=86_400) as prometheus:
        yield prometheus


def test_what_is_written_is_read_back(prometheus: Prometheus) -> None:
    now = int(time.time())
    text = 'Bob\'s "é"'
    series = [
        Series("temperature", {"room": "a", "owner": text}, Course(21.5)),
        Series("temperature", {"room": "b"}, Course(-3)),
    ]

    Feed(series, {"temperature": {Window(0, 3_600)}}, now=now).write(prometheus.write, until=now)

    found = {
        row["metric"]["room"]: (row["metric"].get("owner"), row["value"][1])
        for row in prometheus.query("temperature")
    }
    assert found == {"a": (text, "21.5"), "b": (None, "-3")}
    counts = prometheus.query("count_over_time(temperature[30m])")
    assert {row["value"][1] for row in counts} == {"120"}


def test_old_samples_may_follow_new_ones_and_future_ones_are_invisible(
    prometheus: Prometheus,
) -> None:
    now = int(time.time())
    ahead = Feed([Series("early", {}, Course(1))], {}, now=now + 600)
    behind = Feed([Series("late", {}, Course(1))], {"late": {Window(0, 86_400)}}, now=now)

    ahead.write(prometheus.write, until=now + 1_200)
    behind.write(prometheus.write, until=now)

    assert prometheus.query("early") == []
    assert float(prometheus.query("count_over_time(late[1d])")[0]["value"][1]) >= 5_750


def test_refused_samples_are_an_error(prometheus: Prometheus) -> None:
    now = int(time.time())
    Feed([Series("up", {}, Course(1))], {}, now=now).write(prometheus.write, until=now)
    other = Feed([Series("up", {}, Course(2))], {}, now=now)

    with pytest.raises(PrometheusError, match="write is refused"):
        other.write(prometheus.write, until=now)


def test_past_of_recorded_series_is_as_long_as_their_readers_look_back(
    prometheus: Prometheus,
) -> None:
    rule = {"record": "l:util:max", "expr": "max(DCGM_FI_DEV_GPU_UTIL)", "labels": {"of": "gpus"}}
    group = Group("g", (rule,))
    reader = Group("r", ({"record": "l:util:avg1h", "expr": "avg_over_time(l:util:max[1h])"},))

    past = Past(prometheus, agents_series(build_fleet(8)), RuleFiles((reader, group)))

    assert past.recorded == 2
    assert (
        float(prometheus.query("count_over_time(l:util:max{of='gpus'}[1h])")[0]["value"][1]) >= 239
    )


@pytest.mark.parametrize("kind", ["record", "alert"])
def test_rule_that_fails_is_an_error_and_no_time(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = f'{{{kind}: "A", expr: "DCGM_FI_DEV_GPU_UTIL * on (job) DCGM_FI_DEV_GPU_UTIL"}}'
    (tmp_path / "a.rules.yaml").write_text(f"groups: [{{name: g, rules: [{rule}]}}]")

    status = main(["--sizes", "16", "--rules", str(tmp_path)])

    assert status == 1
    assert "many-to-many" in capsys.readouterr().err


def test_small_run_prints_every_group_and_judges(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.rules.yaml").write_text(RULES)
    page = tmp_path / "benchmarks.md"
    arguments = ["--rules", str(tmp_path), "--evaluations", "1", "--markdown", str(page)]

    status = main(["--sizes", "24,16", *arguments])

    printed = capsys.readouterr().out
    assert status == int("FAIL" in printed)
    for part in (
        "### 16 GPUs",
        "### 24 GPUs",
        "| upper ",
        "| lower ",
        "`gpu:util:max5m`",
        "Growth",
    ):
        assert part in printed
        assert part in page.read_text()
    assert printed.count("PASS") + printed.count("FAIL") == 3
