"""Marks on steps, held to what a list of truths would say."""

from itertools import product

import pytest

from app.domain.marks import anywhere, before, by_value, enough, first, marked, runs, within

EVERYTHING = [list(each) for each in product((False, True), repeat=9)]


def steps(marks: int, length: int) -> list[bool]:
    return [bool(marks >> step & 1) for step in range(length)]


def test_marks_are_where_they_were_made() -> None:
    assert [steps(marked(each), 9) for each in EVERYTHING] == EVERYTHING


@pytest.mark.parametrize("back", [0, 1, 2, 3, 5, 8, 12])
def test_within_looks_at_the_step_itself_and_so_many_before_it(back: int) -> None:
    for each in EVERYTHING:
        expected = [any(each[max(step - back, 0) : step + 1]) for step in range(9)]

        assert steps(within(marked(each), back), 9) == expected


def test_runs_are_the_stretches_of_marks() -> None:
    for each in EVERYTHING:
        found = list(runs(marked(each)))

        assert [begin <= step < end for step in range(9) for begin, end in found].count(
            True
        ) == sum(each)
        assert all(
            all(each[begin:end]) and not any(each[end : end + 1] + each[max(begin - 1, 0) : begin])
            for begin, end in found
        )


def test_first_is_at_or_after_its_begin_and_before_its_end() -> None:
    marks = marked([False, True, False, True])

    assert [first(marks, begin) for begin in range(5)] == [1, 1, 3, 3, None]
    assert [first(marks, 2, end) for end in (3, 4)] == [None, 3]


def test_before_marks_what_comes_earlier() -> None:
    assert [steps(before(end), 3) for end in (-1, 0, 2)] == [
        [False] * 3,
        [False] * 3,
        [True, True, False],
    ]


@pytest.mark.parametrize("back", [0, 1, 2, 6, 9])
@pytest.mark.parametrize("share", [0.34, 0.5, 0.9, 1])
def test_enough_adds_up_the_step_itself_and_so_many_before_it(back: int, share: float) -> None:
    """What lies before the first step is nothing."""
    for levels in ([5, 1, 0, 2, 5, 5, 5], [0, 5, 5, 5, 5, 0, 5], [5] * 7, [0] * 7):
        sums = [sum(levels[max(step - back, 0) : step + 1]) for step in range(7)]

        found = enough(by_value(levels), 5, back, share, 7)

        assert steps(found, 8) == [*(each >= share * 5 * (back + 1) for each in sums), False]


def test_share_of_a_round_number_is_no_more_than_it_says() -> None:
    """Nine tenths of thirty are 27, though a computer has it as a bit more."""
    assert enough({1: before(27)}, 1, 29, 0.9, 27) == 1 << 26


def test_values_are_told_by_where_they_are() -> None:
    assert by_value(["a", "b", "a"]) == {"a": 0b101, "b": 0b010}
    assert by_value(["a"] * 3) == {"a": 0b111}
    assert by_value([]) == {}


def test_anywhere_marks_what_any_of_them_does() -> None:
    assert anywhere([0b001, 0b100, 0b101]) == 0b101


def test_nothing_has_no_marks() -> None:
    assert (marked([]), list(runs(0)), first(0, 3), enough({}, 1, 2, 0.5, 0)) == (0, [], None, 0)
