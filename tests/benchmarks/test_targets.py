import pytest

from benchmarks.rules.figures import SizeFigures
from benchmarks.rules.targets import GROWTH, RATIO, SECONDS, judge
from tests.benchmarks.figures import BARE_SECONDS, group, size

LARGE = 10_000


def passed(*sizes: SizeFigures) -> list[bool]:
    """Return the verdicts on time, on ratios and on growth."""
    return [verdict.passed for verdict in judge(sizes)]


@pytest.mark.parametrize("seconds", [SECONDS, SECONDS + 0.01])
def test_group_must_stay_under_a_second(seconds: float) -> None:
    slow = size(LARGE, group("fast", 0.2), group("slow", seconds, ("a", 0.2), ("b", 0.2)))

    assert passed(slow) == [False, True, True]


def test_rule_must_stay_within_three_times_the_bare_query() -> None:
    at_limit = size(LARGE, group("g", 0.9, ("a", RATIO * BARE_SECONDS)))
    above = size(LARGE, group("g", 0.9, ("a", RATIO * BARE_SECONDS * 1.01)))

    assert passed(at_limit) == [True, True, True]
    assert passed(above) == [True, False, True]


def test_highest_ratio_is_judged_though_another_rule_takes_longer() -> None:
    """As where the bare query beside it was fast."""
    long, high = (
        group("long", 0.5, ("a", 0.3), bare=0.2),
        group("high", 0.3, ("b", 0.25), bare=0.05),
    )

    _, ratio, _ = judge([size(LARGE, long, high)])

    assert (ratio.passed, ratio.found) == (False, "b takes 5.00 times as long")


def test_group_of_many_rules_may_take_more_than_three_times_the_bare_query() -> None:
    rules = [(f"rule-{number}", 2 * BARE_SECONDS) for number in range(4)]

    assert passed(size(LARGE, group("g", 7 * BARE_SECONDS, *rules))) == [True, True, True]


def test_growth_must_be_linear() -> None:
    small = size(1_000, group("g", 0.02, bare=0.01))
    linear = size(LARGE, group("g", 0.2, bare=0.1))
    worse = size(LARGE, group("g", 0.2 * GROWTH * 1.01, bare=0.1))

    assert passed(small, linear) == [True, True, True]
    assert passed(small, worse) == [True, True, False]


def test_growth_is_no_worse_than_that_of_reading_a_mapping() -> None:
    small = size(1_000, group("g", 0.015, bare=0.01), bare=0.01, mapping=0.01)
    grown = 1.4
    large = group("g", 0.15 * grown * GROWTH * 0.99, bare=0.1)
    worse = group("g", 0.15 * grown * GROWTH * 1.01, bare=0.1)

    assert passed(small, size(LARGE, large, bare=0.1, mapping=0.1 * grown)) == [True, True, True]
    assert passed(small, size(LARGE, worse, bare=0.1, mapping=0.1 * grown)) == [True, True, False]


def test_a_mapping_that_grows_less_than_linear_is_no_stricter_measure() -> None:
    small = size(1_000, group("g", 0.02, bare=0.01), bare=0.01, mapping=0.02)
    large = size(LARGE, group("g", 0.2, bare=0.1), bare=0.1, mapping=0.1)

    assert passed(small, large) == [True, True, True]


def test_time_and_ratios_are_judged_at_the_largest_size() -> None:
    slow_and_small = size(100, group("g", 2.0))
    fast_and_large = size(LARGE, group("g", 0.2))

    assert passed(fast_and_large, slow_and_small) == [True, True, True]


def test_verdict_names_the_worst() -> None:
    time, ratio, growth = judge(
        [
            size(
                1_000,
                group("g", 0.1, bare=0.0125),
                group("h", 0.01, bare=0.0125),
                bare=0.0125,
                mapping=0.0125,
            ),
            size(LARGE, group("g", 1.5, ("a", 0.1), ("b", 0.5)), group("h", 0.3)),
        ]
    )

    assert time.found == "g takes 1.500 s"
    assert ratio.found == "b takes 4.00 times as long"
    assert growth.found.startswith("h, from 1,000 to 10,000 GPUs: 3.00, 3.00 times")
