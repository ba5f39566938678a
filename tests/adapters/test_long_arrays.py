"""A long JSON array is read while it comes, and says the same as if it were read as a whole."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.long_arrays import LongArray

BEGINS = b'{"data":['
texts = st.text(alphabet='a"\\}{,][:', max_size=12)
nested = st.lists(st.dictionaries(st.sampled_from(["name", "b"]), texts, max_size=2), max_size=3)
elements = st.fixed_dictionaries({"labels": texts, "receivers": nested})


def read(answer: bytes, *, piece: int, at_a_time: int) -> tuple[list[Any], list[Any]]:
    """Return what was read on the way, and what was left of it at the end."""
    array = LongArray(json.loads, begins=BEGINS, at_a_time=at_a_time)
    for start in range(0, len(answer), piece):
        array.take(answer[start : start + piece])
    return array.found, json.loads(array.rest)["data"]


def written(found: object, *, separators: tuple[str, str] = (",", ":")) -> bytes:
    return json.dumps({"data": found, "status": "success"}, separators=separators).encode()


@settings(max_examples=150, deadline=None)
@given(st.lists(elements, max_size=12), st.integers(1, 50), st.integers(1, 200))
def test_an_array_that_is_cut_holds_what_the_whole_holds(
    found: list[dict[str, Any]], piece: int, at_a_time: int
) -> None:
    on_the_way, left = read(written(found), piece=piece, at_a_time=at_a_time)

    assert on_the_way + left == found


def test_little_is_left_of_a_long_answer() -> None:
    found = [{"labels": str(number)} for number in range(1_000)]

    on_the_way, left = read(written(found), piece=64, at_a_time=256)

    assert len(on_the_way) > 980
    assert on_the_way + left == found


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(written([{"labels": "a"}] * 9, separators=(", ", ": ")), id="with spaces"),
        pytest.param(
            b'{"none":[{"labels":"a"},{"labels":"b"},{"labels":"c"}],"data":[{"labels":"d"}]}',
            id="another array before it",
        ),
    ],
)
def test_an_answer_that_is_written_otherwise_is_read_as_a_whole(answer: bytes) -> None:
    on_the_way, left = read(answer, piece=8, at_a_time=40)

    assert (on_the_way, left) == ([], json.loads(answer)["data"])


def test_an_array_that_would_be_cut_inside_of_an_element_cannot_be_read() -> None:
    """Unreadable is unknown (S5); half of an element must never be taken for one."""
    answer = written([{"labels": [{"labels": "a"}, {"labels": "b"}, {"labels": "c"}]}] * 3)

    with pytest.raises(json.JSONDecodeError):
        read(answer, piece=200, at_a_time=30)
