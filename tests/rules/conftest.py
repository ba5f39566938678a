import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

Tool = Callable[..., subprocess.CompletedProcess[str]]
Expand = Callable[[str, Mapping[str, str]], str]


@pytest.fixture(scope="session")
def run_tool() -> Tool:
    """Run promtool or amtool, and return what it answered."""

    def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        program = shutil.which(name)
        assert program, f"{name} is not installed; Debian has it in prometheus(-alertmanager)"
        return subprocess.run(  # noqa: S603  # our own arguments
            [program, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run
