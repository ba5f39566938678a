"""The Dockerfile, as instructions."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Instruction:
    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """Return the rest without its options, as a list in JSON or as words."""
        text = re.sub(r"^(?:--\S+\s+)+", "", self.rest)
        if text.startswith("CMD "):
            text = text.removeprefix("CMD ")
        found: list[str] = json.loads(text) if text.startswith("[") else text.split()
        return found


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage, each beginning with its FROM."""
    lines = [
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.strip()[:1] != "#"
    ]
    found: list[list[Instruction]] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            found.append([])
        if name and found:
            found[-1].append(Instruction(name, rest.strip()))
    return found


def one(stage: list[Instruction], name: str) -> Instruction:
    [found] = [each for each in stage if each.name == name]
    return found
