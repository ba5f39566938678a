from typing import Any

import pytest

from benchmarks.rules.figures import (
    NOISE,
    GroupFigures,
    RuleTime,
    group_figures,
    growths,
    medians,
)
from tests.benchmarks.figures import BARE_SECONDS, group, rule, size


def test_one_slow_evaluation_does_not_count() -> None:
    evaluations = [
        group("g", seconds, ("a", seconds / 2), ("b", seconds / 4)) for seconds in (0.2, 9.0, 0.4)
    ]

    middle = medians(evaluations)

    assert middle.seconds == 0.4
    assert middle.ratio == 0.4 / BARE_SECONDS
    assert middle.rules == (rule("a", 0.2), rule("b", 0.1))


def test_two_rules_of_one_name_stay_apart() -> None:
    middle = medians([group("g", 0.3, ("a", 0.1), ("a", 0.2))])

    assert middle.rules == (rule("a", 0.1), rule("a", 0.2))


def test_slowest_rule_of_a_group_is_found() -> None:
    assert group("g", 0.6, ("a", 0.1), ("b", 0.3), ("c", 0.2)).slowest == rule("b", 0.3)


def evaluated(*seconds: float, name: str = "g", total: float) -> dict[str, Any]:
    """A group as `/api/v1/rules` answers."""
    rules = [
        {"name": f"timed:rule-{number}", "evaluationTime": each}
        for number, each in enumerate(seconds)
    ]
    return {"name": name, "evaluationTime": total, "rules": rules}


def test_bare_query_before_the_rules_is_their_measure_and_none_of_them() -> None:
    found = group_figures(evaluated(4.0, 0.5, 1.0, 0.25, total=5.75), series=7)

    assert found == GroupFigures(
        "g", 7, 1.25, 2.5, (RuleTime("rule-2", 1.0, 2.0), RuleTime("rule-3", 0.25, 0.5))
    )


def test_bare_query_alone_is_what_is_measured() -> None:
    found = group_figures(evaluated(4.0, 0.5, total=4.5), series=7)

    assert found == GroupFigures("g", 7, 0.5, 1.0, (RuleTime("rule-1", 0.5, 1.0),))


def test_each_ratio_is_to_the_bare_query_of_the_same_evaluation() -> None:
    """A machine that is half as fast for a while changes the times, and no ratio."""
    evaluations = [
        group_figures(evaluated(0.0, slower * 0.5, slower, total=slower * 1.5), series=1)
        for slower in (1, 2, 2)
    ]

    middle = medians(evaluations)

    assert (middle.seconds, middle.ratio) == (2.0, 2.0)
    assert middle.rules == (RuleTime("rule-2", 2.0, 2.0),)


@pytest.mark.parametrize(
    ("seconds", "rate"), [(1.0, 1.0), (2.0, 2.0), (0.5, 0.5)], ids=["linear", "worse", "better"]
)
def test_to_grow_as_the_bare_query_does_is_linear(seconds: float, rate: float) -> None:
    sizes = [size(100, group("g", 0.1, bare=0.02)), size(1_000, group("g", seconds, bare=0.2))]

    assert [growth.rate for growth in growths(sizes)] == [pytest.approx(rate)]


def test_growth_is_from_each_size_to_the_next_larger_one() -> None:
    sizes = [size(gpus, group("g", gpus / 1_000)) for gpus in (1_000, 100, 10_000)]

    steps = [(growth.smaller, growth.larger) for growth in growths(sizes)]

    assert steps == [(100, 1_000), (1_000, 10_000)]


def test_growth_of_next_to_nothing_does_not_matter() -> None:
    sizes = [
        size(100, group("fast", NOISE / 50), group("slow", 0.1)),
        size(1_000, group("fast", NOISE / 2), group("slow", 0.5)),
    ]

    assert {growth.group: growth.matters for growth in growths(sizes)} == {
        "fast": False,
        "slow": True,
    }
