"""Says which mutants no test of the domain has noticed, and is content with the explained ones.

Called by `scripts/mutate`, in the folder where mutmut has run.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXPLAINED = Path(__file__).with_name("explained.toml")
NOTICED, UNNOTICED = {1, 3}, {0, 5, 33}
"""mutmut's exit codes: a test failed or could not run; all passed, or there was none."""
TRIED = NOTICED | UNNOTICED
_NAME = re.compile(r"^(?P<module>.+)\.(?:x_|xǁ(?P<owner>\w+)ǁ)(?P<function>.+)__mutmut_\d+$")


@dataclass(frozen=True, slots=True)
class Mutant:
    where: str
    was: str
    became: str


def main() -> int:
    explained = explained_ones(tomllib.loads(EXPLAINED.read_text()))
    survivors = set(_survivors(Path("mutants")))
    for each in sorted(survivors - explained.keys(), key=str):
        say(f"not noticed, not explained: {each.where}\n- {each.was}\n+ {each.became}")
    for each in sorted(explained.keys() - survivors, key=str):
        say(f"explained, but noticed or gone: {each.where}\n- {each.was}\n+ {each.became}")
    say(f"{len(survivors)} mutants were not noticed, {len(explained)} are explained.")
    return int(survivors != explained.keys())


def explained_ones(file: dict[str, Any]) -> dict[Mutant, str]:
    """Return why each is left alone."""
    return {
        Mutant(each["where"], each["was"], each["became"]): each["why"] for each in file["mutant"]
    }


def _survivors(folder: Path) -> Iterator[Mutant]:
    """Yield what lived on.

    Raises:
        SystemExit: one was not tried, or not to its end, so nothing is known.
    """
    found = sorted(folder.rglob("*.py.meta"))
    codes = [json.loads(path.read_text())["exit_code_by_key"] for path in found]
    left = [name for each in codes for name, code in each.items() if code not in TRIED]
    if not codes or left:
        raise SystemExit(f"mutmut has not tried all mutants to their end: {left}")
    for each in codes:
        for name, code in each.items():
            if code in UNNOTICED:
                yield _mutant(name)


def _mutant(name: str) -> Mutant:
    shown = subprocess.run(  # noqa: S603 -- the program beside this one.
        [sys.executable, "-m", "mutmut", "show", name], capture_output=True, text=True, check=True
    )
    return mutant_of(name, shown.stdout)


def mutant_of(name: str, diff: str) -> Mutant:
    """Read mutmut's name and difference: by what they say a mutant is known for longer than by its
    number, which changes with any line before it.
    """
    found = _NAME.match(name)
    if found is None:
        raise SystemExit(f"mutmut names a mutant in another way: {name}")
    where = ".".join(filter(None, (found["module"], found["owner"], found["function"])))
    changes = [line for line in diff.splitlines() if re.match(r"[-+](?![-+]{2} )", line)]
    was, became = (
        " ".join(line[1:].strip() for line in changes if line[0] == sign).strip() for sign in "-+"
    )
    return Mutant(where, was, became)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
