"""Nothing but `lifecycle` assigns a state: the life of an incident can be read in one place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app"
OF_AN_INTENT = re.compile(r"IntentState\.|event\.state$")
"""Intents have states of their own, and events tell of no others."""


def assigned(source: str) -> Iterator[int]:
    """Yield the lines that make an incident of another state, or set one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _makes_a_state(node):
            yield node.lineno
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and _sets_a_state(node):
            yield node.lineno


def _makes_a_state(call: ast.Call) -> bool:
    called = ast.unparse(call.func).rpartition(".")[2]
    if called in {"setattr", "__setattr__"}:
        return any("'state'" in ast.unparse(argument) for argument in call.args)
    states = [ast.unparse(word.value) for word in call.keywords if word.arg == "state"]
    made = called in {"replace", "Incident"}
    return made and any(not OF_AN_INTENT.search(state) for state in states)


def _sets_a_state(node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(each, ast.Attribute) and each.attr == "state" for each in targets)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("replace(incident, state=IncidentState.HELD)", [1]),
        ("dataclasses.replace(incident, state=state)", [1]),
        ("Incident(state=S.FIRING)", [1]),
        ("incident.state = S.HELD", [1]),
        ("object.__setattr__(incident, 'state', S.HELD)", [1]),
        ("replace(intent, state=IntentState.SENT)", []),
        ("replace(intent, state=event.state)", []),
        ("replace(incident, round=1)", []),
        ("IncidentSummary(state=incident.state)", []),
    ],
    ids=[
        "replaced",
        "replaced by a variable",
        "made",
        "set",
        "set in spite of all",
        "an intent's",
        "an intent's from an event",
        "another field",
        "shown",
    ],
)
def test_what_counts_as_an_assignment(source: str, lines: list[int]) -> None:
    assert list(assigned(source)) == lines


def test_nothing_but_lifecycle_assigns_a_state_after_the_first() -> None:
    places = {
        str(path.relative_to(APP))
        for path in APP.rglob("*.py")
        if list(assigned(path.read_text(encoding="utf-8")))
    }

    assert places == {"domain/opening.py", "domain/lifecycle.py"}
