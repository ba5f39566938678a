"""Breaks the `evidence` of alerts, one condition at a time, in what tests/rules/test_evidence asks.

Nothing is recorded in there: promtool answers all the broken queries of a test at once.
"""

import json
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.processes import find_program
from tests.rules.mutation.mutants import Mutant, mutants
from tests.rules.proof_world import BOB, Series, promtool_test, sample

_TESTS = Path(__file__).parents[1] / "test_evidence.py"


@dataclass(frozen=True, slots=True)
class Question:
    test: str
    alert: str
    series: Series
    ages: tuple[tuple[str, float | None], ...]
    identity: Mapping[str, str]


class Questions:
    """A plugin of pytest with which the tests say what they would ask, and do not ask it."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self._alerts: dict[str, dict[str, Any]] = {}
        self._expand: Callable[[str, Mapping[str, str]], str]

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        value = yield
        if fixturedef.argname in {"alerts", "expand"}:
            setattr(self, f"_{fixturedef.argname}", value)
        return value

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> None:
        def note(
            asked: Iterable[str],
            series: Series,
            *ages: tuple[str, float | None],
            identity: Mapping[str, str] = BOB,
        ) -> None:
            self.asked += [
                Question(pyfuncitem.name, alert, series, ages, identity) for alert in asked
            ]

        if "answers" in pyfuncitem.funcargs:
            pyfuncitem.funcargs["answers"] = note

    def evidence(self, alert: str, identity: Mapping[str, str] = BOB) -> str:
        return self._expand(self._alerts[alert]["annotations"]["evidence"], identity)


def broken_evidence(part: str = "") -> Iterator[tuple[str, Mutant, str]]:
    """Yield what evidence lacks, and the test that goes red; empty if none does.

    Alerts of one text count as the first of them. `part` is a part of its name.

    Raises:
        ValueError: the tests cannot be read, or one fails though nothing is broken.
    """
    questions = Questions()
    if pytest.main(["-qqq", "-p", "no:cacheprovider", str(_TESTS)], plugins=[questions]):
        raise ValueError(f"{_TESTS.name} does not ask")
    first: dict[str, str] = {}
    for question in questions.asked:
        first.setdefault(questions.evidence(question.alert), question.alert)
    for text, alert in first.items():
        if part in alert:
            red = _red(questions, alert)
            for mutant in mutants(text):
                yield f"{alert} evidence", mutant, red.get(mutant.name, "")


def _red(questions: Questions, alert: str) -> dict[str, str]:
    """Return the first test that each of the mutants turns red, by name."""
    red: dict[str, str] = {}
    names = [mutant.name for mutant in mutants(questions.evidence(alert))]
    for question in questions.asked:
        if question.alert != alert:
            continue
        query = questions.evidence(alert, question.identity)
        broken = zip(names, mutants(query), strict=True)
        queries = {name: one.expression for name, one in broken if name not in red}
        failed = _failed(question, [query, *queries.values()])
        if query in failed:
            raise ValueError(f"{question.test} fails though nothing is broken")
        red |= {name: question.test for name, text in queries.items() if text in failed}
    return red


def _failed(question: Question, queries: list[str]) -> set[str]:
    """Return those that answer something else than the test expects."""
    cases = [
        {"expr": query, "eval_time": at, "exp_samples": [] if age is None else [sample(age)]}
        for query in queries
        for at, age in question.ages
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".test.yaml") as file:
        # JSON is YAML, and quickly written.
        json.dump(promtool_test(question.series, cases), file)
        file.flush()
        done = subprocess.run(  # noqa: S603  # our own arguments
            [find_program("PROMTOOL", "promtool"), "test", "rules", file.name],
            capture_output=True,
            text=True,
            check=False,
        )
    said = done.stdout + done.stderr
    failed = {query for query in queries if f"expr: {json.dumps(query)}, time" in said}
    if done.returncode and not failed:
        raise ValueError(said)
    return failed
