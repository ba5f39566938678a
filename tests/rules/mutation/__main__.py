"""Breaks rules or evidence, one condition at a time, and says which of them no test misses."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from demo.processes import find_program
from tests.rules.mutation.evidence import broken_evidence
from tests.rules.mutation.mutants import Mutant, mutants

_ROOT = Path(__file__).parents[3]
_RULES = _ROOT / "alerting-rules"
_EQUIVALENT = Path(__file__).parent / "equivalent.yaml"


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that lacks a condition."""

    path: Path
    """Of the file of rules."""
    rule: str
    window: str
    """Empty where there is none."""
    place: tuple[int, int]
    """The numbers of its group and of itself in the group."""
    mutant: Mutant

    @property
    def title(self) -> str:
        return f"{self.rule} {self.window}".strip()


def every_broken_rule() -> Iterator[Broken]:
    for path in sorted(_RULES.glob("*.rules.yaml")):
        for number, group in enumerate(yaml.safe_load(path.read_text())["groups"]):
            for place, rule in enumerate(group["rules"]):
                name = rule.get("record") or rule["alert"]
                window = rule.get("labels", {}).get("window", "")
                for mutant in mutants(str(rule["expr"])):
                    yield Broken(path, name, window, (number, place), mutant)


def equivalents() -> dict[str, dict[str, str]]:
    """Return why a rule without a condition says the same, by rule and condition."""
    found: dict[str, dict[str, str]] = yaml.safe_load(_EQUIVALENT.read_text()) or {}
    return found


class Tests:
    """promtool's tests, each in a file of its own, in a copy of the folder where rules break."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._promtool = find_program("PROMTOOL", "promtool")
        shutil.copytree(_RULES, folder, dirs_exist_ok=True)
        self._texts = {
            path: text for file in _RULES.glob("tests/*.test.yaml") for path, text in _apart(file)
        }
        for path, text in self._texts.items():
            (folder / "tests" / path).write_text(text)
        self._seconds: dict[Path, float] = defaultdict(float)
        self._last: dict[str, Path] = {}
        """The test that missed something else of the rule."""
        self._trusted: set[Path] = set()
        """Those that pass when nothing is broken."""

    def that_miss(self, broken: Broken) -> str:
        """Return the first test that goes red; empty if none does."""
        path = self._folder / broken.path.name
        path.write_text(_without(broken))
        try:
            self._require_valid(path, broken)
            red = next((test for test in self._of(broken) if not self._passes(test)), None)
        finally:
            shutil.copy(broken.path, path)
        if red is None:
            return ""
        self._require_trusted(red)
        self._last[broken.rule] = red
        return red.stem

    def _require_trusted(self, test: Path) -> None:
        if test not in self._trusted and not self._passes(test):
            raise ValueError(f"{test.stem} fails though nothing is broken")
        self._trusted.add(test)

    def _of(self, broken: Broken) -> list[Path]:
        """Return those that load the rule: first those that name it, and the quick ones."""
        loading = [path for path, text in self._texts.items() if f"../{broken.path.name}" in text]
        last = self._last.get(broken.rule)
        return sorted(
            loading,
            key=lambda path: (
                path != last,
                broken.rule not in self._texts[path],
                self._seconds[path],
            ),
        )

    def _passes(self, test: Path) -> bool:
        began = time.monotonic()
        passed = self._run("test", "rules", str(self._folder / "tests" / test)).returncode == 0
        self._seconds[test] = time.monotonic() - began
        return passed

    def _require_valid(self, path: Path, broken: Broken) -> None:
        checked = self._run("check", "rules", str(path))
        if checked.returncode:
            raise ValueError(f"{broken.title}, {broken.mutant.name}: {checked.stderr}")

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  # our own arguments
            [self._promtool, *arguments], capture_output=True, text=True, check=False
        )


def _apart(file: Path) -> Iterator[tuple[Path, str]]:
    """Yield each test of a file as a file."""
    document = yaml.safe_load(file.read_text())
    for number, test in enumerate(document.pop("tests"), 1):
        name = file.name.removesuffix(".test.yaml")
        text = yaml.safe_dump({**document, "tests": [test]}, sort_keys=False, width=10_000)
        yield Path(f"{name}-{number}.yaml"), text


def _without(broken: Broken) -> str:
    document: Mapping[str, Any] = yaml.safe_load(broken.path.read_text())
    group, rule = broken.place
    document["groups"][group]["rules"][rule]["expr"] = broken.mutant.expression
    return yaml.safe_dump(document, sort_keys=False, width=10_000)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make mutate-rules", description=__doc__)
    parser.add_argument("--rules", default="", help="a part of the title of the rules to break")
    parser.add_argument("--files", default="", help="a part of the names of their files")
    parser.add_argument("--evidence", action="store_true", help="break that of alerts instead")
    chosen = parser.parse_args(argv)
    if chosen.evidence:
        return _report(broken_evidence(chosen.rules))
    with tempfile.TemporaryDirectory(prefix="gpu-watchdog-mutants-") as folder:
        tests = Tests(Path(folder))
        return _report(
            (one.title, one.mutant, tests.that_miss(one))
            for one in every_broken_rule()
            if chosen.rules in one.title and chosen.files in one.path.name
        )


def _report(results: Iterator[tuple[str, Mutant, str]]) -> int:
    explained = equivalents()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    wrong = 0
    for title, mutant, red in results:
        why = explained.get(title, {}).get(mutant.name, "")
        outcome = _outcome(red, why)
        counts[title][outcome] += 1
        wrong += outcome not in {"red", "the same"}
        print(f"{outcome:9} {title}: {mutant.name}  {red or why}", flush=True)
    print()
    for title, outcomes in counts.items():
        print(f"{title}: {outcomes.total()} conditions, {dict(outcomes)}")
    return int(bool(wrong))


def _outcome(red: str, why: str) -> str:
    if red:
        return "LISTED" if why else "red"
    return "the same" if why else "SURVIVED"


if __name__ == "__main__":
    sys.exit(main())
