from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.rules.feed import Shortened
from benchmarks.rules.report import (
    BEGIN,
    END,
    growth_section,
    page,
    put_into,
    size_section,
    verdict_lines,
)
from benchmarks.rules.targets import Verdict
from tests.benchmarks.figures import group, size

MAPPING_RULE = ("`bare mapping query:rule`", "125.0 ms", "1.25")
BARE_RULE = ("`bare window query:rule`", "100.0 ms", "1.00")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_group_has_its_row_and_the_bare_query_is_last() -> None:
    slow = group("slow", 0.25, ("l:a:max", 0.2), ("l:b:max", 0.05), bare=0.1)
    one = size(1_000, slow, group("fast", 0.01, bare=0.1), bare=0.1)

    lines = size_section(one).splitlines()

    assert lines[0] == "### 1,000 GPUs"
    assert [cells(line) for line in lines[-4:]] == [
        ["slow", "10", "250.0 ms", "2.50", "`l:a:max`", "200.0 ms", "2.00"],
        ["fast", "10", "10.0 ms", "0.10", "`fast:rule`", "10.0 ms", "0.10"],
        ["bare mapping query", "10", "125.0 ms", "1.25", *MAPPING_RULE],
        ["bare window query", "10", "100.0 ms", "1.00", *BARE_RULE],
    ]
    assert len({len(line) for line in lines[-6:]}) == 1, "the columns are aligned"


def test_cluster_is_described_with_what_prometheus_took() -> None:
    text = size_section(size(1_000, group("g", 0.1)))

    assert "125 agents; 333 allocations run, 3,000 have ended." in text
    assert "60,000 scraped and 20,000 recorded series." in text
    assert "at most 1,024 MiB resident" in text
    assert "Other programs took 5% of the processors" in text


def test_what_was_left_out_is_said() -> None:
    one = replace(size(100, group("g", 0.1)), shortened=(Shortened("l:a:max", 10, 40),))

    assert "Of the past of `l:a:max`, 10 of 40 samples were kept." in size_section(one)


def test_growth_has_a_column_for_each_step_and_brackets_for_noise() -> None:
    sizes = [
        size(
            100,
            group("slow", 0.02, bare=0.01),
            group("fast", 0.001, bare=0.01),
            bare=0.01,
            mapping=0.02,
        ),
        size(
            1_000,
            group("slow", 0.1, bare=0.1),
            group("fast", 0.002, bare=0.1),
            bare=0.1,
            mapping=0.3,
        ),
        size(
            10_000,
            group("slow", 1.2, bare=1.0),
            group("fast", 0.004, bare=1.0),
            bare=1.0,
            mapping=3.0,
        ),
    ]

    assert growth_section(sizes).splitlines()[2:] == [
        "| group              | 100 to 1,000 | 1,000 to 10,000 |",
        "| ------------------ | -----------: | --------------: |",
        "| slow               |         0.50 |            1.20 |",
        "| fast               |       (0.20) |          (0.20) |",
        "| bare mapping query |         1.50 |            1.00 |",
    ]


def test_verdicts_say_pass_or_fail() -> None:
    verdicts = [
        Verdict(passed=True, target="a", found="b"),
        Verdict(passed=False, target="c", found="d"),
    ]

    assert list(verdict_lines(verdicts)) == ["PASS  a: b", "FAIL  c: d"]


def test_page_has_the_machine_all_sizes_growth_and_verdicts() -> None:
    sizes = [size(100, group("g", 0.1)), size(1_000, group("g", 0.1))]

    text = page("A machine.", sizes, [Verdict(passed=True, target="a", found="b")])

    places = [
        text.index(part)
        for part in ("A machine.", "### 100 GPUs", "### 1,000 GPUs", "### Growth", "PASS  a: b")
    ]
    assert places == sorted(places)


def test_figures_are_replaced_and_the_text_around_them_stays(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    path.write_text(f"# Title\n\nBefore.\n\n{BEGIN}\n\nold\n\n{END}\n\nAfter.\n")

    put_into(path, "new")
    put_into(path, "newer")

    assert path.read_text() == f"# Title\n\nBefore.\n\n{BEGIN}\n\nnewer\n\n{END}\n\nAfter.\n"


def test_page_that_is_not_there_is_made(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"

    put_into(path, "new")

    assert path.read_text() == f"{BEGIN}\n\nnew\n\n{END}\n"


@pytest.mark.parametrize("text", ["# Title\n", f"{END}\n{BEGIN}\n", BEGIN], ids=repr)
def test_page_without_a_place_for_figures_is_left_alone(text: str, tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    path.write_text(text)

    with pytest.raises(ValueError, match="has no lines"):
        put_into(path, "new")

    assert path.read_text() == text
