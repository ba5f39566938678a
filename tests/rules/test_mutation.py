from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from tests.rules.mutation.__main__ import equivalents, every_broken_rule
from tests.rules.mutation.mutants import Mutant, mutants
from tests.rules.mutation.promql import parse
from tests.rules.proof_world import BOB

Alerts = dict[str, dict[str, Any]]
Expand = Callable[[str, Mapping[str, str]], str]


@pytest.mark.parametrize(
    ("expression", "broken"),
    [
        pytest.param('a{x="1",y!=""}', ['a{y!=""}', 'a{x="1"}'], id="a matcher"),
        pytest.param('{__name__=~"a|b"}', [], id="a name is no condition"),
        pytest.param("sum by (x, y) (a)", ["sum by (y) (a)", "sum by (x) (a)"], id="a label"),
        pytest.param("group by (x) (a)", ["group by () (a)", "(a)"], id="what makes rows one"),
        pytest.param("a and on (x) b or c", ["(a and on (x) b)", "(c)", "(a) or c"], id="a side"),
        pytest.param("a unless b", ["(a)"], id="what must not be"),
        pytest.param("a > 2", ["a > 2.2", "a > 1.8", "a >= 2", "(a)"], id="a limit"),
        pytest.param("a == bool 0", ["a != bool 0"], id="an answer of 0 or 1"),
        pytest.param("a * on (x) group_left () b", ["(a)"], id="a join"),
        pytest.param("max_over_time(a[4h])", ["max_over_time(a[120m])"], id="half a window"),
        pytest.param("a offset 40m", ["a"], id="what was before"),
        pytest.param("0.5 * a", ["0.55 * a", "0.45 * a", "(a)"], id="a share"),
        pytest.param("0 * scalar(a)", ["(0)"], id="a number of a number"),
        pytest.param("vector(0.5)", ["vector(0.55)", "vector(0.45)"], id="a threshold"),
        pytest.param("a / scalar(vector(1))", ["(a)"], id="a row to be counted is no threshold"),
    ],
)
def test_each_condition_is_taken_away_by_itself(expression: str, broken: list[str]) -> None:
    assert [mutant.expression for mutant in mutants(expression)] == broken


def test_operators_bind_as_in_prometheus() -> None:
    node = parse("a or b unless c > 1 - d * 2 ^ e")

    text = "a or b unless c > 1 - d * 2 ^ e"
    rights = []
    while node.kind == "binary":
        node = node.parts[1]
        rights.append(text[node.start : node.end])
    assert rights == [
        "b unless c > 1 - d * 2 ^ e",
        "c > 1 - d * 2 ^ e",
        "1 - d * 2 ^ e",
        "d * 2 ^ e",
        "2 ^ e",
        "e",
    ]


@pytest.mark.parametrize("text", ["a +", "a) b", "sum(a", 'a{x="1"} @ 5', "a; b"])
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"understood|missing"):
        parse(text)


def of_evidence(alerts: Alerts, expand: Expand) -> Iterator[tuple[str, Mutant]]:
    for name, alert in alerts.items():
        if "evidence" in alert["annotations"]:
            for mutant in mutants(expand(alert["annotations"]["evidence"], BOB)):
                yield f"{name} evidence", mutant


def test_mutants_of_a_rule_differ_from_it_and_have_names_of_their_own() -> None:
    found = list(every_broken_rule())

    assert len({(one.path, one.place, one.mutant.name) for one in found}) == len(found) > 800


def test_prometheus_understands_every_mutant(
    alerts: Alerts, expand: Expand, tmp_path: Path, run_tool: Callable[..., CompletedProcess[str]]
) -> None:
    expressions = [one.mutant.expression for one in every_broken_rule()]
    expressions += {mutant.expression for _, mutant in of_evidence(alerts, expand)}
    rules = [
        {"record": "a:b:c", "labels": {"mutant": str(number)}, "expr": expression}
        for number, expression in enumerate(expressions)
    ]
    path = tmp_path / "mutants.rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "mutants", "rules": rules}]}))

    result = run_tool("promtool", "check", "rules", path)

    assert result.returncode == 0, result.stdout + result.stderr


def test_explained_mutants_exist_and_have_a_reason(alerts: Alerts, expand: Expand) -> None:
    found = {(one.title, one.mutant.name) for one in every_broken_rule()}
    found |= {(title, mutant.name) for title, mutant in of_evidence(alerts, expand)}

    for title, reasons in equivalents().items():
        for name, why in reasons.items():
            assert (title, name) in found
            assert why.endswith("."), name
