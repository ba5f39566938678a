"""What holds for the repository as a whole. The checks that search also meet an offender."""

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_MODULE = 300
NOT_OURS = {".git", ".venv", ".venv-det", ".build", "state", "__pycache__"}

# Cut in two, so that this file does not hold what it forbids.
MACHINE = re.compile(
    r"\bpypi"
    r"\.org|python"
    r"hosted\.org|dev"
    r"pi|artifact"
    r"ory|--(?:extra-)?index"
    r"-url\s+\S|--find"
    r"-links\s+\S"
    r"|(?<![\w.])/(?:root|work)/\w"
)
REQUIREMENT = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==(?P<version>[^\s;]+)")


def tracked_files() -> list[Path]:
    git = shutil.which("git")
    if git:
        listed = subprocess.run(  # noqa: S603  # our own arguments
            [git, "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False
        )
        if listed.returncode == 0:
            files = [ROOT / line for line in listed.stdout.splitlines()]
            return [path for path in files if path.is_file()]
    # An archive, or a machine without git.
    found = ROOT.rglob("*")
    return [p for p in found if p.is_file() and not NOT_OURS & set(p.relative_to(ROOT).parts)]


def machine_names(text: str) -> list[str]:
    """Return what is true only on somebody's machine: registries and personal paths."""
    return [found[0] for found in MACHINE.finditer(text)]


def requirements(text: str) -> Iterator[str]:
    """Yield each requirement of a locked file as one line, its hashes included."""
    joined = text.replace("\\\n", " ")
    yield from (line for line in joined.splitlines() if line and not line.lstrip().startswith("#"))


def is_locked(requirement: str) -> bool:
    return bool(REQUIREMENT.match(requirement)) and "--hash=sha256:" in requirement


def versions(path: Path) -> dict[str, str]:
    found = [REQUIREMENT.match(line) for line in requirements(path.read_text())]
    return {match["name"]: match["version"] for match in found if match}


def targets(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*?## ", makefile, flags=re.MULTILINE))


def named_targets(page: str) -> set[str]:
    """Return what a page tells people to make: in code spans and in blocks of commands."""
    return set(re.findall(r"(?:`|^\$ |^)make ([a-z-]+)", page, flags=re.MULTILINE))


def are_consecutive(numbers: Sequence[int]) -> bool:
    return list(numbers) == list(range(1, len(numbers) + 1))


def decisions() -> list[Path]:
    folder = ROOT / "docs/decisions"
    return sorted(path for path in folder.iterdir() if path.name != "README.md")


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = {}
    for path in tracked_files():
        names = machine_names(path.read_bytes().decode(errors="replace"))
        if names:
            found[str(path.relative_to(ROOT))] = names

    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("see https://py" + "pi.org/simple", id="registry"),
        pytest.param(
            "https://files.python" + "hosted.org/packages/a.whl", id="files of a registry"
        ),
        pytest.param("--index" + "-url https://mirror/simple", id="an index of one's own"),
        pytest.param("--find" + "-links /opt/wheels", id="a folder of wheels"),
        pytest.param("cat /ro" + "ot/notes", id="home of root"),
        pytest.param("'/wo" + "rk/somewhere/app'", id="a personal folder"),
    ],
)
def test_names_of_machines_are_recognized(text: str) -> None:
    assert machine_names(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("--no-emit-index" + "-url --no-emit-find" + "-links --universal", id="flags"),
        pytest.param("demo/wo" + "rk/x and https://example.org/wo" + "rk/x", id="inside a path"),
    ],
)
def test_other_text_is_not_taken_for_a_machine(text: str) -> None:
    assert not machine_names(text)


def test_modules_stay_short() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in tracked_files()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] in {"app", "benchmarks", "demo", "grafana"}
    }

    assert lengths, "no module was found: the check looks in the wrong place"
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE} == {}


def test_end_to_end_tests_are_where_they_are_run() -> None:
    """Else scripts/test would leave them out, and nobody would see it."""
    mark = "mark." + "e2e"
    marked = [path for path in ROOT.glob("tests/**/*.py") if mark in path.read_text()]

    assert marked
    assert [path for path in marked if not path.is_relative_to(ROOT / "tests/e2e")] == []


def test_decisions_are_numbered_without_gaps() -> None:
    names = [re.fullmatch(r"(\d{4})-[a-z0-9-]+\.md", path.name) for path in decisions()]

    assert all(names), "a decision is called NNNN-some-words.md"
    assert are_consecutive([int(name[1]) for name in names if name])


@pytest.mark.parametrize("numbers", [[2], [1, 3], [1, 1]], ids=["no first", "a gap", "twice"])
def test_wrong_numbers_are_seen(numbers: list[int]) -> None:
    assert not are_consecutive(numbers)


@pytest.mark.parametrize("path", decisions(), ids=lambda path: path.stem)
def test_decision_has_its_shape_and_is_listed(path: Path) -> None:
    page = path.read_text()
    overview = (ROOT / "docs/decisions/README.md").read_text()

    headings = re.findall(r"^## (.+)$", page, flags=re.MULTILINE)

    assert page.startswith(f"# {path.name[:4]}: ")
    assert headings == ["Context", "Decision", "Consequences", "Alternatives"]
    assert f"({path.name})" in overview


@pytest.mark.parametrize("path", decisions(), ids=lambda path: path.stem)
def test_files_that_a_decision_names_exist(path: Path) -> None:
    _, _, files = path.read_text().partition("\nFiles: ")

    named = re.findall(r"`([^`]+)`", files)

    assert named, f"{path.name} ends without the files that it is about"
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_make_targets_that_are_named_exist(name: str) -> None:
    known = targets((ROOT / "Makefile").read_text())

    named = named_targets((ROOT / name).read_text())

    assert named, f"{name} names no target: does it say how to start?"
    assert named <= known


def test_named_targets_are_found() -> None:
    page = "Run `make demo KEEP=1`, or:\n\n```console\n$ make test\n```\n\nThese make sense."

    assert named_targets(page) == {"demo", "test"}


@pytest.mark.parametrize("name", ["run", "dev", "build", "ansible", "det", "uv"])
def test_every_requirement_is_locked_by_version_and_hash(name: str) -> None:
    locked = list(requirements((ROOT / f"requirements/{name}.txt").read_text()))

    assert locked, "the file holds no requirement"
    assert [line for line in locked if not is_locked(line)] == []


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("httpx>=0.28 --hash=sha256:00", id="a range"),
        pytest.param("httpx==0.28.1", id="no hash"),
        pytest.param("-r other.txt", id="another file"),
    ],
)
def test_unlocked_requirement_is_seen(line: str) -> None:
    assert not is_locked(line)


def test_every_dependency_is_in_the_locked_files() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run, dev = versions(ROOT / "requirements/run.txt"), versions(ROOT / "requirements/dev.txt")

    needed = {re.split(r"[\[<>=~ ]", name)[0] for name in project["project"]["dependencies"]}
    needed_by_developers = {
        re.split(r"[\[<>=~ ]", name)[0] for name in project["dependency-groups"]["dev"]
    }

    assert needed - run.keys() == set(), "make lock renews requirements/run.txt"
    assert needed_by_developers - dev.keys() == set(), "make lock renews requirements/dev.txt"


def test_developers_test_the_versions_that_run() -> None:
    run, dev = versions(ROOT / "requirements/run.txt"), versions(ROOT / "requirements/dev.txt")

    assert {name: dev.get(name) for name in run} == run


def test_continuous_integration_runs_what_everybody_runs() -> None:
    script = ROOT / ".ci/run"

    lines = script.read_text().splitlines()

    assert os.access(script, os.X_OK)
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert lines[-1] == "make test"
