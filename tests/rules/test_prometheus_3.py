"""What Prometheus 3 reads in another way than 2.42, which the rules do without."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from shutil import copytree
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from benchmarks.rules.reach import seconds
from tests.rules.mutation.promql import parse

FOLDER = Path(__file__).parents[2] / "alerting-rules"
RULES = sorted(FOLDER.glob("*.rules.yaml"))
Tool = Callable[..., CompletedProcess[str]]


@cache
def rules() -> list[dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text()) for path in RULES]
    return [rule for one in documents for group in one["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    for rule in rules():
        yield str(rule["expr"])
        # What the receiver asks before it stops something.
        yield from (rule.get("annotations", {}).get(name, "") for name in ("verify", "evidence"))


def left_open(document: dict[str, Any]) -> str:
    """Return rules whose windows lack their first instant, as all windows of Prometheus 3 do."""
    for group in document["groups"]:
        for rule in group["rules"]:
            rule["expr"] = re.sub(
                r"\[(\w+)(:\w+)?\]",
                lambda found: f"[{seconds(found[1]) * 1_000 - 1}ms{found[2] or ''}]",
                str(rule["expr"]),
            )
    return yaml.safe_dump(document, sort_keys=False)


@pytest.mark.parametrize(
    "name", ["coverage", "windows", "verdicts", "order", "signals", "preparation", "last-minutes"]
)
def test_rules_say_the_same_when_windows_are_open_on_the_left(
    name: str, tmp_path: Path, run_tool: Tool
) -> None:
    """Their limits are ratios of what is there to what a window holds, so one sample less of both
    moves none of them. Edges of other windows move by a single row.
    """
    copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    for path in RULES:
        (tmp_path / path.name).write_text(left_open(yaml.safe_load(path.read_text())))

    result = run_tool("promtool", "test", "rules", tmp_path / f"tests/{name}.test.yaml")

    assert result.returncode == 0, result.stdout + result.stderr


def test_no_function_is_called_that_was_renamed() -> None:
    for expression in expressions():
        assert not re.search(r"\bholt_winters\b", expression)


def test_dot_that_would_match_a_line_break_stands_for_labels_without_any() -> None:
    for expression in expressions():
        for label, pattern in re.findall(r'(\w+)\s*[=!]~\s*"([^"]*)"', expression):
            assert not re.search(r"(?<!\\)\.", pattern) or label == "gpu_uuid", pattern


def test_no_bucket_or_quantile_is_selected() -> None:
    """Prometheus 3 writes `le="1.0"` where 2.42 keeps the exporter's `le="1"`."""
    for expression in expressions():
        assert not re.search(r"\b(le|quantile)\s*(=|!)", expression)


def test_expressions_are_in_the_language_of_both() -> None:
    """No quoted names, no `@`, no durations that are calculated: what is parsed here has none."""
    for rule in rules():
        parse(str(rule["expr"]))
