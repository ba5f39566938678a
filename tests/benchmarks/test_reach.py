import pytest

from benchmarks.rules.reach import LOOKBACK, Window, farthest, names_read, reach

METRICS = {"a", "b", "c", "a:b:max1m"}


@pytest.mark.parametrize(
    ("expression", "windows"),
    [
        pytest.param("a", {"a": {Window(0, LOOKBACK)}}, id="the last sample"),
        pytest.param('a{b="[7d]"}', {"a": {Window(0, LOOKBACK)}}, id="brackets in a text"),
        pytest.param("a # b[7d]\n", {"a": {Window(0, LOOKBACK)}}, id="a comment"),
        pytest.param('a{b="}"}[1d]', {"a": {Window(0, 86_400)}}, id="a brace in a text"),
        pytest.param("a[30m]", {"a": {Window(0, 1_800)}}, id="a range"),
        pytest.param('a{b=~"c|d"}[1h30m]', {"a": {Window(0, 5_400)}}, id="a range of some"),
        pytest.param("a:b:max1m offset 40m", {"a:b:max1m": {Window(2_400, 300)}}, id="an offset"),
        pytest.param("a[10m] offset 1d", {"a": {Window(86_400, 600)}}, id="both"),
        pytest.param("a[1h:5m]", {"a": {Window(0, 3_600)}}, id="a subquery of a selector"),
        pytest.param(
            "max_over_time((a - b[5m])[1h:15s] offset 7d) / c",
            {
                "a": {Window(604_800, 3_900)},
                "b": {Window(604_800, 3_900)},
                "c": {Window(0, 300)},
            },
            id="a subquery adds to what it holds",
        ),
        pytest.param(
            "a / scalar(count_over_time(vector(1)[30m:15s]))",
            {"a": {Window(0, 300)}},
            id="a subquery adds to nothing else",
        ),
    ],
)
def test_windows_of_an_expression(expression: str, windows: dict[str, set[Window]]) -> None:
    found = reach([expression])

    metrics = {name: found[name] for name in found if name in METRICS}
    assert metrics == windows


def test_windows_of_several_expressions_come_together() -> None:
    found = reach(["a[5m]", "a[1h]", "rate(a[5m])"])

    assert found["a"] == {Window(0, 300), Window(0, 3_600)}


def test_pattern_reads_the_known_names_that_it_takes_in() -> None:
    expression = 'count by (x) ({__name__=~"l:(a|b):max"}) + l:c:max'

    found = names_read([expression], ["l:a:max", "l:b:max1h", "l:d:max"])

    assert found >= {"l:a:max", "l:c:max"}
    assert not found & {"l:b:max1h", "l:d:max"}


def test_farthest_window_counts_offset_and_length() -> None:
    assert farthest([Window(0, 3_600), Window(86_400, 300)]) == 86_700
    assert farthest([]) == 0


def test_broken_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="never opened"):
        reach(["a)[1h:1m]"])
