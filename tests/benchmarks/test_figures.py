import pytest

from benchmarks.rules.figures import NOISE, RuleTime, growths, medians
from tests.benchmarks.figures import group, size


def test_one_slow_evaluation_does_not_count() -> None:
    evaluations = [
        group("g", seconds, ("a", seconds / 2), ("b", seconds / 4)) for seconds in (0.2, 9.0, 0.4)
    ]

    middle = medians(evaluations)

    assert middle.seconds == 0.4
    assert middle.rules == (RuleTime("a", 0.2), RuleTime("b", 0.1))


def test_two_rules_of_one_name_stay_apart() -> None:
    middle = medians([group("g", 0.3, ("a", 0.1), ("a", 0.2))])

    assert middle.rules == (RuleTime("a", 0.1), RuleTime("a", 0.2))


def test_slowest_rule_of_a_group_is_found() -> None:
    assert group("g", 0.6, ("a", 0.1), ("b", 0.3), ("c", 0.2)).slowest == RuleTime("b", 0.3)


def test_ratio_is_that_to_the_bare_query() -> None:
    assert size(100, bare=0.02).ratio(0.05) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("seconds", "rate"), [(1.0, 1.0), (2.0, 2.0), (0.5, 0.5)], ids=["linear", "worse", "better"]
)
def test_ten_times_the_time_for_ten_times_the_cluster_is_linear(
    seconds: float, rate: float
) -> None:
    sizes = [size(100, group("g", 0.1)), size(1_000, group("g", seconds))]

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
