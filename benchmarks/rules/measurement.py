"""One size: generate the cluster, give a Prometheus its past, and time the rules."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from benchmarks.machine import Others, memory
from benchmarks.rules.agents import agents_series
from benchmarks.rules.figures import GroupFigures, SizeFigures, group_figures, medians
from benchmarks.rules.fleet import build_fleet
from benchmarks.rules.mappings import mapping_series
from benchmarks.rules.past import Past
from benchmarks.rules.reach import farthest, reach
from benchmarks.rules.rule_files import BARE_GROUP, BARE_MAPPING_GROUP, Group, RuleFiles
from benchmarks.rules.server import Prometheus, PrometheusError
from demo.processes import wait_until

_WARM_UP = 2
"""Evaluations that are not counted: the first ones create the series that they write."""

_LONGEST = 300.0
"""Seconds to wait for one evaluation."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    rules: RuleFiles
    evaluations: int
    ended_per_running: int


def measure(gpus: int, plan: Plan, folder: Path, say: Say) -> SizeFigures:
    """Raises: PrometheusError: Prometheus refused samples, or a rule fails."""
    fleet = build_fleet(gpus, ended_per_running=plan.ended_per_running)
    say(f"{gpus:,} GPUs: writing their past")
    history = max(map(farthest, reach(plan.rules.expressions).values()))
    with Prometheus(folder, history=history) as prometheus:
        past = Past(prometheus, chain(agents_series(fleet), mapping_series(fleet)), plan.rules)
        say(
            f"{past.samples:,} samples of {past.scraped + past.recorded:,} series; timing the rules"
        )
        others = Others(prometheus.pid)
        bare = _time(BARE_GROUP, prometheus, past, plan.evaluations, say)
        timed = [
            _time(group, prometheus, past, plan.evaluations, say)
            for group in (BARE_MAPPING_GROUP, *plan.rules.groups)
        ]
        # What the bare query has written beside them is not theirs.
        own = [replace(group, series=group.series - bare.series) for group in timed]
        return SizeFigures(
            gpus=gpus,
            agents=len(fleet.agents),
            running=len(fleet.running),
            ended=len(fleet.ended),
            scraped=past.scraped,
            recorded=past.recorded,
            shortened=past.shortened,
            peak_memory=memory(prometheus.pid)[1],
            others=others.share(),
            bare=bare,
            bare_mapping=own[0],
            groups=tuple(sorted(own[1:], key=lambda group: -group.seconds)),
        )


def _time(
    group: Group, prometheus: Prometheus, past: Past, evaluations: int, say: Say
) -> GroupFigures:
    """Run one group by itself: no other one shares its processors."""
    prometheus.unload()
    past.keep_ahead(group.expressions)
    prometheus.rest()
    prometheus.collect_garbage()
    prometheus.load(group)
    for _ in range(_WARM_UP):
        _await_evaluation(prometheus)
    timed = medians(list(_evaluations(group, prometheus, past, evaluations)))
    say(f"{timed.seconds:8.3f} s, {timed.ratio:5.2f} times the bare query  {timed.name}")
    return timed


def _evaluations(
    loaded: Group, prometheus: Prometheus, past: Past, count: int
) -> Iterator[GroupFigures]:
    for _ in range(count):
        if past.keep_ahead(loaded.expressions):
            # The evaluation that was under way meanwhile does not count.
            _await_evaluation(prometheus)
        _await_evaluation(prometheus)
        evaluated = prometheus.rule_group()
        for rule in evaluated["rules"]:
            if rule["health"] == "err":
                raise PrometheusError(f"{rule['name']} fails: {rule['lastError']}")
        series = int(prometheus.metric("prometheus_rule_group_last_evaluation_samples"))
        yield group_figures(evaluated, series)


def _await_evaluation(prometheus: Prometheus) -> None:
    """Return when the group has been evaluated once more."""
    metric = "prometheus_rule_group_last_evaluation_timestamp_seconds"
    before = prometheus.metric(metric)

    wait_until(
        lambda: prometheus.metric(metric) > before, "an evaluation", within=_LONGEST, every=0.05
    )
