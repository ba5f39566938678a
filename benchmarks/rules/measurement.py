"""One size: generate the cluster, give a Prometheus its past, and time the rules."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from benchmarks.machine import Others, memory
from benchmarks.rules.agents import agents_series
from benchmarks.rules.figures import GroupFigures, RuleTime, SizeFigures, medians
from benchmarks.rules.fleet import build_fleet
from benchmarks.rules.mappings import mapping_series
from benchmarks.rules.past import Past
from benchmarks.rules.reach import farthest, reach
from benchmarks.rules.rule_files import BARE_GROUP, PREFIX, Group, RuleFiles
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
        evaluations: dict[Group, list[GroupFigures]] = {}
        for group, some in _time_all(prometheus, past, plan, say):
            evaluations.setdefault(group, []).extend(some)
        bare = medians(evaluations.pop(BARE_GROUP))
        groups = map(medians, evaluations.values())
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
            groups=tuple(sorted(groups, key=lambda group: -group.seconds)),
        )


def _time_all(
    prometheus: Prometheus, past: Past, plan: Plan, say: Say
) -> Iterator[tuple[Group, list[GroupFigures]]]:
    """Yield the evaluations of each group. The bare query comes first, and once more at the end.

    All ratios hang on it, and so it must not stand for what the machine did in one moment.
    """
    for group in (BARE_GROUP, *plan.rules.groups, BARE_GROUP):
        evaluations = _time(group, prometheus, past, plan.evaluations)
        say(f"{medians(evaluations).seconds:8.3f} s  {group.name}")
        yield group, evaluations


def _time(group: Group, prometheus: Prometheus, past: Past, evaluations: int) -> list[GroupFigures]:
    """Run one group by itself: no other one shares its processors."""
    prometheus.unload()
    past.keep_ahead(group.expressions)
    prometheus.rest()
    prometheus.collect_garbage()
    prometheus.load(group)
    for _ in range(_WARM_UP):
        _await_evaluation(prometheus)
    return list(_evaluations(group, prometheus, past, evaluations))


def _evaluations(
    loaded: Group, prometheus: Prometheus, past: Past, count: int
) -> Iterator[GroupFigures]:
    for _ in range(count):
        if past.keep_ahead(loaded.expressions):
            # The evaluation that was under way meanwhile does not count.
            _await_evaluation(prometheus)
        _await_evaluation(prometheus)
        group = prometheus.rule_group()
        for rule in group["rules"]:
            if rule["health"] == "err":
                raise PrometheusError(f"{rule['name']} fails: {rule['lastError']}")
        rules = tuple(
            RuleTime(rule["name"].removeprefix(PREFIX), rule["evaluationTime"])
            for rule in group["rules"]
        )
        series = int(prometheus.metric("prometheus_rule_group_last_evaluation_samples"))
        yield GroupFigures(group["name"], series, group["evaluationTime"], rules)


def _await_evaluation(prometheus: Prometheus) -> None:
    """Return when the group has been evaluated once more."""
    metric = "prometheus_rule_group_last_evaluation_timestamp_seconds"
    before = prometheus.metric(metric)

    wait_until(
        lambda: prometheus.metric(metric) > before, "an evaluation", within=_LONGEST, every=0.05
    )
