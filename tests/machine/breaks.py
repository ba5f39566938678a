"""Breaks the receiver in a copy, one rule at a time, and demands that the machine finds it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
BREAKS = Path(__file__).with_name("breaks.yaml")
SEQUENCES = 300
"""In so many it must be found."""
AT_A_TIME = 10
"""Of more, Hypothesis makes most from parts of one another: they would be about the same few."""
NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class Edit:
    file: str
    old: str
    new: str

    def applied(self, root: Path) -> str:
        """Return the whole file as it is then.

        Raises:
            LookupError: the text is not there, or more than once.
        """
        text = (root / self.file).read_text()
        if text.count(self.old) != 1:
            raise LookupError(f"{self.file}: found {text.count(self.old)} times: {self.old!r}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Break:
    rule: str
    why: str
    edits: tuple[Edit, ...]
    machine: str
    """Which one looks for it, by its name in `__main__.py`."""

    @property
    def title(self) -> str:
        return f"{self.rule}: {self.why}"


def every_break() -> Iterator[Break]:
    for each in yaml.safe_load(BREAKS.read_text()):
        edits = tuple(Edit(**edit) for edit in each["edits"])
        yield Break(each["rule"], each["why"], edits, each.get("machine", "alone"))


def are_found(only: str, *, seed: int, jobs: int) -> bool:
    """Say of each break how it was found. Return False if one was not."""
    breaks = [each for each in every_break() if re.search(only, each.title)]
    with tempfile.TemporaryDirectory(prefix="gpu-watchdog-breaks-") as folder:
        # Before the first runs: a text that is not found is seen at once.
        roots = [_broken(each, Path(folder, str(i))) for i, each in enumerate(breaks)]
        with ThreadPoolExecutor(jobs) as pool:
            found = list(pool.map(lambda one, root: _is_found(one, root, seed), breaks, roots))
    sys.stdout.write(f"{sum(found)} of {len(found)} breaks were found\n")
    return all(found)


def _broken(one: Break, root: Path) -> Path:
    """Return a folder with the broken receiver beside the tests as they are."""
    root.mkdir()
    shutil.copytree(ROOT / "app", root / "app", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "tests").symlink_to(ROOT / "tests")
    for edit in one.edits:
        (root / edit.file).write_text(edit.applied(root))
    return root


def _is_found(one: Break, root: Path, seed: int) -> bool:
    """Tell whether it is found, and nothing is where it is not broken."""
    done = _looks(root, one, SEQUENCES, seed)
    said = done.stdout.strip() or done.stderr[-2000:]
    is_found = done.returncode == 0
    if is_found:
        batch = int(said.partition(" of seed ")[2].split(":")[0])
        without = _found_without(one.rule, one.machine, batch)
        is_found = not without
        said += without
    sys.stdout.write(f"{one.title}\n  {said}\n")
    sys.stdout.flush()
    return is_found


@cache
def _found_without(rule: str, machine: str, seed: int) -> str:
    """Say what is found in the same ten where nothing is broken; empty if nothing is."""
    done = _looks(ROOT, Break(rule, "", (), machine), AT_A_TIME, seed)
    kept = done.stdout.startswith(NOT_FOUND)
    return "" if kept else f"\n  but without the break: {done.stdout or done.stderr[-2000:]}"


def _looks(root: Path, one: Break, sequences: int, seed: int) -> subprocess.CompletedProcess[str]:
    wanted = ["--until", f"{one.rule}:", "--machine", one.machine]
    wanted += ["--sequences", str(sequences), "--seed", str(seed)]
    # Its working directory comes first where Python looks for modules.
    return subprocess.run(  # noqa: S603 -- this very program.
        [sys.executable, "-m", "tests.machine", *wanted],
        cwd=root,
        # The same seed leads to the same sequences.
        env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
